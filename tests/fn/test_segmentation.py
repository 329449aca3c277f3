"""Segmentation maps follow the pixels of their images, exactly."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from nvidia.dali import fn, pipeline_def

from dali_mixup._decide.policy import MixPolicy
from dali_mixup.fn import mix
from dali_mixup.methods import RICAP, CutMix, Method, MixUp, Mosaic, ResizeMix, StackMix

ROWS, H, W = 6, 24, 40


def mixed(
    policy: MixPolicy, dtype: Any = np.uint8, steps: int = 4
) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """(images, maps) of a few batches whose images show their maps: row i's are all i + 1."""
    maps = np.broadcast_to(np.arange(1, ROWS + 1, dtype=dtype)[:, None, None], (ROWS, H, W)).copy()
    images = np.repeat(maps[..., None], 3, axis=3).astype(np.uint8)

    @pipeline_def(batch_size=ROWS, num_threads=2, device_id=None)
    def graph():  # type: ignore[no-untyped-def]
        x = fn.external_source(source=lambda i: images, batch=True, batch_info=True, layout="HWC")
        m = fn.external_source(source=lambda i: maps, batch=True, batch_info=True)
        y = fn.external_source(source=lambda i: np.arange(ROWS, dtype=np.int32), batch=True, batch_info=True)
        return mix(x, y, policy, image_size=(H, W), num_classes=ROWS, segmentation=m)

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


def test_several_methods_in_one_batch() -> None:
    policy = MixPolicy([CutMix(1.0), ResizeMix(), StackMix()], granularity="sample", prob=0.8)
    for images, maps in mixed(policy, steps=8):
        assert torch.equal(images[..., :1], maps.float())


def test_methods_that_average_are_refused() -> None:
    with pytest.raises(ValueError, match="segmentation with mixup: class ids cannot be averaged"):
        mixed(MixPolicy([CutMix(), MixUp()]))
