"""Vectors against NumPy."""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
import pytest

lanes = pytest.importorskip("dali_mixup._cpu.lanes")

from dali_mixup._cpu import shorts  # noqa: E402
from dali_mixup._cpu.abi import address_of  # noqa: E402


@pytest.mark.parametrize(
    ("transpose", "dtype"),
    [
        (lanes.transpose_floats, np.float32),
        (shorts.transpose_shorts, np.uint16),
        (lanes.transpose_bytes, np.uint8),
    ],
)
def test_sixteen_lines_are_transposed_where_they_lie(transpose: Any, dtype: type) -> None:
    @numba.njit
    def turned(source: np.ndarray, target: np.ndarray, row: int, column: int, size: int) -> None:
        first = address_of(source) + size * (row * source.shape[1] + column)
        transpose(first, size * source.shape[1], address_of(target), size * target.shape[1])

    source = np.random.RandomState(0).randint(0, 256, (20, 40)).astype(dtype)
    target = np.full((16, 19), 7, dtype)
    turned(source, target, 3, 5, source.itemsize)
    np.testing.assert_array_equal(target[:, :16], source[3:19, 5:21].T)
    assert (target[:, 16:] == 7).all()


def test_sums_products_and_bytes() -> None:
    @numba.njit
    def done(numbers: np.ndarray, read: np.ndarray, made: np.ndarray, written: np.ndarray) -> None:
        total = lanes.load(address_of(numbers)) * lanes.splat(numbers[0]) + lanes.load_bytes(address_of(read))
        lanes.store(address_of(made), total)
        lanes.store_bytes(address_of(written), total)

    rng = np.random.RandomState(1)
    numbers = rng.uniform(-20, 20, 16).astype(np.float32)
    read = np.linspace(0, 255, 16).astype(np.uint8)
    made, written = np.zeros(17, np.float32), np.full(17, 9, np.uint8)
    done(numbers, read, made, written)
    expected = numbers * numbers[0] + read
    np.testing.assert_array_equal(made[:16], expected)
    np.testing.assert_array_equal(written[:16], expected.clip(0, 255).astype(np.uint8))
    assert expected.min() < 0 and expected.max() > 255
    assert made[16] == 0 and written[16] == 9


def test_pixels_of_two_images_by_a_mask() -> None:
    @numba.njit
    def done(mask: np.ndarray, one: np.ndarray, other: np.ndarray, made: np.ndarray) -> None:
        found = lanes.load_chosen(address_of(mask), address_of(one), address_of(other))
        for c in range(3):
            lanes.store(address_of(made) + 64 * c, found[c])

    rng = np.random.RandomState(2)
    one, other = (rng.randint(0, 256, (16, 3)).astype(np.uint8) for _ in range(2))
    mask = rng.choice([0, 1, 255], 16).astype(np.uint8)
    made = np.zeros((3, 16), np.float32)
    done(mask, one, other, made)
    np.testing.assert_array_equal(made, np.where(mask[:, None] != 0, one, other).T)


@pytest.mark.parametrize("place", [None, 0, 7, 15])
@pytest.mark.parametrize("others", [0, 255])
def test_whether_all_of_a_mask_is_the_same(others: int, place: int | None) -> None:
    @numba.njit
    def asked(mask: np.ndarray, levels: np.ndarray) -> tuple[bool, bool, bool, bool]:
        most, least = lanes.extremes(address_of(mask))
        at = address_of(levels)
        return most, least, lanes.all_are(at, np.float32(1)), lanes.all_are(at, np.float32(0))

    mask = np.full(16, others, np.uint8)
    if place is not None:
        mask[place] = 255 - others
    found = asked(mask, (mask / 255).astype(np.float32))
    assert found == (mask.any(), (mask == 255).all(), (mask == 255).all(), not mask.any())


def test_sums_and_products_in_fixed_point() -> None:
    @numba.njit
    def done(numbers: np.ndarray, read: np.ndarray, made: np.ndarray, written: np.ndarray) -> None:
        product = shorts.load_shorts(address_of(numbers)) * shorts.splat_short(numbers[0])
        first, second = shorts.load_apart(address_of(read))
        first, second = first + product, second + product
        shorts.store_shorts(address_of(made), first)
        shorts.store_shorts(address_of(made[1]), second)
        shorts.store_joined(address_of(written), first, second)

    rng = np.random.RandomState(1)
    numbers = rng.randint(0, 65536, 16).astype(np.uint16)
    read = rng.randint(0, 256, 32).astype(np.uint8)
    made, written = np.zeros((3, 16), np.uint16), np.full(33, 9, np.uint8)
    done(numbers, read, made, written)
    product = numbers.astype(np.int64) * int(numbers[0]) // 65536
    expected = (product[:, None] + read.reshape(16, 2).astype(np.int64) * 256) % 65536
    np.testing.assert_array_equal(made[:2], expected.T)
    np.testing.assert_array_equal(written[:32], expected.reshape(-1) // 256)
    assert (expected < read.reshape(16, 2).astype(np.int64) * 256).any()  # beyond 65535 it begins again
    assert (made[2] == 0).all() and written[32] == 9
