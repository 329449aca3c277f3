"""The compiled arithmetic against Pillow and against loops in float64."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

kernels = pytest.importorskip("dali_mixup._cpu.resizing")

from dali_mixup._cpu.taps import RADIUS, fixed_point, taps  # noqa: E402

PILLOW = {
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
}


def resized(image: np.ndarray, size: tuple[int, int], interpolation: str, flipped: int = 0) -> np.ndarray:
    out = np.zeros((*size, 3), np.uint8)
    kernels.resize(image, flipped, out, RADIUS[interpolation], size, (0, 0))
    return out


def pillow_matrix(before: int, after: int, interpolation: str) -> np.ndarray:
    """(after, before) weights, read from Pillow: what a float image that is 1 in one column becomes."""
    columns = []
    for i in range(before):
        line = np.zeros((1, before), np.float32)
        line[0, i] = 1
        columns.append(np.asarray(Image.fromarray(line).resize((after, 1), PILLOW[interpolation]))[0])
    return np.stack(columns, axis=1).astype(np.float64)


@pytest.mark.parametrize("interpolation", PILLOW)
@given(before=st.integers(1, 60), after=st.integers(1, 60))
def test_the_weights_are_pillows(interpolation: str, before: int, after: int) -> None:
    first, count, weights = taps(before, after, 0, after, RADIUS[interpolation])
    ours = np.zeros((after, before))
    for i in range(after):
        ours[i, first[i] : first[i] + count[i]] = weights[i, : count[i]]
    np.testing.assert_allclose(ours, pillow_matrix(before, after, interpolation), atol=2e-6)


def exact(image: np.ndarray, size: tuple[int, int], interpolation: str) -> np.ndarray:
    """The image resized in float64, with Pillow's weights and no rounding."""
    y = pillow_matrix(image.shape[0], size[0], interpolation)
    x = pillow_matrix(image.shape[1], size[1], interpolation)
    return np.clip(np.einsum("yh,hwc,xw->yxc", y, image.astype(np.float64), x, optimize=True), 0, 255)


@pytest.mark.parametrize("interpolation", PILLOW)
@pytest.mark.parametrize("size", [(37, 53), (224, 91), (20, 20)])
def test_pixels_are_the_exact_ones_rounded(interpolation: str, size: tuple[int, int]) -> None:
    image = np.random.RandomState(0).randint(0, 256, (97, 120, 3)).astype(np.uint8)
    error = np.abs(resized(image, size, interpolation) - exact(image, size, interpolation))
    # Half a level, and what Pillow's float32 weights and our float32 sums, or sums in fixed point, differ.
    assert error.max() < 0.5 + (0.03 if interpolation == "bilinear" else 1e-3)


@pytest.mark.parametrize("size", [(224, 224), (160, 288), (400, 51), (64, 64)])
def test_a_photograph_in_fixed_point_is_hardly_ever_off_the_rounded_exact_one(size: tuple[int, int]) -> None:
    data = pytest.importorskip("skimage.data")
    photograph = np.ascontiguousarray(data.astronaut()[:401, :333])
    difference = resized(photograph, size, "bilinear") - np.floor(exact(photograph, size, "bilinear") + 0.5)
    assert np.abs(difference).max() <= 1
    assert (difference != 0).mean() < 0.01
    assert abs(difference.mean()) < 0.003  # neither darker nor lighter


@given(
    level=st.integers(0, 255),
    before=st.tuples(st.integers(1, 90), st.integers(1, 90)),
    size=st.tuples(st.integers(1, 90), st.integers(1, 90)),
)
def test_an_image_of_one_colour_keeps_it(level: int, before: tuple[int, int], size: tuple[int, int]) -> None:
    for interpolation in PILLOW:
        assert (resized(np.full((*before, 3), level, np.uint8), size, interpolation) == level).all()


@given(before=st.integers(1, 500), after=st.integers(1, 500))
def test_weights_in_fixed_point_are_the_weights_and_their_sum_is_one_below_the_whole(
    before: int, after: int
) -> None:
    _, counts, weights = taps(before, after, 0, after, RADIUS["bilinear"])
    fixed = fixed_point(weights, counts)
    assert (fixed.sum(axis=1) == 65535).all()
    np.testing.assert_allclose(fixed / 65535, weights, atol=1.01 / 65535)


@pytest.mark.parametrize("interpolation", PILLOW)
def test_it_is_pillows_resize_but_for_its_rounding_between_the_passes(interpolation: str) -> None:
    data = pytest.importorskip("skimage.data")
    photograph = np.ascontiguousarray(data.astronaut()[:401, :333])
    pillow = np.asarray(Image.fromarray(photograph).resize((224, 160), PILLOW[interpolation])).astype(int)
    difference = np.abs(resized(photograph, (160, 224), interpolation) - pillow)
    assert difference.max() <= (1 if interpolation == "bilinear" else 12)  # Pillow cuts overshoots off twice
    assert (difference > 1).mean() < 1e-3


@pytest.mark.parametrize("interpolation", PILLOW)
@given(
    before=st.tuples(st.integers(1, 70), st.integers(1, 70)),
    rows=st.integers(1, 40),
    columns=st.integers(1, 75),  # of which 32 are written at a time
    around=st.tuples(st.integers(0, 9), st.integers(0, 9)),
    flipped=st.integers(0, 3),
    seed=st.integers(0, 2**20),
)
def test_pixels_are_sums_in_one_order_whatever_the_vectors(
    interpolation: str,
    before: tuple[int, int],
    rows: int,
    columns: int,
    around: tuple[int, int],
    flipped: int,
    seed: int,
) -> None:
    rng = np.random.RandomState(seed)
    image = rng.randint(0, 256, (*before, 3)).astype(np.uint8)
    size = (rows + around[0], columns + around[1])
    start = (int(rng.randint(around[0] + 1)), int(rng.randint(around[1] + 1)))
    out, radius = np.zeros((rows, columns, 3), np.uint8), RADIUS[interpolation]
    kernels.resize(image, flipped, out, radius, size, start)
    down = taps(before[0], size[0], start[0], rows, radius)
    along = taps(before[1], size[1], start[1], columns, radius)
    if interpolation == "bilinear" and max(*np.divide(before, size)) <= 8:
        lines = np.swapaxes(summed_in_fixed_point(image.astype(np.uint16) * 256, down), 0, 1)
        made = summed_in_fixed_point(lines, along) + np.uint16(128) >> 8
    else:
        lines = np.swapaxes(summed(image, down, np.float32(0)), 0, 1)
        made = summed(lines, along, np.float32(0.5)).clip(0, 255)
    expected = np.swapaxes(made, 0, 1).astype(np.uint8)
    np.testing.assert_array_equal(out, mirrored(expected, flipped))


def mirrored(image: np.ndarray, flipped: int) -> np.ndarray:
    image = image[:, ::-1] if flipped & kernels.LEFT_TO_RIGHT else image
    return image[::-1] if flipped & kernels.UPSIDE_DOWN else image


def summed(lines: np.ndarray, taps: tuple[np.ndarray, ...], first: np.float32) -> np.ndarray:
    """Weighted sums of lines in float32, added up one after the other, to `first`."""
    made = []
    for low, count, weights in zip(*taps, strict=True):
        total = first
        for t in range(count):
            total = total + weights[t] * lines[low + t].astype(np.float32)
        made.append(total)
    return np.stack(made)


def summed_in_fixed_point(lines: np.ndarray, taps: tuple[np.ndarray, ...]) -> np.ndarray:
    """Weighted sums of lines of uint16, of products rounded down: half a unit is added for each and the weights."""
    made = []
    for low, count, weights in zip(*taps[:2], fixed_point(taps[2], taps[1]), strict=True):
        products = [weights[t] * lines[low + t].astype(np.uint32) >> 16 for t in range(count)]
        made.append((sum(products) + (count + 1) // 2).astype(np.uint16))
    return np.stack(made)


@given(
    width=st.integers(1, 40),
    height=st.integers(1, 40),
    rows=st.integers(1, 40),
    columns=st.integers(1, 40),
    flipped=st.integers(1, 3),
    seed=st.integers(0, 2**20),
)
def test_a_flip_is_the_mirror_image(
    width: int, height: int, rows: int, columns: int, flipped: int, seed: int
) -> None:
    image = np.random.RandomState(seed).randint(0, 256, (height, width, 3)).astype(np.uint8)
    plain = resized(image, (rows, columns), "bilinear")
    turned = resized(image, (rows, columns), "bilinear", flipped)
    np.testing.assert_array_equal(turned, mirrored(plain, flipped))


DIGEST = """
import hashlib
import numpy as np
from dali_mixup._cpu.resizing import resize
rng, digest = np.random.RandomState(0), hashlib.sha256()
for rows, columns, radius in ((40, 30, 1.0), (7, 90, 2.0), (64, 48, 3.0)):
    out = np.zeros((rows, columns, 3), np.uint8)
    resize(rng.randint(0, 256, (61, 53, 3)).astype(np.uint8), 3, out, radius, (rows, columns), (0, 0))
    digest.update(out)
print(digest.hexdigest())
"""


def test_processors_without_long_vectors_give_the_same_pixels() -> None:
    environment = os.environ | {"NUMBA_CPU_NAME": "generic", "NUMBA_CPU_FEATURES": ""}
    there = subprocess.run(
        [sys.executable, "-c", DIGEST], env=environment, check=True, capture_output=True, text=True
    )
    rng, digest = np.random.RandomState(0), hashlib.sha256()
    for rows, columns, interpolation in ((40, 30, "bilinear"), (7, 90, "bicubic"), (64, 48, "lanczos")):
        image = rng.randint(0, 256, (61, 53, 3)).astype(np.uint8)
        digest.update(resized(image, (rows, columns), interpolation, 3))
    assert there.stdout.strip() == digest.hexdigest()


def test_an_image_of_that_size_stays_as_it_is() -> None:
    image = np.random.RandomState(1).randint(0, 256, (64, 48, 3)).astype(np.uint8)
    for interpolation in PILLOW:
        np.testing.assert_array_equal(resized(image, (64, 48), interpolation), image)
