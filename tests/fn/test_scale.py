"""fn.mix and the scale of mean and std, which only the images know."""

from __future__ import annotations

import numpy as np
import pytest
from nvidia.dali import Pipeline, fn

from dali_mixup import MixPolicy, MixUp, Output
from dali_mixup.fn import mix

ROWS, SIZE = 2, 8


def built(output: Output | None) -> None:
    with Pipeline(batch_size=ROWS, num_threads=1, device_id=None):
        x = fn.external_source(
            source=lambda i: np.zeros((ROWS, SIZE, SIZE, 3), np.uint8),
            batch=True,
            batch_info=True,
            layout="HWC",
        )
        y = fn.external_source(source=lambda i: np.zeros(ROWS, np.int32), batch=True, batch_info=True)
        mix(x, y, MixPolicy([MixUp()]), image_size=SIZE, num_classes=2, output=output)


@pytest.mark.parametrize(
    "output",
    [
        Output((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
        Output(0.5, 0.5),
        Output((0.485, 0.456, 0.406), (58.4, 57.1, 57.4)),
        Output((123.7, 116.3, 103.5), (0.229, 0.224, 0.225)),
    ],
    ids=["both", "numbers", "mean", "std"],
)
def test_numbers_for_images_in_0_to_1_are_pointed_out(
    output: Output, caplog: pytest.LogCaptureFixture
) -> None:
    built(output)
    assert "255 times as much" in caplog.text


@pytest.mark.parametrize(
    "output",
    [None, Output((123.7, 116.3, 103.5), (58.4, 57.1, 57.4)), Output(0.0, 255.0), Output(0.0, 1.0)],
    ids=["none", "both", "to 0..1", "as they are"],
)
def test_numbers_for_images_in_0_to_255_are_not(
    output: Output | None, caplog: pytest.LogCaptureFixture
) -> None:
    built(output)
    assert "255 times" not in caplog.text
