"""Reading one file: what is the file's fault, and what is not."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from dali_mixup.sources import StorageError, reading
from dali_mixup.sources.reading import NotAFileError, TooLongError, patiently, read_file
from tests.bad_images import make

MOST = 10_000


@pytest.fixture(autouse=True)
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The seconds that were waited, without waiting."""
    waited: list[float] = []
    monkeypatch.setattr(reading.time, "sleep", waited.append)
    return waited


class Failing:
    """Reads something after it failed a number of times."""

    def __init__(self, number: int, times: int):
        self.number, self.times = number, times

    def __call__(self) -> bytes:
        self.times -= 1
        if self.times >= 0:
            raise OSError(self.number, os.strerror(self.number))
        return b"content"


def test_a_file_is_read_whole(tmp_path: Path) -> None:
    content = os.urandom(MOST)
    (tmp_path / "a.jpg").write_bytes(content)
    assert read_file(str(tmp_path / "a.jpg"), MOST) == content
    with pytest.raises(TooLongError, match="10000 bytes, expected at most 9999"):
        read_file(str(tmp_path / "a.jpg"), MOST - 1)


@pytest.mark.parametrize(("kind", "said"), [("fifo", "named pipe"), ("folder", "a folder")])
def test_what_is_no_file_is_said_and_not_waited_for(tmp_path: Path, kind: str, said: str) -> None:
    make(kind, tmp_path / "a.jpg")
    with pytest.raises(NotAFileError, match=said):
        read_file(str(tmp_path / "a.jpg"), MOST)


def test_devices_and_sockets_are_not_opened(tmp_path: Path) -> None:
    with pytest.raises(NotAFileError, match="character device"):
        read_file("/dev/zero", MOST)


def test_a_missing_file_among_others_is_missing(tmp_path: Path, waits: list[float]) -> None:
    (tmp_path / "other.jpg").touch()
    with pytest.raises(FileNotFoundError) as caught:
        read_file(str(tmp_path / "a.jpg"), MOST)
    assert not isinstance(caught.value, StorageError) and not waits


@pytest.mark.parametrize("folder", ["gone", "empty"])
def test_a_missing_file_in_a_folder_that_is_gone_or_empty_is_an_outage(
    tmp_path: Path, folder: str, waits: list[float]
) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(StorageError, match="is the storage mounted"):
        read_file(str(tmp_path / folder / "a.jpg"), MOST)
    assert waits == list(reading.WAITS)


@pytest.mark.parametrize("number", [errno.EIO, errno.ESTALE, errno.ETIMEDOUT, errno.ENOTCONN, errno.EMFILE])
def test_an_outage_shorter_than_the_waits_costs_nothing_but_time(number: int, waits: list[float]) -> None:
    assert patiently(Failing(number, len(reading.WAITS)), "/data/a.jpg") == b"content"
    assert waits == list(reading.WAITS)
    with pytest.raises(StorageError, match="not left out") as caught:
        patiently(Failing(number, len(reading.WAITS) + 1), "/data/a.jpg")
    assert caught.value.errno == number and caught.value.filename == "/data/a.jpg"


def test_too_many_open_files_say_what_to_do() -> None:
    with pytest.raises(
        StorageError, match=r"process may have \d+, so raise that limit \(ulimit -n\) or close some"
    ):
        patiently(Failing(errno.EMFILE, 9), "/data/a.jpg")


def test_the_warning_is_one_harmless_line(waits: list[float], caplog: pytest.LogCaptureFixture) -> None:
    name = "/data/\x1b[31mred\x1b]0;title\x07\nerror: no.jpg"
    patiently(Failing(errno.EIO, 1), name)
    (line,) = caplog.messages
    assert line.isprintable() and "trying again in 0.1 s" in line
    with pytest.raises(StorageError) as caught:
        patiently(Failing(errno.EIO, 9), name.encode())
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("number", [errno.EACCES, errno.ENAMETOOLONG, errno.ELOOP])
def test_an_error_that_is_the_files_own_is_raised_at_once(number: int, waits: list[float]) -> None:
    with pytest.raises(OSError) as caught:
        patiently(Failing(number, 1), "/data/a.jpg")
    assert caught.value.errno == number and not isinstance(caught.value, StorageError) and not waits
