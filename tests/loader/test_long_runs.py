"""What must not grow, leak or hang when a loader is used for long, in pairs, or is interrupted."""

from __future__ import annotations

import gc
import hashlib
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dali_mixup import CutMix, MixPolicy, MixUp, Runtime, train_loader, val_loader
from dali_mixup.sources import open_source

SMALL = {"image_size": 8, "device": "cpu", "runtime": Runtime(num_threads=1)}
POLICY = MixPolicy([MixUp(0.8), CutMix(1.0)])


@pytest.fixture
def train(image_folder: Path) -> Iterator[Any]:
    with train_loader(image_folder, policy=POLICY, batch_size=8, **SMALL) as loader:
        yield loader


@pytest.fixture
def val(imagenet_root: Path) -> Iterator[Any]:
    with val_loader(imagenet_root / "val", batch_size=5, **SMALL) as loader:
        yield loader


def resident() -> float:
    """MB of this process in memory."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


def handles() -> tuple[int, int]:
    return len(os.listdir("/proc/self/task")), len(os.listdir("/proc/self/fd"))


def assert_flat(work: Callable[[], None], rounds: int, warm_up: int, allowed_mb: float) -> None:
    """Memory after each round lies on no rising line: its fitted rise over all rounds is below `allowed_mb`.

    Threads and file descriptors are no more after the last rounds than after the first. A single round may show more:
    DALI reads the next files meanwhile.
    """
    for _ in range(warm_up):
        work()
    memory, open_handles = [], []
    for _ in range(rounds):
        work()
        memory.append(resident())
        open_handles.append(handles())
    slope = np.polyfit(np.arange(rounds), memory, 1)[0]
    assert slope * rounds < allowed_mb, f"{slope * rounds:.1f} MB more over {rounds} rounds: {memory[::20]}"
    first, last = (
        np.min(some, axis=0) for some in (open_handles[: rounds // 3], open_handles[-rounds // 3 :])
    )
    assert (last <= first).all(), (first, last)


def test_200_epochs_leave_memory_threads_and_files_as_they_were(train: Any) -> None:
    def epoch() -> None:
        for _ in train:
            pass

    assert_flat(epoch, rounds=200, warm_up=30, allowed_mb=8)


@pytest.mark.slow
def test_500_abandoned_iterators_leave_nothing_behind(train: Any) -> None:
    def ten() -> None:
        for _ in range(10):
            next(iter(train))

    assert_flat(ten, rounds=50, warm_up=5, allowed_mb=8)


def test_shards_stay_open_once(pictures_in_shards: str) -> None:
    with train_loader(pictures_in_shards, batch_size=4, **SMALL) as loader:

        def epoch_and_a_broken_one() -> None:
            for _ in loader:
                pass
            next(iter(loader))

        assert_flat(epoch_and_a_broken_one, rounds=30, warm_up=5, allowed_mb=8)


@pytest.fixture
def pictures_in_shards(image_folder: Path, tmp_path: Path) -> str:
    import tarfile

    files = open_source(image_folder)
    for shard in range(3):
        with tarfile.open(tmp_path / f"{shard}.tar", "w") as tar:
            for i in range(shard, len(files), 3):
                (tmp_path / "label").write_text(str(files.labels[i]))
                tar.add(files.name(i), f"{i:04}.jpg")
                tar.add(tmp_path / "label", f"{i:04}.cls")
    return str(tmp_path / "*.tar")


def test_training_and_validation_take_turns(train: Any, val: Any) -> None:
    def both() -> None:
        assert sum(len(y) for _, y in train) == 24
        assert sum(len(y) for _, y in val) == 12

    assert_flat(both, rounds=20, warm_up=3, allowed_mb=8)


def test_validating_in_the_middle_of_an_epoch_does_not_change_it(
    train: Any, val: Any, image_folder: Path
) -> None:
    got = []
    for images, _ in train:
        got.append(images)
        assert sum(len(y) for _, y in val) == 12
    with train_loader(image_folder, policy=POLICY, batch_size=8, **SMALL) as alone:
        assert all((x == y).all() for x, (y, _) in zip(got, alone, strict=True))


def test_a_slow_consumer_that_keeps_50_batches_sees_them_unchanged(train: Any) -> None:
    def digest(images: Any) -> str:
        return hashlib.sha256(images.numpy().tobytes()).hexdigest()

    kept, digests = [], []
    while len(kept) < 50:
        for images, targets in train:
            kept.append((images, targets))
            digests.append((digest(images), digest(targets)))
            time.sleep(0.002)
    train.close()
    gc.collect()
    assert [(digest(x), digest(y)) for x, y in kept] == digests


def test_batches_outlive_their_loader(image_folder: Path) -> None:
    loader = train_loader(image_folder, policy=POLICY, batch_size=8, **SMALL)
    batches = list(loader)
    before = [(x.clone(), y.clone()) for x, y in batches]
    del loader
    gc.collect()
    other = list(train_loader(image_folder, batch_size=8, **SMALL))
    assert all((x == u).all() and (y == v).all() for (x, y), (u, v) in zip(batches, before, strict=True))
    assert len(other) == 3


def test_threads_that_share_an_iterator_get_every_batch_once_or_an_error(image_folder: Path) -> None:
    """In a process of its own, because what it must not do is hang."""
    script = textwrap.dedent(
        """
        import sys, threading
        from dali_mixup import train_loader

        loader = train_loader(sys.argv[1], batch_size=1, image_size=8, device="cpu")
        taken, errors = [], []

        def take(iterator):
            try:
                for _ in iterator:
                    taken.append(1)
            except RuntimeError as error:
                errors.append(str(error))

        for _ in range(5):
            iterator = iter(loader)
            threads = [threading.Thread(target=take, args=(iterator,)) for _ in range(4)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        assert len(taken) <= 5 * 24
        assert len(taken) == 5 * 24 or errors
        assert all("another thread" in said or "has ended" in said for said in errors), errors
        """
    )
    subprocess.run([sys.executable, "-c", script, str(image_folder)], check=True, timeout=300)


def test_threads_that_begin_epochs_at_once_get_different_ones_or_an_error(image_folder: Path) -> None:
    start, taken, errors = threading.Barrier(4), [], []

    def take(loader: Any) -> None:
        start.wait()
        try:
            next(iter(loader))
            taken.append(loader)
        except RuntimeError as error:
            errors.append(str(error))

    with train_loader(image_folder, batch_size=8, **SMALL) as loader:
        threads = [threading.Thread(target=take, args=(loader,)) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(taken) + len(errors) == 4 and taken
        assert all("is beginning an epoch of this loader" in said for said in errors), errors
        assert loader.state_dict()["epoch"] == len(taken) - 1
        assert [len(images) for images, _ in loader] == [8, 8, 8], (
            "and nothing stands in the way of a later epoch"
        )


LOOP = textwrap.dedent(
    """
    import sys
    from pathlib import Path
    from dali_mixup import MixPolicy, MixUp, Runtime, train_loader, val_loader
    size = {"image_size": 8, "device": "cpu", "runtime": Runtime(num_threads=2)}
    val = val_loader(sys.argv[1], batch_size=4, **size)
    next(iter(val))
    # Long epochs: between two, Python itself ignores Ctrl-C where it comes in a destructor.
    samples = [(str(file), 0) for file in Path(sys.argv[1]).rglob("*.*")] * 100
    loader = train_loader(samples, policy=MixPolicy(MixUp(0.2)), batch_size=4, **size)

    def train():
        while True:
            for images, targets in loader:
                print("batch", flush=True)

    try:
        train()
    except KeyboardInterrupt:
        print(loader.state_dict()["epoch"] >= 0, len(list(val)), flush=True)
    train()
    """
)


def test_ctrl_c_ends_the_loop_and_leaves_no_process(image_folder: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", LOOP, str(image_folder)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )

    def next_line_but(usual: str) -> str:
        return next(line for line in process.stdout if line != usual)

    for _ in range(40):
        assert process.stdout.readline() == "batch\n"
    process.send_signal(signal.SIGINT)
    assert next_line_but("batch\n") == "True 6\n", "after the first one everything still works"
    for _ in range(40):
        assert process.stdout.readline() == "batch\n"
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=30)
    assert said.rstrip().endswith("KeyboardInterrupt")
    assert process.returncode in (-signal.SIGINT, 130)
    with pytest.raises(ProcessLookupError):
        os.killpg(process.pid, 0)
