"""Threads that may wait for a server: nothing waits for them after Ctrl-C."""

from __future__ import annotations

import gc
import io
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dali_mixup.sources import open_source
from dali_mixup.sources.remote.daemons import DaemonThreads
from tests.object_store import KEYS, WebServer, environment


def test_results_come_in_order_and_errors_to_whoever_asks() -> None:
    with DaemonThreads(4, "some") as pool:
        assert list(pool.map(lambda x: 10 // x, [1, 2, 5, 10])) == [10, 5, 2, 1]
        failed = pool.submit(lambda: 1 // 0)
        with pytest.raises(ZeroDivisionError):
            failed.result()
        assert pool.submit(lambda: threading.current_thread().daemon).result()
    with pytest.raises(RuntimeError, match="after shutdown"):
        pool.submit(int)


def test_a_block_waits_for_its_tasks_but_not_after_an_error() -> None:
    done: list[int] = []

    def task(number: int) -> None:
        time.sleep(0.2)
        done.append(number)

    with DaemonThreads(2, "some") as pool:
        for number in range(4):
            pool.submit(task, number)
    assert sorted(done) == [0, 1, 2, 3]

    free = threading.Event()
    with pytest.raises(KeyboardInterrupt), DaemonThreads(1, "some") as pool:
        under_way, waiting = pool.submit(free.wait), pool.submit(int)
        raise KeyboardInterrupt
    assert waiting.cancelled() and not under_way.done()
    free.set()
    assert under_way.result(20)


def test_what_waits_can_be_cancelled_after_the_end_was_asked_for() -> None:
    free = threading.Event()
    pool = DaemonThreads(1, "some")
    under_way, waiting = pool.submit(free.wait), pool.submit(int)
    pool.shutdown(wait=False)
    pool.shutdown(wait=False, cancel_futures=True)
    assert waiting.cancelled()
    free.set()
    pool.shutdown()
    assert under_way.result(0)


def test_a_pool_that_is_dropped_takes_its_threads_along() -> None:
    pool = DaemonThreads(3, "dropped")
    assert list(pool.map(int, range(9))) == list(range(9))
    del pool
    gc.collect()
    deadline = time.monotonic() + 20
    while any(thread.name.startswith("dropped") for thread in threading.enumerate()):
        assert time.monotonic() < deadline
        time.sleep(0.01)


LOADER = """
import os, sys
from dali_mixup import open_source, train_loader
names = sorted(open(sys.argv[1]).read().split())
masks = [sys.argv[2] + os.path.basename(name) + ".png" for name in names]
loader = train_loader(
    open_source([(name, 0) for name in names], masks=masks), batch_size=4, image_size=16, device="cpu", num_classes=2
)
next(iter(loader))
"""
SHARDS = """
import sys
from dali_mixup import open_source
open_source([f"{sys.argv[2]}{number}.tar" for number in range(4)])
"""
MAIN = "import runpy; runpy.run_module('dali_mixup', run_name='__main__')"


@pytest.mark.parametrize(
    ("script", "arguments", "code"),
    [
        (LOADER, ["images.txt", "s3://box/masks/"], -signal.SIGINT),
        (SHARDS, ["", "s3://box/shards/"], -signal.SIGINT),
        (MAIN, ["check", "urls.txt"], 130),
        (MAIN, ["pack", "urls.txt", "packed"], 130),
    ],
    ids=["masks", "shards", "check", "pack"],
)
def test_ctrl_c_ends_while_the_server_hangs(
    web: WebServer, image_folder: Path, tmp_path: Path, script: str, arguments: list[str], code: int
) -> None:
    """The requests under way, and their repetitions, would last minutes."""
    files = open_source(image_folder)
    names = [files.key(index) for index in range(len(files))]
    (tmp_path / "images.txt").write_text("\n".join(str(image_folder / name) for name in names))
    (tmp_path / "urls.txt").write_text("\n".join(f"s3://box/masks/{Path(name).name}.png 0" for name in names))
    paths = [f"/box/masks/{Path(name).name}.png" for name in names]
    paths += [f"/box/shards/{number}.tar" for number in range(4)]
    for path in paths:
        web.files[path] = b""
        web.faults[path] = ["hang"] * 100
    with environment(**KEYS, AWS_ENDPOINT_URL=web.url):
        child = subprocess.Popen(
            [sys.executable, "-c", script, *arguments], cwd=tmp_path, stderr=subprocess.PIPE, text=True
        )
        deadline = time.monotonic() + 120
        while sum(100 - len(web.faults[path]) for path in paths) < 3:
            assert time.monotonic() < deadline and child.poll() is None, child.communicate()[1]
            time.sleep(0.05)
        time.sleep(1)  # until nothing is left to do but wait
        child.send_signal(signal.SIGINT)
        try:
            _, said = child.communicate(timeout=15)
        finally:
            child.kill()
    assert child.returncode == code, said
    assert "Fatal" not in said and "panicked" not in said


def test_local_images_may_have_remote_masks(web: WebServer, image_folder: Path) -> None:
    """Their paths were taken for the images."""
    from dali_mixup import train_loader

    files = open_source(image_folder)
    names = [str(image_folder / files.key(index)) for index in range(len(files))]
    for name in names:
        with Image.open(name) as image:
            mask = io.BytesIO()
            Image.fromarray(np.full(image.size[::-1], 1, np.uint8)).save(mask, "PNG")
        web.files[f"/box/{Path(name).name}.png"] = mask.getvalue()
    with environment(**KEYS, AWS_ENDPOINT_URL=web.url):
        masks = [f"s3://box/{Path(name).name}.png" for name in names]
        data = open_source([(name, 0) for name in names], masks=masks)
        with train_loader(data, batch_size=8, image_size=16, device="cpu", num_classes=2) as loader:
            batches = list(loader)
    assert len(batches) == 3 and all((maps == 1).all() for _, maps in batches)
