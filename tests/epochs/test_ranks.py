from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.distributed
from torch.testing._internal.distributed.fake_pg import FakeStore

from dali_mixup import Mixer, MixUp, train_loader, val_loader
from dali_mixup._epochs.ranks import Rank, rank_of_process
from dali_mixup._graph import device

TORCHRUN = {"RANK": "5", "WORLD_SIZE": "8", "LOCAL_RANK": "1", "LOCAL_WORLD_SIZE": "4"}


def test_nothing_said_is_one_process() -> None:
    assert rank_of_process("loader", None, None, {}) == Rank(0, 1, None, 1)


def test_torchruns_environment() -> None:
    assert rank_of_process("loader", None, None, TORCHRUN) == Rank(5, 8, 1, 4)


def test_arguments_come_before_everything() -> None:
    assert rank_of_process("loader", 0, 2, TORCHRUN) == Rank(0, 2, 1, 4)


def test_a_process_group_comes_before_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.distributed, "is_initialized", lambda: True)
    monkeypatch.setattr(torch.distributed, "get_rank", lambda: 2)
    monkeypatch.setattr(torch.distributed, "get_world_size", lambda: 3)
    assert rank_of_process("loader", None, None, TORCHRUN) == Rank(2, 3, 1, 4)
    assert rank_of_process("loader", 1, 2, TORCHRUN) == Rank(1, 2, 1, 4)


def test_a_process_group_that_is_not_initialised_says_nothing() -> None:
    assert not torch.distributed.is_initialized()
    assert rank_of_process("loader", None, None, {}) == Rank(0, 1, None, 1)


@pytest.mark.parametrize(
    ("environment", "gpus", "processes"),
    [
        ({}, 8, 4),
        ({}, 2, 2),
        ({}, 0, 1),
        ({"LOCAL_WORLD_SIZE": "3"}, 8, 3),
        ({"LOCAL_WORLD_SIZE": "0"}, 8, 1),
    ],
)
def test_launchers_that_do_not_say_how_many_processes_share_a_host_start_one_for_each_gpu(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], gpus: int, processes: int
) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: gpus)
    environment = {"RANK": "1", "WORLD_SIZE": "4"} | environment
    assert rank_of_process("loader", None, None, environment).local_world_size == processes


@pytest.fixture
def later_group() -> Iterator[Callable[[], None]]:
    """Starts a process group of two, of which this is rank 0 and the other does nothing."""
    yield lambda: torch.distributed.init_process_group("fake", rank=0, world_size=2, store=FakeStore())
    if torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()


def test_what_was_made_before_the_process_group_is_refused_in_it(
    image_folder: Path, later_group: Callable[[], None]
) -> None:
    """Both ranks would have the same batches."""
    made = {"batch_size": 4, "image_size": 32, "device": "cpu"}
    alone = {"rank": 0, "world_size": 1}
    train, val = train_loader(image_folder, policy=MixUp(), **made), val_loader(image_folder, **made)
    stated, mixer = val_loader(image_folder, **made, **alone), Mixer(MixUp(), num_classes=4)
    later_group()
    message = r"made as rank 0 of 1, before .* there is one of 2 processes.*init_process_group"
    for loader, kind in ((train, "training"), (val, "validation")):
        with pytest.raises(ValueError, match=f"{kind} loader: {message}"):
            next(iter(loader))
    with pytest.raises(ValueError, match=f"Mixer: {message}"):
        mixer(torch.zeros(4, 3, 8, 8), torch.arange(4))
    assert len(next(iter(stated))[0]) == 4, "one that only this rank uses"
    Mixer(MixUp(), num_classes=4, **alone)(torch.zeros(4, 3, 8, 8), torch.arange(4))
    assert train_loader(image_folder, policy=MixUp(), **made).spec.rank == Rank(0, 2, None, 1)
    stated.close()


SRUN = {
    "SLURM_PROCID": "9",
    "SLURM_NODEID": "1",
    "SLURM_CPUS_ON_NODE": "64",
    "SLURM_STEP_TASKS_PER_NODE": "8(x2)",
}


@pytest.mark.parametrize(
    ("said", "tasks"),
    [
        ({}, 8),
        ({"SLURM_STEP_TASKS_PER_NODE": "8,4,4(x3)"}, 4),
        ({"SLURM_STEP_TASKS_PER_NODE": "", "SLURM_NTASKS_PER_NODE": "6"}, 6),
        ({"SLURM_STEP_TASKS_PER_NODE": "1", "SLURM_NTASKS_PER_NODE": "6"}, 1),  # the batch script itself
        ({"SLURM_STEP_TASKS_PER_NODE": "many"}, 1),
        ({"LOCAL_WORLD_SIZE": "2"}, 2),  # torchrun inside a job
    ],
)
def test_srun_says_how_many_processes_share_a_host(said: dict[str, str], tasks: int) -> None:
    assert rank_of_process("loader", 9, 16, SRUN | said).local_world_size == tasks


@pytest.mark.parametrize(
    ("usable", "share"),
    [
        (64, 8),  # not tied to cores: all eight may run on all
        (8, 8),  # tied to its own eight
        (32, 8),  # four tasks on each of two sockets
        (1, 1),
    ],
)
def test_a_task_of_srun_takes_its_own_share_of_the_cores(usable: int, share: int) -> None:
    assert rank_of_process("loader", 9, 16, SRUN).cores(usable) == share


def test_torchruns_processes_share_the_cores_that_each_may_use() -> None:
    assert [rank_of_process("loader", None, None, TORCHRUN).cores(usable) for usable in (64, 8, 3)] == [
        16,
        2,
        1,
    ]


@pytest.mark.parametrize(
    ("rank", "world_size", "said"),
    [
        (0, None, "rank=0 and world_size=None; give both"),
        (None, 2, "rank=None and world_size=2; give both"),
        (2, 2, r"rank=2 is outside \[0, world_size=2\)"),
        (-1, 2, "rank=-1"),
        (0, 0, "world_size=0"),
        ("0", 2, "rank='0'"),
        (0, 2.0, "world_size=2.0"),
        (True, 2, "rank=True"),
    ],
)
def test_arguments_that_are_no_rank(rank: Any, world_size: Any, said: str) -> None:
    with pytest.raises((TypeError, ValueError), match=said):
        rank_of_process("loader", rank, world_size, {})


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({"RANK": "0"}, r"has only \{'RANK': '0'\}; set both"),
        ({"WORLD_SIZE": "2"}, r"has only \{'WORLD_SIZE': '2'\}; set both"),
        ({**TORCHRUN, "RANK": "five"}, "RANK='five'"),
        ({**TORCHRUN, "LOCAL_RANK": "-1"}, "LOCAL_RANK='-1'"),
        ({**TORCHRUN, "WORLD_SIZE": ""}, "WORLD_SIZE=''"),
        ({**TORCHRUN, "RANK": "8"}, "rank=8 is outside"),
    ],
)
def test_an_environment_that_is_not_torchruns(environment: dict[str, str], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        rank_of_process("loader", None, None, environment)


@pytest.fixture
def four_gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 4)
    monkeypatch.setattr(torch.cuda, "current_device", lambda: 2)
    monkeypatch.setattr(device, "_no_gpu_because", lambda: None)


@pytest.mark.usefixtures("four_gpus")
@pytest.mark.parametrize(
    ("asked", "local_rank", "expected"),
    [
        ("auto", 3, "cuda:3"),
        ("cuda", 1, "cuda:1"),
        ("cuda:0", 3, "cuda:0"),
        (1, 3, "cuda:1"),
        ("auto", None, "cuda:2"),
        ("cuda", None, "cuda:2"),
        ("cpu", 3, "cpu"),
        (torch.device("cuda", 2), 0, "cuda:2"),
    ],
)
def test_the_local_rank_picks_the_gpu_where_nobody_names_one(
    asked: Any, local_rank: int | None, expected: str
) -> None:
    assert device.chosen_device(asked, local_rank) == torch.device(expected)


@pytest.mark.usefixtures("four_gpus")
@pytest.mark.parametrize(("asked", "local_rank"), [("auto", 4), ("cuda:7", 0)])
def test_a_gpu_that_is_not_there(asked: str, local_rank: int) -> None:
    with pytest.raises(ValueError, match="this process sees 4"):
        device.chosen_device(asked, local_rank)


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="needs affinity masks")
def test_usable_cores_are_those_of_the_affinity_mask() -> None:
    code = """
import os
from dali_mixup._epochs.ranks import usable_cores
before = usable_cores()
os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
print(before, usable_cores())
"""
    child = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert child.stdout.split() == [str(len(os.sched_getaffinity(0))), "1"]
