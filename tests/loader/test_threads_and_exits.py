"""Loaders beside other threads and processes, and the ways out of a loop."""

from __future__ import annotations

import gc
import json
import os
import queue
import subprocess
import sys
import threading
import weakref
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.damaged import new, run, same

Pictures = list[tuple[str, int]]


def test_a_loader_read_in_a_background_thread(pictures: Pictures) -> None:
    expected, loader = run(new(pictures)), new(pictures)
    batches: queue.Queue[Any] = queue.Queue(3)

    def read() -> None:
        for x, y in loader:
            batches.put((x, y, loader.last_batch.indices.numpy()))
        batches.put(None)

    thread = threading.Thread(target=read, daemon=True)
    thread.start()
    assert same(list(iter(lambda: batches.get(timeout=60), None)), expected)
    thread.join(60)


def test_two_loaders_in_two_threads(pictures: Pictures) -> None:
    expected = [run(new(pictures, seed=seed), epochs=2) for seed in (0, 1)]
    got: list[Any] = [None, None]

    def read(number: int) -> None:
        got[number] = run(new(pictures, seed=number), epochs=2)

    threads = [threading.Thread(target=read, args=(number,)) for number in (0, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert same(got[0], expected[0]) and same(got[1], expected[1])


class Ones(torch.utils.data.Dataset):
    def __len__(self) -> int:
        return 16

    def __getitem__(self, index: int) -> torch.Tensor:
        gc.collect()  # frees what the worker inherited
        return torch.ones(3) * index


@pytest.mark.slow
def test_forked_workers_of_a_dataloader_in_the_middle_of_an_epoch(pictures: Pictures) -> None:
    gc.collect()  # pipelines that other tests made with DALI alone would hang in the workers' collection
    expected, loader = run(new(pictures)), new(pictures)
    got = []
    for x, y in loader:
        got.append((x, y, loader.last_batch.indices.numpy()))
        if len(got) in (1, 3):
            other = torch.utils.data.DataLoader(Ones(), 4, num_workers=2, multiprocessing_context="fork")
            assert sum(len(batch) for batch in other) == 16
    assert same(got, expected)


def test_an_error_in_the_loop_and_the_loop_again(pictures: Pictures) -> None:
    loader = new(pictures)
    with pytest.raises(KeyError):
        for _ in loader:
            raise KeyError
    assert len(run(loader)) == len(loader)


def test_a_loader_in_a_circle_of_references_is_collected(pictures: Pictures) -> None:
    class Trainer:
        def __init__(self) -> None:
            self.me, self.loader = self, new(pictures)
            self.iterator = iter(self.loader)
            next(self.iterator)

    trainer = Trainer()
    gone = weakref.ref(trainer.loader)
    del trainer
    gc.collect()
    assert gone() is None
    assert len(run(new(pictures))) == 6


WAYS_OUT = {
    "a kept iterator": "builtins.kept = iterator; raise SystemExit(0)",
    "a thread that reads": "threading.Thread(target=lambda: list(iterator), daemon=True).start(); sys.exit(0)",
    "a hook at exit": "atexit.register(lambda: next(iterator, None))",
    "a circle": "iterator.itself = [iterator] if hasattr(iterator, '__dict__') else None",
}


@pytest.mark.parametrize("way", WAYS_OUT)
def test_leaving_the_process_with_an_epoch_under_way(pictures: Pictures, way: str) -> None:
    code = (
        "import atexit, builtins, json, sys, threading\n"
        "from tests.damaged import new\n"
        "loader = new([tuple(pair) for pair in json.loads(sys.argv[1])]); iterator = iter(loader); next(iterator)\n"
        f"{WAYS_OUT[way]}\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, json.dumps(pictures)],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0 and "Traceback" not in done.stderr, done.stderr


def test_a_strip_of_one_pixel_takes_no_gigabytes(tmp_path: Path) -> None:
    """Its shorter side is resized to 256, so that the whole image would have a billion pixels."""
    code = """
import resource, sys
from PIL import Image
from dali_mixup import Runtime, val_loader
Image.new("RGB", (20000, 1), (200, 10, 10)).save("strip.png")
Image.new("RGB", (60, 40)).save("ok.png")
peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
loader = val_loader([("strip.png", 0), ("ok.png", 0)], batch_size=2, device="cpu", runtime=Runtime(1))
before = peak()
assert [len(images) for images, _ in loader] == [2]
print(peak() - before)
"""
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) < 1000  # megabytes; it was 3900
