"""Part i of n of some data, so that several machines can share a check."""

from __future__ import annotations

import re

import numpy as np

from dali_mixup.sources.base import Source


def part_of(source: Source, text: str) -> Source:
    """The samples of a part: a contiguous piece, one n-th of all.

    Args:
        text: i/n, with i from 0.

    Raises:
        ValueError: anything else, or fewer samples than parts.
    """
    found = re.fullmatch(r"(\d{1,9})/(\d{1,9})", text, re.ASCII)
    index, parts = (int(found[1]), int(found[2])) if found else (1, 1)
    if index >= parts:
        raise ValueError(f"part {text!r}: expected i/n such as 0/4, the first of four parts")
    if parts > len(source):
        raise ValueError(f"part {text!r}: there are only {len(source)} samples")
    return source.subset(np.arange(len(source) * index // parts, len(source) * (index + 1) // parts))
