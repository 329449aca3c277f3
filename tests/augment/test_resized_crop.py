"""The windows of RandomResizedCrop: torchvision's law in NumPy, in DALI's arithmetic and in the compiled kernel, which
give the same window for the same chances.

Chi-square tests over (y, x, height, width) at an error rate of 1e-4 each, with fixed seeds.
"""

from __future__ import annotations

from collections import Counter
from functools import cache
from itertools import count
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st
from nvidia.dali import Pipeline, fn
from scipy import stats
from torchvision.transforms import RandomResizedCrop

from dali_mixup._cpu import windowing
from dali_mixup._cpu.operators import random_window
from dali_mixup._graph.decode import Backend, Stored
from dali_mixup.augment import TrainTransform
from dali_mixup.augment.resized_crop import CHANCES, bounds, resized_crop
from dali_mixup.augment.resized_crop_graph import window_of

ALPHA = 1e-4
ROWS = 10_000
BATCH = 500
USUAL = (3 / 4, 4 / 3)
LAWS = [
    # (height, width), scale, ratio, and the pixels that are told apart.
    ((8, 8), (0.08, 1.0), USUAL, 1),
    ((1, 9), (0.08, 1.0), USUAL, 1),
    ((7, 20), (0.08, 1.0), USUAL, 2),
    ((7, 20), (0.3, 0.3), (2.0, 2.0), 1),
    ((32, 32), (0.2, 1.0), USUAL, 4),
    ((32, 32), (0.08, 1.0), (4 / 3, 4 / 3), 4),
    ((360, 640), (0.25, 1.0), (16 / 9, 16 / 9), 45),
    ((360, 640), (0.08, 1.0), (1.3, 1.35), 45),
    ((64, 48), (0.08, 0.5), (0.2, 5.0), 8),
    ((4, 30), (0.9, 1.0), USUAL, 1),  # nothing fits
    ((15, 15), (0.09, 0.09), (1.0, 1.0), 1),  # 4.5 pixels, but for the rounding of float32
]
Law = tuple[tuple[int, int], tuple[float, float], tuple[float, float], int]


def chances_of(rows: int, seed: int = 0) -> np.ndarray:
    return np.random.RandomState(seed).random_sample((rows, CHANCES))


@cache
def theirs(shape: tuple[int, int], scale: tuple[float, float], ratio: tuple[float, float]) -> np.ndarray:
    """(ROWS, 4) windows of torchvision."""
    torch.manual_seed(5)
    image = torch.zeros(3, *shape)
    drawn = [RandomResizedCrop.get_params(image, list(scale), list(ratio)) for _ in range(ROWS)]
    return np.array(drawn)


def drawn(shape: tuple[int, int], scale: tuple[float, float], ratio: tuple[float, float], how: str) -> Any:
    """(ROWS, 4) windows, drawn as loaders draw them."""
    if how == "numpy":
        return resized_crop(chances_of(ROWS), np.tile(shape, (ROWS, 1)), scale, ratio)
    pipe = Pipeline(batch_size=BATCH, num_threads=1, device_id=None)
    with pipe:
        size = fn.external_source(source=lambda: [np.array(shape, np.int64)] * BATCH)
        stored = Stored(Backend(gpu=False, compiled=how == "compiled"), size)
        transform = TrainTransform(8, scale=scale, ratio=ratio, hflip=0.0)
        window = transform.windows(stored, count(11), {})
        pipe.set_outputs(window["window_start"], window["window_shape"])
    pipe.build()
    runs = [np.hstack([part.as_array() for part in pipe.run()]) for _ in range(ROWS // BATCH)]
    return np.concatenate(runs)


def of_chances(chances: np.ndarray, sizes: np.ndarray, scale: Any, ratio: Any, how: str) -> np.ndarray:
    """(N, 4) windows of given chances, by the operators."""
    pipe = Pipeline(batch_size=len(sizes), num_threads=1, device_id=None)
    with pipe:
        fed, shape = fn.external_source(source=lambda: (chances, sizes.astype(np.int64)), num_outputs=2)
        window = random_window if how == "compiled" else window_of
        pipe.set_outputs(*window(fed, shape, bounds(scale, ratio)))
    pipe.build()
    return np.hstack([part.as_array() for part in pipe.run()])


def chance_of_agreement(ours: np.ndarray, others: np.ndarray) -> float:
    """The p-value of two samples with one law; cells of few are put together."""
    first, second = (Counter(map(tuple, each.tolist())) for each in (ours, others))
    often = [cell for cell in first | second if first[cell] + second[cell] >= 20]
    counts = [[sample[cell] for cell in often] for sample in (first, second)]
    rest = [sample.total() - sum(row) for sample, row in zip((first, second), counts, strict=True)]
    if any(rest):
        counts = [[*row, few] for row, few in zip(counts, rest, strict=True)]
    return 1.0 if len(counts[0]) == 1 else float(stats.chi2_contingency(counts)[1])


@pytest.mark.parametrize("how", ["numpy", "dali", "compiled"])
@pytest.mark.parametrize("law", LAWS, ids=str)
def test_windows_have_the_law_of_torchvision(law: Law, how: str) -> None:
    shape, scale, ratio, step = law
    ours, others = drawn(shape, scale, ratio, how), theirs(shape, scale, ratio)
    assert chance_of_agreement(ours // step, others // step) > ALPHA
    assert chance_of_agreement(ours[:, 2:], others[:, 2:]) > ALPHA


@pytest.mark.parametrize("how", ["dali", "compiled"])
@pytest.mark.parametrize(
    ("scale", "ratio"),
    [
        ((0.08, 1.0), USUAL),
        ((0.25, 1.0), (16 / 9, 16 / 9)),
        ((1.0, 1.0), (1.0, 1.0)),
        ((0.5, 0.5), (4 / 3, 4 / 3)),
        ((0.001, 0.01), (0.1, 10.0)),
        ((0.9, 1.0), (0.8, 1.25)),
    ],
)
def test_the_same_chances_give_the_same_windows(scale: Any, ratio: Any, how: str) -> None:
    rng = np.random.RandomState(1)
    sizes = np.concatenate([rng.randint(1, 12, (2000, 2)), rng.randint(1, 70, (2000, 2))])
    sizes = np.concatenate([sizes, rng.randint(1, 5000, (2000, 2)), [[1, 65_500], [65_500, 1], [15, 10]]])
    chances = chances_of(len(sizes), 2)
    chances[::7] = 0.0
    chances[1::7] = 1 - 2.0**-53
    expected = resized_crop(chances, sizes, scale, ratio)
    np.testing.assert_array_equal(of_chances(chances, sizes, scale, ratio, how), expected)


@given(st.data())
def test_the_kernel_is_the_law_in_numpy(data: st.DataObject) -> None:
    sides = st.one_of(st.integers(1, 40), st.integers(1, 20_000))
    size = np.array([data.draw(sides), data.draw(sides)])
    scale = sorted(data.draw(st.tuples(st.floats(0.01, 1), st.floats(0.01, 1)), "scale"))
    ratio = sorted(data.draw(st.tuples(st.floats(0.1, 10), st.floats(0.1, 10)), "ratio"))
    numbers = data.draw(st.lists(st.floats(0, 1, exclude_max=True), min_size=CHANCES, max_size=CHANCES))
    chances = np.array(numbers)
    (expected,) = resized_crop(chances[None], size[None], (scale[0], scale[1]), (ratio[0], ratio[1]))
    made = np.zeros((2, 2), np.int32)
    windowing.random_window(
        chances, size, bounds((scale[0], scale[1]), (ratio[0], ratio[1])), made[0], made[1]
    )
    assert made.ravel().tolist() == expected.tolist()
    start, shape = expected[:2], expected[2:]
    assert (start >= 0).all() and (shape >= 1).all() and (start + shape <= size).all()


@given(
    height=st.integers(1, 5000),
    width=st.integers(1, 5000),
    ratio=st.tuples(st.floats(0.05, 20), st.floats(0.05, 20)).map(sorted),
)
def test_where_no_window_fits_it_is_torchvisions(height: int, width: int, ratio: list[float]) -> None:
    """No window of four times the area fits."""
    his = RandomResizedCrop.get_params(torch.zeros(1).expand(3, height, width), [4.0, 4.0], ratio)
    assume(min(his[2:]) > 0)  # which torchvision cannot cut out
    ours = resized_crop(chances_of(1), np.array([[height, width]]), (4.0, 4.0), (ratio[0], ratio[1]))
    assert ours[0].tolist() == list(his)


@pytest.mark.parametrize("size", [(10, 300), (300, 10), (1, 50), (50, 1), (40, 41), (100, 6), (6, 100)])
@pytest.mark.parametrize("how", ["dali", "compiled"])
def test_in_the_graph_too(size: tuple[int, int], how: str) -> None:
    ratio = (1.2, 1.3) if size == (40, 41) else (0.8, 1.25)  # 6 / 0.8 = 7.5 is a tie
    his = RandomResizedCrop.get_params(torch.zeros(3, *size), [1.0, 1.0], list(ratio))
    ours = of_chances(chances_of(9), np.tile(size, (9, 1)), (1.0, 1.0), ratio, how)
    assert ours.tolist() == [list(his)] * 9
