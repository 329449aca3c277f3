"""What the processes of a run begin with: all of them with nothing, or all with the same checkpoint."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dali_mixup._files import check_writable, make_folder
from dali_mixup.train import checkpoint
from dali_mixup.train.metrics_file import NAME, refuse_to_lose_lines
from dali_mixup.train.processes import gathered, together


def state_to_continue(
    file: Path, resume: bool, identity: Mapping[str, Any], first: bool
) -> dict[str, Any] | None:
    """The state in the checkpoint; None for a new run, whose folder then exists. Every process must call it, and all
    get the same answer.

    Only the first process writes checkpoints. So on hosts that do not share the folder the others have none, or one
    that an earlier run left there, and would train another network than the first without anyone noticing.

    Args:
        file: the checkpoint, which may not exist.
        resume: whether to continue from it.
        identity: as for `checkpoint.load`.
        first: whether this is the process that writes.

    Raises:
        ValueError: the checkpoint exists and `resume` is False; it does not exist in every process, or is not the same
            one; it does not fit. Also if there is none, and metrics.csv has the lines of another run.
        NotWritten: the folder cannot be written to.
    """
    found = gathered(file.is_file())
    if any(found) and not resume:
        on = "" if all(found) else f" on {_ranks(found, True)}"
        raise ValueError(f"train: {file} exists{on}; continue it with --resume, or choose another --output")
    if any(found) and not all(found):
        raise ValueError(
            f"train: {file} exists on {_ranks(found, True)} but not on {_ranks(found, False)}. {_ADVICE}"
        )
    together(lambda: _prepare(file, resume, new=not any(found)) if first else None)
    if not any(found):
        return None
    state = together(lambda: checkpoint.load(file, identity))
    theirs = gathered((state["id"], f"epoch {state['epoch']}, step {state['step']}"))
    others = [each != theirs[0] for each in theirs]
    if any(others):
        (_, here), (_, there) = theirs[0], theirs[others.index(True)]
        raise ValueError(
            f"train: {file} is another checkpoint on {_ranks(others, True)} ({there}) than on rank 0 ({here}). "
            f"{_ADVICE}"
        )
    return state


_ADVICE = (
    "Rank 0 writes it; to resume, every rank needs the same one: choose an --output that all hosts share, or copy rank "
    "0's checkpoint to the same place on the others"
)


def _prepare(file: Path, resume: bool, new: bool) -> None:
    if new:
        make_folder(file.parent)
        refuse_to_lose_lines(file.parent / NAME, resume)
    check_writable(file)


def _ranks(flags: list[bool], wanted: bool) -> str:
    chosen = [rank for rank, flag in enumerate(flags) if flag is wanted]
    if len(chosen) == 1:
        return f"rank {chosen[0]}"
    further = f" and {len(chosen) - 8} more" if len(chosen) > 8 else ""
    return f"ranks {', '.join(map(str, chosen[:8]))}{further}"
