"""Repeated augmentation (Hoffer et al. 2020, arXiv:1901.09335; Berman et al. 2019, arXiv:1902.05509) as DeiT deals it
out: an epoch sees a third of the samples three times, each time with another window, flip and mixing.

    order of 6 samples         a b c d e f
    3 views, an epoch of 6     a a a b b b
    dealt to 2 ranks           rank 0: a a b   rank 1: a b b

NumPy only.
"""

from __future__ import annotations

import numpy as np

from dali_mixup._epochs.layout import order

ROUND_TO = 256  # DeiT's sampler: an epoch is a multiple of 256 samples, whatever the batch size


def epoch_samples(samples: int, world_size: int, repeats: int) -> int:
    """Views in an epoch over all ranks: without repeats all samples; with repeats as many as DeiT's RASampler selects,
    floor(samples // 256 * 256 / world_size) on each rank (fewer than 256 samples are not rounded)."""
    if repeats == 1:
        return samples
    rounded = samples // ROUND_TO * ROUND_TO if samples >= ROUND_TO else samples
    return rounded // world_size * world_size


def order_of_views(seed: int, epoch: int, samples: int, shuffle: bool, repeats: int) -> np.ndarray:
    """(samples,) int64, the global order of an epoch in which every sample comes `repeats` times in a row; the epoch is
    over before the order has come to all of them. Dealt out position by position, a sample's views go to different
    ranks where there are enough."""
    once = order(seed, epoch, samples, shuffle)
    return once if repeats == 1 else np.repeat(once, repeats)[:samples]
