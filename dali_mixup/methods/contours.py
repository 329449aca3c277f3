"""The highest pixels of an image: FMix's masks."""

from __future__ import annotations

import numpy as np

from dali_mixup.methods.clouds import Cloud

SAMPLED = 3000  # pixels, about, from which the least of the highest is guessed
MARGIN = 8  # places in their order by which the guess may be off


def highest(cloud: Cloud, count: int) -> np.ndarray:
    """(H, W) bool, True at the `count` highest pixels. Where rounding errors may have changed the order of the last
    ones, their exact values decide, so that every machine finds the same pixels."""
    values = cloud.values.ravel()
    if count in (0, values.size):
        return np.full(cloud.values.shape, count > 0)
    low, high = _bracket(cloud.values, count)
    mask: np.ndarray = values > high
    between = np.flatnonzero(mask != (values >= low))
    missing = count - int(np.count_nonzero(mask))
    if not 0 < missing < len(between):  # the sample misled
        mask, between, missing = np.zeros(values.size, bool), np.arange(values.size), count
    ordered = np.sort(values[between])
    beaten, least = ordered[-missing - 1], ordered[-missing]
    if least - beaten > 2 * cloud.error:
        mask = values >= least
    else:
        mask[between[_in_order(cloud, between, beaten, least)[:missing]]] = True
    return mask.reshape(cloud.values.shape)


def _in_order(cloud: Cloud, pixels: np.ndarray, beaten: float, least: float) -> np.ndarray:
    """(p,) int, the order of `pixels` from the highest to the lowest around the values `beaten` and `least`: by the
    exact values where rounding may have changed it. Of equal pixels the first is the higher one."""
    values, near = cloud.values.ravel()[pixels], 2 * cloud.error
    close = (values >= beaten - near) & (values <= least + near)
    exact = np.where(values > least, np.inf, -np.inf)
    exact[close] = cloud.exact(np.unravel_index(pixels[close], cloud.values.shape))
    return np.argsort(-exact, kind="stable")


def _bracket(values: np.ndarray, count: int) -> tuple[float, float]:
    """(low, high) around the least of the `count` highest values, from a sample of the pixels. Clouds are smooth, so a
    grid of pixels is a better sample than a random one."""
    step = max(1, round((values.size / SAMPLED) ** 0.5))
    some = np.sort(values[::step, ::step], axis=None)
    place = len(some) - 1 - count * len(some) // values.size
    return some[max(place - MARGIN, 0)], some[min(place + MARGIN, len(some) - 1)]


def softened(cloud: Cloud, count: int, soft: int) -> np.ndarray:
    """(H, W) float32 mask of mean count / (H W): 1 on the highest pixels, 0 on the lowest, and from 1 to 0 in equal
    steps on the 2 * soft pixels between them."""
    order = np.argsort(-cloud.values, axis=None)
    mask = np.zeros(cloud.values.size, dtype=np.float32)
    mask[order[: count - soft]] = 1.0
    mask[order[count - soft : count + soft]] = np.linspace(1.0, 0.0, 2 * soft)
    return mask.reshape(cloud.values.shape)
