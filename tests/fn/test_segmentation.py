"""Segmentation maps follow the pixels of their images, exactly."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
import torch
from nvidia.dali import fn, pipeline_def

from dali_mixup._decide.policy import MixPolicy
from dali_mixup.fn import mix
from dali_mixup.methods import (
    RICAP,
    CutMix,
    FMix,
    GridMix,
    MaskMix,
    Method,
    MixUp,
    Mosaic,
    ResizeMix,
    StackMix,
)
from tests.fn.mixing import pipeline

ROWS, H, W = 6, 24, 40


def mixed(
    policy: MixPolicy,
    dtype: Any = np.uint8,
    steps: int = 4,
    shape: tuple[int, ...] = (H, W),
    layout: str = "HWC",
) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """(images, maps) of a few batches whose images show their maps: row i's are all i + 1."""
    numbers = np.arange(1, ROWS + 1, dtype=dtype)
    maps = np.broadcast_to(numbers.reshape(ROWS, *[1] * len(shape)), (ROWS, *shape)).copy()
    pixels = np.broadcast_to(numbers[:, None, None, None].astype(np.uint8), (ROWS, H, W, 3))
    images = pixels.transpose(0, *(1 + "HWC".index(axis) for axis in layout)).copy()

    @pipeline_def(batch_size=ROWS, num_threads=2, device_id=None)
    def graph():  # type: ignore[no-untyped-def]
        x = fn.external_source(source=lambda i: images, batch=True, batch_info=True, layout=layout)
        m = fn.external_source(source=lambda i: maps, batch=True, batch_info=True)
        y = fn.external_source(source=lambda i: np.arange(ROWS, dtype=np.int32), batch=True, batch_info=True)
        return mix(x, y, policy, image_size=(H, W), num_classes=ROWS, segmentation=m, layout=layout)

    pipe = graph()
    pipe.build()
    batches = []
    for _ in range(steps):
        out, _, moved = (torch.from_dlpack(o.as_tensor()).clone() for o in pipe.run())
        batches.append((out, moved))
    return batches


@pytest.mark.parametrize(
    ("method", "dtype"),
    [
        *[
            (method, dtype)
            for method in (CutMix(1.0), RICAP(), Mosaic())
            for dtype in (np.uint8, np.int16, np.int32)
        ],
        # DALI resizes no int32
        *[(method, dtype) for method in (ResizeMix(), StackMix()) for dtype in (np.uint8, np.int16)],
    ],
)
def test_maps_show_the_same_samples_as_the_pixels(method: Method, dtype: Any) -> None:
    different = 0
    for images, maps in mixed(MixPolicy(method, granularity="sample"), dtype):
        assert maps.shape == (ROWS, H, W, 1) and maps.numpy().dtype == dtype
        assert torch.equal(images[..., :1], maps.float())  # one-colour images: resizing changes no colour
        different += len(maps.unique()) > 1 and int((maps != maps[:, :1, :1]).any())
    assert different


@pytest.mark.parametrize("granularity", ["batch", "pair", "sample"])
@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.uint16, np.int32, np.float32])
@pytest.mark.parametrize("method", [FMix(), GridMix(), MaskMix(block=8)], ids=repr)
def test_maps_follow_hard_masks(method: Method, dtype: Any, granularity: Any) -> None:
    seen = set()
    for images, maps in mixed(MixPolicy(method, granularity=granularity, prob=0.8), dtype):
        assert maps.numpy().dtype == dtype and torch.equal(images[..., :1], maps.float())
        seen |= {len(row.unique()) for row in maps.float()}
    assert max(seen) == 2


def test_several_methods_in_one_batch() -> None:
    policy = MixPolicy([CutMix(1.0), ResizeMix(), StackMix(), FMix()], granularity="sample", prob=0.8)
    for images, maps in mixed(policy, steps=8):
        assert torch.equal(images[..., :1], maps.float())


def test_maps_that_are_no_node_are_refused() -> None:
    with pytest.raises(TypeError, match="segmentation is a ndarray, expected a DataNode of maps"):
        pipeline(MixPolicy(CutMix()), segmentation=np.zeros((H, W), np.uint8))


@pytest.mark.parametrize("method", [MixUp(), FMix(max_soft=0.2)], ids=repr)
def test_methods_that_average_are_refused(method: Method) -> None:
    with pytest.raises(ValueError, match=f"segmentation with {method.name}: class ids cannot be averaged"):
        mixed(MixPolicy([CutMix(), method]))


@pytest.mark.parametrize(
    ("layout", "shape"),
    [("HWC", (H, W)), ("HWC", (H, W, 1)), ("CHW", (H, W)), ("CHW", (H, W, 1)), ("CHW", (1, H, W))],
)
def test_maps_may_have_an_axis_of_one_channel(layout: str, shape: tuple[int, ...]) -> None:
    policy = MixPolicy([CutMix(1.0), ResizeMix()], granularity="sample")
    for images, maps in mixed(policy, shape=shape, layout=layout):
        assert maps.shape == (ROWS, H, W, 1) and len(maps.unique()) > 1
        assert torch.equal(images.movedim(layout.index("C") + 1, -1)[..., :1], maps.float())


@pytest.mark.parametrize("method", [CutMix(1.0), ResizeMix()], ids=repr)
@pytest.mark.parametrize(
    "shape", [(W, H), (1, H, W), (H * W,), (H // 2, W * 2), (H, W, 2), (H + 1, W), (1, 1, H, W)]
)
def test_maps_of_another_shape_than_the_images_are_refused(method: Method, shape: tuple[int, ...]) -> None:
    """Height and width exchanged were read as other pixels, without an error."""
    message = re.escape(
        f"a segmentation map of shape {shape} with image_size=({H}, {W}); expected ({H}, {W}) or"
    )
    with pytest.raises(RuntimeError, match=message):
        mixed(MixPolicy(method), shape=shape)


@pytest.mark.parametrize(
    ("method", "dtype", "taken"),
    [
        (CutMix(1.0), np.int64, "uint8, int16, int32 or float32"),
        (CutMix(1.0), np.uint16, "uint8, int16, int32 or float32"),
        (ResizeMix(), np.int32, "uint8, int16 or float32"),
        (ResizeMix(), np.int64, "uint8, int16 or float32"),
    ],
)
def test_maps_of_a_type_that_dali_does_not_paste_are_refused(method: Method, dtype: Any, taken: str) -> None:
    message = rf"segmentation maps of type {np.dtype(dtype)}.*expected {taken}: .* fn.cast\(maps, dtype="
    with pytest.raises(RuntimeError, match=message):
        mixed(MixPolicy(method), dtype)
