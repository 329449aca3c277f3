"""The samples that are left when some are named as unwanted."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any

import numpy as np

from dali_mixup.sources.names import PackedNames


def rows_without(unwanted: Iterable[Any], names: PackedNames, prefix: int) -> np.ndarray:
    """(m,) int64, the rows of `names` that are left, in their order; errors as `Source.exclude`.

    Args:
        unwanted: names, keys or indices.
        prefix: length of the root with which every name begins; the rest is the key.
    """
    if not isinstance(unwanted, Iterable) or getattr(unwanted, "ndim", 1) != 1:
        raise TypeError(f"exclude takes a list of names or indices, got {unwanted!r}")
    if isinstance(unwanted, (str, bytes)):
        raise TypeError(f"exclude takes a list of names or indices, got one name: {unwanted!r}")
    wanted = np.ones(len(names), dtype=bool)
    named = set()
    for item in unwanted:
        if isinstance(item, (str, bytes, os.PathLike)):
            named.add(os.fsdecode(item))
        elif isinstance(item, (int, np.integer)) and not isinstance(item, bool) and 0 <= item < len(names):
            wanted[item] = False
        else:
            raise TypeError(f"exclude takes names or indices in [0, {len(names)}), got {item!r}")
    if named:
        wanted[names.rows_of(named, prefix)] = False
    return np.flatnonzero(wanted)
