"""A check that all ranks of a run have the same loader: ranks that disagree would repeat some samples and miss others,
without an error."""

from __future__ import annotations

import json
import logging
import sys
from collections import Counter
from collections.abc import Mapping
from typing import Any

from dali_mixup._epochs.ranks import refuse_a_later_group
from dali_mixup._epochs.state import differences
from dali_mixup._loader.cursor import Cursor
from dali_mixup._loader.spec import LoaderSpec

log = logging.getLogger("dali_mixup")

LOCAL = ("dali", "gpu", "roi_decoding", "cpu_kernels")
"""Parts of a fingerprint in which hosts may differ: they change no sample and no decision."""

_made: Counter[str] = Counter()


def refuse_ranks_that_differ(spec: LoaderSpec, start: Cursor) -> None:
    """Compare this rank's loader with those of the ranks that asked before, through the process group's store.

    No rank waits: of any two ranks at least the later one sees the other. Ranks are compared in the order in which they
    begin their loaders for training, and those for validation. Without a process group, or with a stated rank of
    another world size than the group's, there is nothing to compare. Training that starts elsewhere than on another
    rank is logged as a warning: a rank may have looked at a batch before it loaded its state.

    Args:
        start: where this rank begins.

    Raises:
        ValueError: the loader found its rank before there was a process group; another seed, other data, batch size,
            order, policy, transform, ... on another rank, or the same rank= twice; the message gives the differences
            and the rank.
    """
    distributed = sys.modules.get("torch.distributed")
    if distributed is None or not distributed.is_available() or not distributed.is_initialized():
        return
    kind = "validation" if spec.layout.ragged else "training"
    refuse_a_later_group(f"{kind} loader", spec.rank)
    if distributed.get_world_size() != spec.rank.world_size or spec.rank.world_size == 1:
        return
    own = distributed.get_rank()
    store = distributed.distributed_c10d._get_default_store()
    prefix = f"dali_mixup/{kind}/{_made[kind]}"
    _made[kind] += 1
    mine = {"rank": spec.rank.rank, **{k: v for k, v in spec.fingerprint.items() if k not in LOCAL}}
    # Ranks with a step fewer may have finished a validation that others go on with.
    place = [] if spec.layout.ragged else [start.epoch, start.step, start.offset]
    store.set(f"{prefix}/{own}", json.dumps([mine, place]))
    for other in range(spec.rank.world_size):
        key = f"{prefix}/{other}"
        if other != own and store.check([key]):
            theirs, there = json.loads(store.get(key))
            _compare(own, mine, other, theirs)
            if place != there:
                _say_elsewhere(own, place, other, there)


def _compare(own: int, mine: Mapping[str, Any], other: int, theirs: Mapping[str, Any]) -> None:
    if mine["rank"] == theirs["rank"]:
        raise ValueError(
            f"processes {own} and {other} of the group both have rank={mine['rank']}, so samples would be repeated "
            "or missed; leave rank= and world_size= out, or give every process its own"
        )
    different = differences({**theirs, "rank": None}, {**mine, "rank": None})
    if different:
        listed = "; ".join(
            f"{key}: {there!r} on rank {other}, {here!r} here" for key, (there, here) in different
        )
        raise ValueError(
            f"the loader of rank {own} is not that of rank {other} ({listed}); expected the same data, seed and "
            "arguments on every rank, or some samples would be repeated and others missed. Loaders are compared in the "
            "order in which ranks begin them: one that only some ranks use needs rank=0, world_size=1"
        )


def _say_elsewhere(own: int, place: list[int], other: int, there: list[int]) -> None:
    log.warning(
        "rank %d begins at %s, but rank %d began at %s: some samples of the epoch are repeated and others missed. Load "
        "states of one checkpoint, and set_epoch the same epoch, on every rank; to look at a batch first use "
        "loader.peek(), which begins nothing",
        own,
        _told(place),
        other,
        _told(there),
    )


def _told(place: list[int]) -> str:
    epoch, step, offset = place
    return f"epoch {epoch}, step {step}" + (f" after {offset} samples" if offset else "")
