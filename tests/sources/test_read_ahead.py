"""Reading ahead: exactly the files of the coming batches, each once; nothing else changes."""

from __future__ import annotations

import ctypes
import mmap
import os
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from dali_mixup import CutMix, MixPolicy, Runtime, Skip, train_loader, val_loader
from dali_mixup.sources import read_ahead
from dali_mixup.sources.base import Place
from dali_mixup.sources.read_ahead import PIECE, ReadAhead, will_need

POLICY = MixPolicy(CutMix(1.0))
SMALL = {"batch_size": 4, "image_size": 16, "device": "cpu", "seed": 3}


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[Place]:
    """The places that the kernel would be asked for."""
    places: list[Place] = []
    monkeypatch.setattr(read_ahead, "will_need", places.append)
    return places


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name.startswith("dali-mixup-read-ahead")]


def resident(path: Path) -> list[bool]:
    """Which pages of a file are in memory, as the kernel says."""
    size = path.stat().st_size
    with path.open("r+b") as file, mmap.mmap(file.fileno(), size) as pages:
        found = (ctypes.c_ubyte * -(-size // mmap.PAGESIZE))()
        start = ctypes.c_char.from_buffer(pages)
        libc = ctypes.CDLL(None, use_errno=True)
        failed = libc.mincore(ctypes.c_void_p(ctypes.addressof(start)), ctypes.c_size_t(size), found)
        del start
    assert not failed
    return [bool(page & 1) for page in found]


def asked_for(path: Path, start: int, size: int | None) -> bool:
    """Asks again each time: a busy kernel may leave a request undone, or take pages back."""
    will_need((os.fsencode(path), start, size))
    return True


def test_a_place_is_brought_into_memory(tmp_path: Path) -> None:
    path = tmp_path / "large.jpg"
    path.write_bytes(os.urandom(64 * PIECE))
    with path.open("rb") as file:
        os.fsync(file.fileno())
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    if any(resident(path)):
        pytest.skip("this file system keeps its files in memory")
    first, last = 8 * PIECE // mmap.PAGESIZE, 12 * PIECE // mmap.PAGESIZE
    until(lambda: asked_for(path, 8 * PIECE, 4 * PIECE) and all(resident(path)[first:last]))
    assert not all(resident(path))
    until(lambda: asked_for(path, 0, None) and all(resident(path)))


def test_what_is_not_there_is_left_to_the_pipeline(tmp_path: Path) -> None:
    will_need((os.fsencode(tmp_path / "missing.jpg"), 0, None))
    will_need((os.fsencode(tmp_path), 0, None))


@pytest.mark.parametrize("batches", [1, 3])
def test_every_batch_is_asked_for_once_and_no_further_than_told(batches: int, asked: list[Place]) -> None:
    ahead = ReadAhead(batches)
    rows = 11
    for number in (
        0,
        1,
        1,
        2,
        6,
    ):  # a batch comes again after a rebuilt pipeline, and a resumed one begins later
        ahead.reached(number, lambda n: [(b"%d" % (n * rows + row), 0, None) for row in range(rows)])
        wanted = {n for begun in (0, 1, 2, 6) if begun <= number for n in range(begun, begun + batches + 1)}
        until(lambda: len(asked) >= rows * len(wanted))  # noqa: B023
        assert Counter(int(path) // rows for path, _, _ in asked) == dict.fromkeys(wanted, rows)
    ahead.close()


def test_nothing_is_asked_for_unless_told(image_folder: Path, asked: list[Place]) -> None:
    with train_loader(image_folder, policy=POLICY, runtime=Runtime(num_threads=1), **SMALL) as loader:
        list(loader)
        assert not asked and not threads()


def test_the_files_of_coming_batches_across_epochs(image_folder: Path, asked: list[Place]) -> None:
    plain = train_loader(image_folder, policy=POLICY, runtime=Runtime(num_threads=1), **SMALL)
    wanted, batches = [], []
    for _ in range(4):
        for images, targets in plain:
            batches.append((images, targets))
            wanted.append([plain.dataset.name(i) for i in plain.last_batch.indices])
    with train_loader(
        image_folder, policy=POLICY, runtime=Runtime(1, prefetch=1, read_ahead=2), **SMALL
    ) as loader:
        handed_out = 0
        for _ in range(3):
            for images, targets in loader:
                same_images, same_targets = batches[handed_out]
                assert torch.equal(images, same_images) and torch.equal(targets, same_targets)
                handed_out += 1
        ahead = [name for batch in wanted[: handed_out + 2] for name in batch]
        until(lambda: len(asked) >= len(ahead))
    assert Counter(os.fsdecode(path) for path, _, _ in asked) == Counter(ahead)


def test_threads_end_with_the_loader_and_with_a_dropped_epoch(image_folder: Path) -> None:
    runtime = Runtime(num_threads=1, read_ahead=2)
    loader = val_loader(image_folder, batch_size=4, image_size=16, device="cpu", runtime=runtime)
    next(iter(loader))
    until(lambda: not threads())
    running = iter(loader)
    next(running)
    assert threads()
    loader.close()
    until(lambda: not threads())
    assert len(list(loader)) == len(loader)
    loader.close()
    until(lambda: not threads())


def test_a_bad_file_is_skipped_all_the_same(tmp_path: Path, image_folder: Path) -> None:
    good = sorted(map(str, image_folder.glob("*/*")))[:7]
    (tmp_path / "broken.jpg").write_bytes(b"no image")
    data = [(path, 0) for path in [*good, str(tmp_path / "broken.jpg")]]
    with train_loader(data, bad_files=Skip(), runtime=Runtime(1, read_ahead=3), **SMALL) as loader:
        assert sum(len(images) for images, _ in loader) == 8
        assert loader.skipped == (str(tmp_path / "broken.jpg"),)
