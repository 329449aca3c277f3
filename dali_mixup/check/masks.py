"""The masks of images that are fit themselves."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import Executor

import numpy as np

from dali_mixup._graph.look import UnfitError
from dali_mixup._graph.masks import read_mask
from dali_mixup.check.findings import Finding, Header
from dali_mixup.sources.masks.options import MOST_IDS
from dali_mixup.sources.masks.pairs import ImagesWithMasks


def scan_masks(
    source: ImagesWithMasks, headers: Mapping[int, Header], max_pixels: int, pool: Executor
) -> tuple[list[Finding], np.ndarray]:
    """The samples whose mask is missing, damaged, of another size or of other classes; and (256,) int64, the number of
    masks that have each class id.

    Args:
        headers: of the images to look at.
    """
    findings, counts = [], np.zeros(MOST_IDS, np.int64)

    def one(item: tuple[int, Header]) -> Finding | np.ndarray:
        index, header = item
        try:
            ids = read_mask(source, index, (header.height, header.width), source.num_classes, max_pixels)
        except UnfitError as error:
            detail = f"mask {source.masks.name(index)}: {error.detail}"
            return Finding(index, source.key(index), error.problem, detail)
        return np.bincount(ids.ravel(), minlength=MOST_IDS) > 0

    for result in pool.map(one, headers.items()):
        if isinstance(result, Finding):
            findings.append(result)
        else:
            counts += result
    counts[source.ignore_index] = 0
    return findings, counts
