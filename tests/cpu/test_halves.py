"""Numbers of 16 bits, beside NumPy's and torch's own rounding."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

pytest.importorskip("numba")

from dali_mixup import CutMix, MixPolicy, MixUp, Output, Runtime, train_loader
from dali_mixup._cpu.halves import to_bfloat16, to_float16
from dali_mixup.methods import FMix, ResizeMix


def every_kind_of_number() -> np.ndarray:
    """Float32 of random bits, and around all float16: those, the middles between neighbours, and what lies beside."""
    random = np.random.RandomState(0).randint(0, 2**32, 200_000, dtype=np.uint64).astype(np.uint32)
    halves = np.arange(2**16, dtype=np.uint16).view(np.float16).astype(np.float32)
    halves = halves[np.isfinite(halves)]
    middles = ((halves.astype(np.float64) + np.roll(halves, -1)) / 2).astype(np.float32)
    near = [np.nextafter(middles, np.float32(side)) for side in (-np.inf, np.inf)]
    numbers = np.concatenate([random.view(np.float32), halves, middles, *near])
    return numbers[~np.isnan(numbers)]


@pytest.mark.parametrize("count", [0, 1, 15, 513, None], ids=str)
def test_float16_is_what_numpy_rounds_to(count: int | None) -> None:
    numbers = every_kind_of_number()[:count]
    made = np.empty(len(numbers), np.uint16)
    to_float16(numbers, made)
    with np.errstate(over="ignore"):
        np.testing.assert_array_equal(made, numbers.astype(np.float16).view(np.uint16))


@pytest.mark.parametrize("count", [0, 1, 15, 513, None], ids=str)
def test_bfloat16_is_what_torch_rounds_to(count: int | None) -> None:
    numbers = every_kind_of_number()[:count]
    made = np.empty(len(numbers), np.uint16)
    to_bfloat16(numbers, made)
    expected = torch.from_numpy(numbers).to(torch.bfloat16).view(torch.int16).numpy().view(np.uint16)
    np.testing.assert_array_equal(made, expected)


@pytest.mark.parametrize(("dtype", "channels_last"), [("float16", False), ("bfloat16", True)])
@pytest.mark.parametrize("method", [None, MixUp(), CutMix(), ResizeMix(), FMix()], ids=lambda m: m and m.name)
def test_a_loaders_halves_are_its_float32_rounded(
    image_folder: Path, method: object, dtype: str, channels_last: bool
) -> None:
    policy = None if method is None else MixPolicy(method, granularity="sample")
    full, half = (
        [
            images.clone()
            for images, _ in train_loader(
                image_folder,
                policy=policy,
                batch_size=4,
                image_size=35,
                device="cpu",
                output=Output(dtype=kind, channels_last=channels_last),
                runtime=Runtime(cpu_kernels="numba"),
            )
        ]
        for kind in ("float32", dtype)
    )
    assert len(full) == len(half) > 1
    for images, rounded in zip(full, half, strict=True):
        assert rounded.dtype == getattr(torch, dtype)
        assert rounded.is_contiguous(memory_format=torch.channels_last) == channels_last
        assert torch.equal(images.to(rounded.dtype), rounded)
