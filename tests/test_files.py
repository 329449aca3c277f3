"""A file is written whole or not at all, wherever it lies, and what cannot be written is named."""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch

from dali_mixup._files import NotWritten, cache_folder, check_writable, make_folder, replacing, write_text
from dali_mixup.sources import open_source, write_exclude_list, write_manifest
from dali_mixup.train import checkpoint
from dali_mixup.train.records import Records


def names(folder: Path) -> set[str]:
    return {entry.name for entry in folder.iterdir()}


def test_a_file_is_replaced_and_nothing_is_left_beside_it(tmp_path: Path) -> None:
    target = tmp_path / "a.txt"
    for text in ("one", "Größe\n"):
        write_text(target, text)
        assert target.read_text(encoding="utf-8") == text
    assert names(tmp_path) == {"a.txt"}


@pytest.mark.parametrize(
    "error", [RuntimeError("no"), KeyboardInterrupt(), OSError(28, "No space left on device")]
)
def test_an_error_half_way_leaves_the_old_file(tmp_path: Path, error: BaseException) -> None:
    target = tmp_path / "a.txt"
    target.write_text("old")
    with pytest.raises((type(error), NotWritten)), replacing(target) as file:
        file.write(b"new, but cut sh")
        raise error
    assert target.read_text() == "old" and names(tmp_path) == {"a.txt"}


def test_the_new_file_is_not_seen_before_it_is_whole(tmp_path: Path) -> None:
    target = tmp_path / "a.txt"
    target.write_text("old")
    with replacing(target, sync=True) as file:
        file.write(b"new")
        file.flush()
        assert target.read_text() == "old"
    assert target.read_text() == "new"


def test_an_error_about_another_file_keeps_its_name(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="not-there"), replacing(tmp_path / "a"):
        open(tmp_path / "not-there")  # noqa: SIM115  it fails
    assert names(tmp_path) == set()


def test_links_and_devices_stay_what_they_are(tmp_path: Path) -> None:
    """Renaming over /dev/null would replace the device on a machine where one works as root."""
    (tmp_path / "real").write_text("old")
    (tmp_path / "link").symlink_to("real")
    write_text(tmp_path / "link", "new")
    assert (tmp_path / "link").is_symlink() and (tmp_path / "real").read_text() == "new"

    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    check_writable(pipe)
    write_text(pipe, "through the pipe")
    assert os.read(reader, 100) == b"through the pipe"
    os.close(reader)
    assert pipe.is_fifo()


def test_rights_are_those_of_any_new_file(tmp_path: Path) -> None:
    write_text(tmp_path / "ours", "")
    (tmp_path / "plain").touch()
    assert (tmp_path / "ours").stat().st_mode == (tmp_path / "plain").stat().st_mode


@pytest.mark.parametrize(
    "attempt", [check_writable, lambda path: write_text(path, "x")], ids=["check", "write"]
)
@pytest.mark.parametrize(
    ("place", "reason"),
    [
        ("missing/a.txt", "No such file or directory"),
        ("file/a.txt", "Not a directory"),
        ("folder", "Is a directory"),
        ("n" * 300, "File name too long"),
    ],
)
def test_what_cannot_be_written_is_named_with_the_reason(tmp_path, attempt, place, reason) -> None:  # type: ignore[no-untyped-def]
    (tmp_path / "file").touch()
    (tmp_path / "folder").mkdir()
    with pytest.raises(NotWritten) as caught:
        attempt(tmp_path / place)
    assert str(caught.value) == f"cannot write {str(tmp_path / place)!r}: {reason}"
    assert names(tmp_path) == {"file", "folder"}


def test_checking_changes_nothing(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("old")
    check_writable(tmp_path / "a")
    check_writable(tmp_path / "b")
    assert names(tmp_path) == {"a"} and (tmp_path / "a").read_text() == "old"


def test_threads_that_write_one_file_at_once_all_succeed(tmp_path: Path) -> None:
    target = tmp_path / "x.json"

    def write(number: int) -> None:
        check_writable(target)
        write_text(target, f"{number:09d}" * 100)

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(write, range(200)))
    text = target.read_text()
    assert text == text[:9] * 100 and names(tmp_path) == {"x.json"}


MANY_WRITES = """
import sys
from dali_mixup._files import write_text

print("ready", flush=True)
sys.stdin.readline()
for _ in range(200):
    write_text(sys.argv[1], sys.argv[2] * 100)
"""


def test_so_do_processes(tmp_path: Path) -> None:
    target = tmp_path / "x.json"
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", MANY_WRITES, str(target), str(number)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for number in range(3)
    ]
    for writer in writers:
        assert writer.stdout.readline() == "ready\n"
    for writer in writers:
        writer.stdin.write("go\n")
        writer.stdin.flush()
    for writer in writers:
        _, error = writer.communicate(timeout=60)
        assert writer.returncode == 0, error
    assert target.read_text() in {str(number) * 100 for number in range(3)} and names(tmp_path) == {"x.json"}


def test_leftovers_of_this_and_of_earlier_releases_are_removed(tmp_path: Path) -> None:
    kept = {"a.txt", "b.txt.12.partial", "a.txt.partial", "a.txt.12-x.partial"}
    for name in (*kept, "a.txt.12.partial", "a.txt.12-0123abcd.partial"):
        (tmp_path / name).touch()
    write_text(tmp_path / "a.txt", "new")
    assert names(tmp_path) == kept


def test_a_file_that_is_being_written_is_no_leftover(tmp_path: Path) -> None:
    target = tmp_path / "a.txt"
    with replacing(target) as first:
        first.write(b"first")
        write_text(target, "second")
        assert target.read_text() == "second"
    assert target.read_text() == "first" and names(tmp_path) == {"a.txt"}


def test_a_folder_is_made_or_named(tmp_path: Path) -> None:
    assert make_folder(tmp_path / "a" / "b").is_dir()
    (tmp_path / "file").touch()
    with pytest.raises(NotWritten, match=r"cannot write .*file"):
        make_folder(tmp_path / "file")


def test_the_error_survives_a_process_boundary() -> None:
    """The images behind --synthetic are drawn in worker processes."""
    error = pickle.loads(pickle.dumps(NotWritten(28, "No space left on device", "/full/a.jpg")))
    assert type(error) is NotWritten and str(error) == "cannot write '/full/a.jpg': No space left on device"


WRITERS = {
    "checkpoint": lambda folder, data: checkpoint.save(folder / "out", {"w": torch.zeros(100_000)}),
    "metrics": lambda folder, data: _metrics(Records(folder, 0, False)),
    "manifest": lambda folder, data: write_manifest(folder / "out.jsonl", open_source(data)),
    "parquet": lambda folder, data: write_manifest(folder / "out.parquet", open_source(data)),
    "exclude": lambda folder, data: write_exclude_list(folder / "out", [("a" * 100, "empty")] * 1000),
    "array": lambda folder, data: _array(folder / "out"),
}


def _metrics(records: Records) -> None:
    for epoch in range(100):
        records.epoch({"epoch": epoch, "train_loss": 1.25})


def _array(path: Path) -> None:
    with replacing(path) as file:
        np.savez(file, zeros=np.zeros(100_000))


FULL_DISK = """
import json, resource, sys
from pathlib import Path
import pyarrow.parquet
from tests.test_files import WRITERS

resource.setrlimit(resource.RLIMIT_FSIZE, (500, 500))
said = {}
for name, write in WRITERS.items():
    folder = Path(sys.argv[1]) / name
    folder.mkdir()
    try:
        write(folder, sys.argv[2])
    except Exception as error:
        said[name] = f"{type(error).__name__}: {error}"
print(json.dumps(said))
"""


def test_a_full_disk_is_named_and_leaves_nothing_behind(image_folder: Path, tmp_path: Path) -> None:
    """A limit on the size of files stands for the full disk. In a child process, because it cannot be lifted again."""
    command = [sys.executable, "-c", FULL_DISK, str(tmp_path), str(image_folder)]
    child = subprocess.run(command, cwd=Path(__file__).parents[1], capture_output=True, text=True, check=True)
    said = json.loads(child.stdout)
    assert set(said) == set(WRITERS)
    for name, message in said.items():
        assert message.startswith(f"NotWritten: cannot write '{tmp_path}/{name}/"), message
        assert all(
            entry.stat().st_size <= 500 and ".partial" not in entry.name
            for entry in (tmp_path / name).iterdir()
        )


def test_the_cache_folder_is_where_the_user_keeps_caches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "/caches")
    assert cache_folder("digits") == Path("/caches/dali-mixup/digits")
    monkeypatch.setenv("XDG_CACHE_HOME", "")
    monkeypatch.setenv("HOME", "/home/somebody")
    assert cache_folder("digits") == Path("/home/somebody/.cache/dali-mixup/digits")


def test_without_a_home_folder_there_is_no_cache_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a container that runs under a number without a user."""
    monkeypatch.delenv("HOME", raising=False)
    monkeypatch.setattr("os.getuid", lambda: 4_000_000_000)
    monkeypatch.setenv("XDG_CACHE_HOME", "/caches")
    assert cache_folder("digits") == Path("/caches/dali-mixup/digits")
    monkeypatch.delenv("XDG_CACHE_HOME")
    with pytest.raises(
        NotWritten, match=r"'~/\.cache/dali-mixup/digits': there is no home folder; set HOME, or XDG"
    ):
        cache_folder("digits")
