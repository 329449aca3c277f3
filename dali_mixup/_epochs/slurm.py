"""Slurm's information about the processes that `srun` started on this host."""

from __future__ import annotations

import re
from collections.abc import Mapping


def tasks_here(environment: Mapping[str, str]) -> int | None:
    """Processes of this job step on this host; None if Slurm did not start this process, or the number is not set."""
    if "SLURM_PROCID" not in environment:
        return None
    counts = _expanded(
        environment.get("SLURM_STEP_TASKS_PER_NODE") or environment.get("SLURM_NTASKS_PER_NODE", "")
    )
    node = environment.get("SLURM_NODEID", "0")
    here = counts[int(node)] if node.isdecimal() and int(node) < len(counts) else max(counts, default=0)
    return here or None


def cores_here(environment: Mapping[str, str]) -> int | None:
    """Cores of this host that belong to the job; None if Slurm does not set the number."""
    text = environment.get("SLURM_CPUS_ON_NODE", "")
    return int(text) if text.isdecimal() and int(text) else None


def _expanded(text: str) -> list[int]:
    """[4, 4, 3] for "4(x2),3", Slurm's notation for one count per host; [] for anything else."""
    counts: list[int] = []
    for part in text.split(",") if text else ():
        found = re.fullmatch(r"(\d+)(?:\(x(\d+)\))?", part)
        if not found:
            return []
        counts += [int(found[1])] * int(found[2] or 1)
    return counts
