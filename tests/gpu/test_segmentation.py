"""Segmentation maps on the GPU, mixed as on the CPU, exactly."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from nvidia.dali import fn, pipeline_def

from dali_mixup import MixPolicy
from dali_mixup.fn import mix
from dali_mixup.methods import RICAP, CutMix, Mosaic, ResizeMix, StackMix

# Odd sides: the nearest neighbour of a pixel's centre is never a tie. Where it is, DALI's CPU kernel, which adds up its
# steps, and its GPU kernel, which multiplies, may choose different neighbours (7 % of the rows of 40 pixels made 15).
ROWS, H, W = 8, 41, 57


def mixed(policy: MixPolicy, dtype: Any, device: str) -> list[tuple[np.ndarray, np.ndarray]]:
    rng = np.random.RandomState(0)
    images = rng.randint(0, 256, (ROWS, H, W, 3)).astype(np.uint8)
    maps = rng.randint(0, 100, (ROWS, H, W)).astype(dtype)
    gpu = device == "cuda"

    @pipeline_def(batch_size=ROWS, num_threads=2, device_id=0 if gpu else None)
    def graph():  # type: ignore[no-untyped-def]
        x = fn.external_source(source=lambda info: images, batch=True, batch_info=True, layout="HWC")
        m = fn.external_source(source=lambda info: maps, batch=True, batch_info=True)
        y = fn.external_source(
            source=lambda info: np.arange(ROWS, dtype=np.int32), batch=True, batch_info=True
        )
        given = [node.gpu() if gpu else node for node in (x, m)]
        out, soft, moved = mix(
            given[0], y, policy, image_size=(H, W), num_classes=ROWS, segmentation=given[1]
        )
        return out, moved, soft

    pipe = graph()
    pipe.build()
    return [tuple(np.array(output.as_cpu().as_tensor()) for output in pipe.run()[:2]) for _ in range(4)]  # type: ignore[misc]


@pytest.mark.parametrize(
    ("methods", "dtype"),
    [
        *(
            ([method], dtype)
            for method in (CutMix(), RICAP(), Mosaic())
            for dtype in (np.uint8, np.int16, np.int32)
        ),
        *(([ResizeMix(), StackMix()], dtype) for dtype in (np.uint8, np.int16)),
        ([CutMix(), Mosaic(), ResizeMix()], np.uint8),
    ],
)
def test_the_device_gives_the_cpus_maps(methods: list, dtype: Any, device: str) -> None:
    policy = MixPolicy(methods, granularity="sample")
    for (images, maps), (expected, same) in zip(
        mixed(policy, dtype, device), mixed(policy, dtype, "cpu"), strict=True
    ):
        assert maps.dtype == dtype
        np.testing.assert_array_equal(maps, same)
        assert np.abs(images - expected).max() <= 1  # resizing rounds
