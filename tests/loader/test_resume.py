from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from dali_mixup import CutMix, MixPolicy, MixUp, Output, Runtime, Schedule, TrainTransform
from dali_mixup._epochs.state import signed
from dali_mixup.augment import PhotometricDistort
from dali_mixup.sources import open_source
from tests.loader.resuming import POLICY, all_equal, maker, stopped


@pytest.fixture
def new(image_folder: Path) -> Callable[..., Any]:
    return maker(image_folder)


class Worker:
    """See resume_worker.py."""

    def __init__(self) -> None:
        script = Path(__file__).with_name("resume_worker.py")
        self.process = subprocess.Popen(
            [sys.executable, script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def start(self, data: Path, state: Path, log: Path, batches: int = 0) -> int:
        self.process.stdin.write(f"{data} {state} {log} {batches}\n")
        self.process.stdin.flush()
        return int(self.process.stdout.readline())

    def wait(self) -> None:
        assert self.process.stdout.readline() == "gone\n"


@pytest.fixture
def worker() -> Iterator[Worker]:
    worker = Worker()
    yield worker
    worker.process.stdin.close()
    worker.process.wait(timeout=60)
    worker.process.stdout.close()


def lines(log: Path) -> list[str]:
    # The last line may have been cut short by the kill: then it has no end and counts as not written.
    return log.read_text().split("\n")[:-1] if log.exists() else []


def test_killed_again_and_again_it_continues_bit_for_bit(
    image_folder: Path, tmp_path: Path, worker: Worker
) -> None:
    whole = tmp_path / "whole.log"
    worker.start(image_folder, tmp_path / "whole.json", whole)
    worker.wait()
    *expected, done = lines(whole)
    assert done == "done" and len(expected) == len(set(expected)) == 120

    rng, state, log = random.Random(0), tmp_path / "killed.json", tmp_path / "killed.log"
    for _ in range(24):
        before, most = (
            len(lines(log)),
            rng.randint(1, 3),
        )  # 24 lives of at most 3 batches do not reach the end
        child = worker.start(image_folder, state, log, batches=most)
        # Somewhere while the pipeline is built, while a batch is made, or while a state is written.
        goal, patience = before + rng.randint(0, most), rng.uniform(0, 0.02)
        while len(lines(log)) < goal:
            os.kill(child, 0)  # ProcessLookupError where it ended by itself
            time.sleep(0.001)
        time.sleep(patience)
        os.kill(child, signal.SIGKILL)
        worker.wait()
    assert "done" not in lines(log)
    worker.start(image_folder, state, log)
    worker.wait()
    assert lines(log)[-1] == "done"
    got = [line for line in lines(log) if line != "done"]
    # A batch whose state was not yet written when the kill came is made again: the same one.
    assert list(dict.fromkeys(got)) == expected


@pytest.mark.parametrize(
    "runtime", [Runtime(3), Runtime(1, prefetch=4), Runtime(1, prefetch=1), Runtime(1, read_ahead=2)], ids=str
)
def test_threads_prefetching_and_reading_ahead_do_not_matter(
    new: Callable[..., Any], runtime: Runtime
) -> None:
    resumed = new(runtime=runtime)
    resumed.load_state_dict(stopped(new(), 3))
    reference = new()
    assert all_equal([*resumed, *resumed], [*list(reference)[3:], *reference])


def test_a_moved_folder_is_the_same_data(new: Callable[..., Any], image_folder: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").symlink_to(image_folder)
    resumed = new(data=tmp_path / "elsewhere")
    resumed.load_state_dict(stopped(new(), 3))
    assert all_equal(list(resumed), list(new())[3:])


def test_a_schedule_switches_at_the_same_batch_after_a_resume(new: Callable[..., Any]) -> None:
    policy = MixPolicy([MixUp(0.8)], schedule=Schedule(stop=4, unit="step"))
    resumed = new(policy=policy)
    resumed.load_state_dict(stopped(new(policy=policy), 3))
    assert all_equal(list(resumed), list(new(policy=policy))[3:])
    assert not resumed.last_batch.plan.mixed.any()


@pytest.mark.parametrize(
    "options",
    [
        {"crop": "rkrr", "vflip": 0.5, "auto_augment": "ra"},
        {"crop": "rkrc", "photometric_distort": PhotometricDistort(), "jpeg": 0.5},
        {"crop": "padded", "padding_mode": "reflect", "vflip": 0.5},
    ],
    ids=lambda options: options["crop"],
)
def test_crops_flips_and_augmentations_continue(new: Callable[..., Any], options: dict[str, Any]) -> None:
    transform = TrainTransform(16, **options)
    resumed = new(transform=transform)
    resumed.load_state_dict(stopped(new(transform=transform), 3))
    assert all_equal(list(resumed), list(new(transform=transform))[3:])


DIFFERENT = {
    "seed": ({"seed": 6}, "seed: saved 5, now 6"),
    "batch_size": ({"batch_size": 3}, "batch_size: saved 4, now 3.*elastic=True"),
    "world_size": ({"rank": 0, "world_size": 2}, "world_size: saved 1, now 2.*elastic=True"),
    "drop_last": ({"drop_last": False}, "drop_last: saved True, now False"),
    "alpha": ({"policy": MixPolicy([MixUp(0.2), CutMix(1.0)])}, r"methods\[0\].alpha: saved 0.8, now 0.2"),
    "methods": ({"policy": MixPolicy(MixUp(0.8))}, "policy.methods.length: saved 2, now 1"),
    "no policy": ({"policy": None}, "policy.prob: saved 1.0, now None"),
    "schedule": ({"policy": MixPolicy(POLICY.methods, schedule=Schedule(stop=3))}, "policy.schedule.stop"),
    "image_size": ({"image_size": 17}, "transform.image_size: saved 16, now 17"),
    "hflip": ({"transform": TrainTransform(16, hflip=0.0)}, "transform.hflip: saved 0.5, now 0.0"),
    "vflip": ({"transform": TrainTransform(16, vflip=0.5)}, "transform.vflip: saved 0.0, now 0.5"),
    "crop": ({"transform": TrainTransform(16, crop="rkrc")}, "transform.crop: saved 'resized', now 'rkrc'"),
    "mean": ({"output": Output(mean=(0, 0, 0))}, r"mean\[0\]: saved 123.675, now 0.0"),
    "dtype": ({"output": Output(dtype="float16")}, "dtype: saved 'float32', now 'float16'"),
    "roi_decoding": ({"runtime": Runtime(1, roi_decoding=False)}, "roi_decoding: saved True, now False"),
}


@pytest.mark.parametrize(("changed", "said"), DIFFERENT.values(), ids=DIFFERENT.keys())
def test_a_state_of_another_run_is_refused_with_what_differs(
    new: Callable[..., Any], changed: dict[str, Any], said: str
) -> None:
    loader = new(**changed)
    with pytest.raises(ValueError, match=said):
        loader.load_state_dict(stopped(new(), 2))
    assert all_equal(list(loader), list(new(**changed))), "a refused state leaves no trace"


def test_a_state_of_other_data_is_refused(new: Callable[..., Any], image_folder: Path) -> None:
    source = open_source(image_folder)
    labels = source.labels.copy()
    labels[0] = 3
    relabelled = [(source.name(i), int(label)) for i, label in enumerate(labels)]
    for data, said in ((source.exclude([0]), "samples: saved 24, now 23"), (relabelled, "data: saved")):
        with pytest.raises(ValueError, match=said):
            new(data=data).load_state_dict(stopped(new(), 2))


@pytest.mark.parametrize("key", ["dali_mixup", "dali"])
def test_a_state_of_another_library_version_is_refused(new: Callable[..., Any], key: str) -> None:
    state = stopped(new(), 2)
    state["fingerprint"][key] = "0.0.1"
    with pytest.raises(ValueError, match=f"{key}: saved '0.0.1', now"):
        new().load_state_dict(signed(state))


@pytest.mark.parametrize("skipped", [list(range(24)), [24], [-1]], ids=["all", "one too many", "negative"])
def test_a_state_that_leaves_out_what_it_cannot_is_refused(
    new: Callable[..., Any], skipped: list[int]
) -> None:
    state = signed({**stopped(new(), 2), "skipped": skipped})
    loader = new()
    with pytest.raises(ValueError, match="skipped"):
        loader.load_state_dict(state)
    assert all_equal(list(loader), list(new())), "a refused state leaves no trace"


def test_training_an_epoch_again_that_was_complete_is_logged(
    new: Callable[..., Any], caplog: pytest.LogCaptureFixture
) -> None:
    """A loop that saves after the last batch of epoch 0 and resumes with `for epoch in range(saved, ...)`."""
    resumed = new()
    resumed.load_state_dict(stopped(new(), len(new())))
    resumed.set_epoch(0)
    assert "set_epoch(0) trains epoch 0 again, which was complete" in caplog.text
    assert all_equal(list(resumed), list(new()))


def test_an_epoch_that_cannot_be_planned_does_not_cost_the_one_before_it(new: Callable[..., Any]) -> None:
    """Batches are prepared ahead: those of epoch 2 are planned while the last of epoch 1 are handed out."""
    table = [1.0, 0.5]
    loader = new(policy=MixPolicy(MixUp(0.8), schedule=Schedule(prob=lambda epoch: table[epoch])))
    assert sum(len(list(loader)) for _ in table) == 2 * len(loader)
    with pytest.raises(IndexError):
        next(iter(loader))


def test_the_state_of_another_rank_continues_at_the_same_place(
    new: Callable[..., Any], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", logger="dali_mixup")
    theirs, mine, reference = (new(batch_size=2, rank=rank, world_size=3) for rank in (0, 1, 1))
    mine.load_state_dict(stopped(theirs, 2))
    rest, expected = list(mine), list(reference)[2:]
    assert "rank 1 resumes from the state of rank 0" in caplog.text
    assert mine.last_batch.indices.tolist() == reference.last_batch.indices.tolist()
    assert all(torch.equal(a[1], b[1]) for a, b in zip(rest, expected, strict=True)), "the same targets"
