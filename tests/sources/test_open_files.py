"""Many files read under the limit of open files that the system sets, and files that become others meanwhile."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from dali_mixup.sources import StorageError, open_source
from dali_mixup.sources.archives.open_files import OpenFiles
from tests.tars import contents, write_tar

CHILD = """
import os, resource, sys
import numpy as np
from dali_mixup.sources.archives.open_files import OpenFiles
from dali_mixup.sources.inputs import local_state

def source(number):
    paths = [f"{sys.argv[1]}/{number}-{i}" for i in range(20)]
    for path in paths:
        with open(path, "w") as file:
            file.write(os.path.basename(path))
    states = [local_state(os.stat(path)) for path in paths]
    return OpenFiles(paths, states)

def read(source, files):
    one = np.ones(len(files), np.int64)
    return b"".join(part.tobytes() for part in source.read_all(np.array(files), 0 * one, one)).decode()

def descriptors():
    return len(os.listdir("/proc/self/fd"))

def exhaust():
    taken = []
    try:
        while True:
            taken.append(os.dup(0))
    except OSError:
        return taken

"""

SEVERAL = """
soft = 64
resource.setrlimit(resource.RLIMIT_NOFILE, (soft, soft))
before, sources = descriptors(), [source(number) for number in range(9)]
for _ in range(2):
    for number, each in enumerate(sources):
        assert read(each, list(range(20))) == str(number) * 20
        assert descriptors() - before <= soft // 2
for file in range(20):  # all at a time, as by a loader of several sources
    for number, each in enumerate(sources):
        assert read(each, [file]) == str(number)
assert descriptors() - before == soft // 2, "files stay open"
assert all(len(each._open) >= 2 for each in sources), [len(each._open) for each in sources]
sources.clear()
del each
assert descriptors() == before
"""

EXHAUSTED = """
resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
one, other, third = source(1), source(2), source(3)
read(one, [0, 1, 2])
taken = exhaust()
assert read(one, [3, 4, 0]) == "111", "one of its own is closed for the next"
assert read(other, [0, 1]) == "22", "or one of another's"
one._lock.acquire()  # it is reading
del other
taken += exhaust()
try:
    read(third, [0])
except OSError as error:
    assert error.errno == 24, error
else:
    raise AssertionError("nothing could be closed")
"""

UNLIMITED = """
resource.getrlimit = lambda _: (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
each = source(1)
assert read(each, list(range(20))) == "1" * 20 and len(each._open) == 20
third = source(3)
resource.getrlimit = lambda _: (5, 5)
assert read(third, [0]) == "3" and (len(each._open), len(third._open)) == (1, 1), "the limit was lowered"
"""


@pytest.mark.parametrize("code", [SEVERAL, EXHAUSTED, UNLIMITED], ids=["several", "exhausted", "unlimited"])
def test_the_limit_of_open_files_is_kept(tmp_path: Path, code: str) -> None:
    command = [sys.executable, "-c", CHILD + code, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr


def shard(path: Path, *names: str) -> Path:
    """A tar file whose size does not depend on the names."""
    return write_tar(
        path, [(f"{name}.{ending}", name.encode()) for name in names for ending in ("jpg", "cls")]
    )


def with_times_of(path: Path, other: Path) -> Path:
    status = other.stat()
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    return path


def renamed(path: Path, other: Path) -> None:
    os.replace(with_times_of(other, path), path)


def copied(path: Path, other: Path) -> None:
    shutil.copy2(with_times_of(other, path), path)


@pytest.mark.parametrize("replaced", [renamed, copied])
@pytest.mark.parametrize("read_before", [True, False])
def test_another_archive_of_equal_size_and_time_is_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, replaced: Callable[[Path, Path], None], read_before: bool
) -> None:
    monkeypatch.setattr(OpenFiles, "MOST", 1)
    path, second = shard(tmp_path / "a.tar", "1", "2"), shard(tmp_path / "b.tar", "3", "4")
    source = open_source([path, second])
    if read_before:
        assert contents(source) == [b"1", b"2", b"3", b"4"]  # the first one is closed now
    before = path.stat()
    replaced(path, shard(tmp_path / "c.tar", "2", "1"))
    assert (path.stat().st_size, path.stat().st_mtime_ns) == (before.st_size, before.st_mtime_ns)
    with pytest.raises(StorageError, match=r"has changed since it was indexed.*a\.tar"):
        source.encoded(0)


def test_an_archive_overwritten_while_it_is_open_is_noticed(tmp_path: Path) -> None:
    path = shard(tmp_path / "a.tar", "1", "2")
    source = open_source(path)
    assert contents(source) == [b"1", b"2"]
    copied(path, shard(tmp_path / "c.tar", "2", "1"))
    with pytest.raises(StorageError, match="has changed since it was indexed"):
        source.encoded(0)


@pytest.mark.parametrize("most", [1, 9], ids=["closed", "open"])
def test_permissions_links_and_equal_copies_end_no_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, most: int
) -> None:
    monkeypatch.setattr(OpenFiles, "MOST", most)
    path, second = shard(tmp_path / "a.tar", "1", "2"), shard(tmp_path / "b.tar", "3", "4")
    source = open_source([path, second])
    whole = contents(source)

    def linked() -> None:
        os.link(path, tmp_path / "backup.tar")

    def touched_back() -> None:
        with_times_of(path, path)

    def same_again() -> None:
        copied(path, shard(tmp_path / "c.tar", "1", "2"))

    def same_renamed() -> None:
        renamed(path, shard(tmp_path / "d.tar", "1", "2"))

    for change in (partial(path.chmod, 0o600), linked, touched_back, same_again, same_renamed):
        before = path.stat().st_ctime_ns
        time.sleep(0.02)  # more than the steps of the file system's clock
        change()
        assert path.stat().st_ctime_ns != before
        assert contents(source) == whole
    renamed(path, shard(tmp_path / "e.tar", "2", "1"))
    if most == 1:
        with pytest.raises(StorageError, match="has changed since it was indexed"):
            contents(source)
    else:
        assert contents(source) == whole, "the file that is open is still the old one"
