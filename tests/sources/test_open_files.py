"""Many files read under the limit of open files that the system sets, which other sources and the program share."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

CHILD = """
import os, resource, sys
import numpy as np
from dali_mixup.sources.archives.open_files import OpenFiles

def source(number):
    paths = [f"{sys.argv[1]}/{number}-{i}" for i in range(20)]
    for path in paths:
        with open(path, "w") as file:
            file.write(os.path.basename(path))
    states = [(os.stat(path).st_size, os.stat(path).st_mtime_ns) for path in paths]
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
