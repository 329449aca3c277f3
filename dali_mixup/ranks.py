"""Which rank this process is, of how many, and which GPU is its own."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Rank:
    """rank in [0, world_size); local_rank counts the processes of this host and picks the GPU."""

    rank: int
    world_size: int
    local_rank: int
    local_world_size: int


def resolve(rank: int | None, world_size: int | None, environment: Mapping[str, str] = os.environ) -> Rank:
    """Rank and world size from the arguments, else an initialised torch process group, else torchrun's environment
    (RANK, WORLD_SIZE), else a single process.

    Raises:
        ValueError: only one of the two arguments given, rank outside [0, world_size), or an environment that has
            RANK but no WORLD_SIZE, or the other way round.
    """
    if (rank is None) != (world_size is None):
        raise ValueError(
            f"rank={rank!r} and world_size={world_size!r}: give both, or neither to find them out"
        )
    if rank is None or world_size is None:
        rank, world_size = _process_group() or _torchrun(environment) or (0, 1)
    if not 0 <= rank < world_size:
        raise ValueError(f"rank={rank!r} is outside [0, world_size={world_size!r})")
    local = int(environment.get("LOCAL_RANK", rank if world_size == 1 else 0))
    return Rank(rank, world_size, local, int(environment.get("LOCAL_WORLD_SIZE", 1)))


def _process_group() -> tuple[int, int] | None:
    # A process group can only be there if somebody has imported torch.distributed already.
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
            f"the environment has {found}, but RANK and WORLD_SIZE belong together; set both or neither"
        )
    return int(found["RANK"]), int(found["WORLD_SIZE"])
