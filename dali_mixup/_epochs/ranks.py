"""This process's rank, the number of ranks, and the GPU that belongs to the rank."""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field

from dali_mixup._checks import integer
from dali_mixup._epochs.slurm import cores_here, tasks_here


@dataclass(frozen=True)
class Rank:
    """The place of this process among all processes.

    Attributes:
        rank: in [0, world_size).
        world_size: processes in all.
        local_rank: number of this process on its host, which picks the GPU; None: unknown, and torch's current device
            is used.
        local_world_size: processes on this host, which share its cores; 1 if nobody says, and there is no GPU.
        host_cores: cores of this host available to these processes together; None: those that this one may use.
        stated: whether the caller gave rank and world size; else they were found.
    """

    rank: int
    world_size: int
    local_rank: int | None
    local_world_size: int
    host_cores: int | None = None
    stated: bool = field(default=True, compare=False)

    def cores(self, usable: int) -> int:
        """This process's share, >= 1, of the `usable` cores on which it may run.

        torchrun does not bind processes to cores, so all may share them; srun may or may not bind: with 8 tasks on 64
        cores a task may use all 64, of which 8 are its own, or only its own 8.
        """
        here = self.local_world_size
        if self.host_cores is not None:
            here = min(here, math.ceil(here * usable / self.host_cores))
        return max(1, usable // max(1, here))


def rank_of_process(
    owner: str, rank: int | None, world_size: int | None, environment: Mapping[str, str] = os.environ
) -> Rank:
    """Rank and world size from the arguments, then from an initialised torch process group, else torchrun's environment
    (RANK, WORLD_SIZE), else a single process.

    Raises:
        TypeError: arguments that are not integers.
        ValueError: only one of the two arguments given, rank outside [0, world_size), or an environment that has
            RANK but no WORLD_SIZE, or WORLD_SIZE but no RANK, or values that are not counts.
    """
    if (rank is None) != (world_size is None):
        raise ValueError(
            f"{owner}: rank={rank!r} and world_size={world_size!r}; give both, or neither to have them found"
        )
    stated = rank is not None
    if rank is None or world_size is None:
        rank, world_size = _process_group() or _torchrun(environment) or (0, 1)
    world_size = integer(owner, "world_size", world_size, at_least=1)
    rank = integer(owner, "rank", rank, at_least=0)
    if rank >= world_size:
        raise ValueError(f"{owner}: rank={rank!r} is outside [0, world_size={world_size!r})")
    local_rank = _count(environment, "LOCAL_RANK", 0) if "LOCAL_RANK" in environment else None
    if "LOCAL_WORLD_SIZE" not in environment and (tasks := tasks_here(environment)) is not None:
        return Rank(rank, world_size, local_rank, tasks, cores_here(environment), stated)
    here = _count(environment, "LOCAL_WORLD_SIZE", 1)
    if world_size > 1 and "LOCAL_WORLD_SIZE" not in environment:
        here = min(world_size, _gpus())
    return Rank(rank, world_size, local_rank, max(1, here), stated=stated)


def _gpus() -> int:
    """The GPUs that this process sees: launchers that do not say how many processes they start on a host, such as
    Lightning's, start one for each."""
    torch = sys.modules.get("torch")
    return 0 if torch is None else int(torch.cuda.device_count())


def refuse_a_later_group(owner: str, process: Rank) -> None:
    """Raise ValueError if rank and world size were found before there was the process group that there is now: all its
    processes would take themselves for the same rank."""
    group = _process_group()
    if group is not None and group[1] != process.world_size and not process.stated:
        raise ValueError(
            f"{owner}: made as rank {process.rank} of {process.world_size}, before there was a process group. Now "
            f"there is one of {group[1]} processes, and all of them would do the same; make it after "
            "init_process_group, or give rank= and world_size="
        )


def _process_group() -> tuple[int, int] | None:
    # A process group can exist only if torch.distributed is imported already.
    distributed = sys.modules.get("torch.distributed")
    if distributed is None or not distributed.is_available() or not distributed.is_initialized():
        return None
    return distributed.get_rank(), distributed.get_world_size()


def _torchrun(environment: Mapping[str, str]) -> tuple[int, int] | None:
    found = {name: environment[name] for name in ("RANK", "WORLD_SIZE") if name in environment}
    if not found:
        return None
    if len(found) == 1:
        raise ValueError(
            f"the environment has only {found}; set both RANK and WORLD_SIZE, or neither. Where Lightning starts the "
            "processes, make loaders in train_dataloader(), when the process group is there, or give rank= and "
            "world_size="
        )
    return _count(environment, "RANK", 0), _count(environment, "WORLD_SIZE", 1)


def _count(environment: Mapping[str, str], name: str, default: int) -> int:
    text = environment.get(name, str(default))
    if not text.isdecimal():
        raise ValueError(f"the environment has {name}={text!r}, expected a number >= 0 as torchrun sets it")
    return int(text)


def usable_cores() -> int:
    """Logical cores on which this process may run: the machine's, or fewer under an affinity mask."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
