"""The end of packing: one list of all shards."""

from __future__ import annotations

import os

from dali_mixup._files import replacing
from dali_mixup.pack.journal import Journal, read_plan, remove_work
from dali_mixup.sources.archives.pack_lines import PackHeader
from dali_mixup.sources.archives.packed import PACK_FILE
from dali_mixup.sources.paths import folder_to_write

_FEW = 5


def merge(folder: str | os.PathLike[str]) -> None:
    """Write the pack.jsonl of a folder in which all parts are finished; if it is there already, only remove what is
    left of `.pack`.

    Parts that were written to different folders are copied or moved into one before, `.pack` included.

    Raises:
        FileNotFoundError: the folder holds no packed data.
        ValueError: shards are missing, or of another plan.
        NotWritten: the disk is full, or the like.
    """
    folder = folder_to_write(folder)
    if (folder / PACK_FILE).exists():
        remove_work(folder)  # a run may have been killed before it did
        return
    plan = read_plan(folder)
    journal = Journal(folder, plan)
    samples = left_out = 0
    missing = []
    for number in range(plan.shards):
        shard = journal.shard(number)
        if shard is None:
            missing.append(number)
        else:
            samples += len(shard.keys)
            left_out += len(shard.left_out)
    if missing:
        few = ", ".join(map(str, missing[:_FEW])) + (", ..." if len(missing) > _FEW else "")
        raise ValueError(
            f"{len(missing)} of {plan.shards} shards of {str(folder)!r} are missing (numbers {few}): finish the parts "
            "that have them, and copy what they wrote here, .pack included."
        )
    header = PackHeader(
        plan.options.layout, list(plan.classes), plan.classes_named, samples, left_out, plan.settings()
    )
    with replacing(folder / PACK_FILE, sync=True) as out:
        out.write(f"{header.line()}\n".encode())
        for number in range(plan.shards):
            shard = journal.shard(number)
            assert shard is not None, "it was there a moment ago"
            out.write(f"{shard.line()}\n".encode())
    remove_work(folder)
