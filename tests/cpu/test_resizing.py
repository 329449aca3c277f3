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

PILLOW = {
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
}


def resized(image: np.ndarray, size: tuple[int, int], interpolation: str, flipped: int = 0) -> np.ndarray:
    out = np.zeros((*size, 3), np.uint8)
    kernels.resize(image, flipped, out, kernels.RADIUS[interpolation], size, (0, 0))
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
    first, count, weights = kernels.taps(before, after, 0, after, kernels.RADIUS[interpolation])
    ours = np.zeros((after, before))
    for i in range(after):
        ours[i, first[i] : first[i] + count[i]] = weights[i, : count[i]]
    np.testing.assert_allclose(ours, pillow_matrix(before, after, interpolation), atol=2e-6)


@pytest.mark.parametrize("interpolation", PILLOW)
@pytest.mark.parametrize("size", [(37, 53), (224, 91), (20, 20)])
def test_pixels_are_the_exact_ones_rounded(interpolation: str, size: tuple[int, int]) -> None:
    image = np.random.RandomState(0).randint(0, 256, (97, 120, 3)).astype(np.uint8)
    y, x = pillow_matrix(97, size[0], interpolation), pillow_matrix(120, size[1], interpolation)
    exact = np.clip(np.einsum("yh,hwc,xw->yxc", y, image.astype(np.float64), x, optimize=True), 0, 255)
    error = np.abs(resized(image, size, interpolation) - exact)
    # Half a level, and what Pillow's float32 weights and our float32 sums differ.
    assert error.max() < 0.5 + 1e-3


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
    columns=st.integers(1, 40),
    around=st.tuples(st.integers(0, 9), st.integers(0, 9)),
    flipped=st.integers(0, 3),
    seed=st.integers(0, 2**20),
)
def test_pixels_are_float32_sums_in_one_order_whatever_the_vectors(
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
    out, radius = np.zeros((rows, columns, 3), np.uint8), kernels.RADIUS[interpolation]
    kernels.resize(image, flipped, out, radius, size, start)
    lines = summed(image, kernels.taps(before[0], size[0], start[0], rows, radius))
    turned = np.swapaxes(lines, 0, 1)
    expected = summed(turned, kernels.taps(before[1], size[1], start[1], columns, radius), np.float32(0.5))
    expected = np.swapaxes(expected, 0, 1).clip(0, 255).astype(np.uint8)
    np.testing.assert_array_equal(out, mirrored(expected, flipped))


def mirrored(image: np.ndarray, flipped: int) -> np.ndarray:
    image = image[:, ::-1] if flipped & kernels.LEFT_TO_RIGHT else image
    return image[::-1] if flipped & kernels.UPSIDE_DOWN else image


def summed(lines: np.ndarray, taps: tuple[np.ndarray, ...], first: np.float32 | None = None) -> np.ndarray:
    """Weighted sums of lines in float32, added up one after the other, to `first` if given."""
    made = []
    for low, count, weights in zip(*taps, strict=True):
        terms = [weights[t] * lines[low + t].astype(np.float32) for t in range(count)]
        total = terms[0] if first is None else first + terms[0]
        for term in terms[1:]:
            total = total + term
        made.append(total)
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
