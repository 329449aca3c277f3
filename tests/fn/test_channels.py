"""fn.mix and the number of channels: any, but one number in a batch, and as many means as channels."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from nvidia.dali import Pipeline, fn

from dali_mixup import MixPolicy, Output
from dali_mixup.fn import mix
from dali_mixup.methods import REGISTRY, CutMix

ROWS, SIZE = 4, 16
ONE_OF_EACH_FORM = list({method().form: method() for method in REGISTRY.values()}.values())


def mixed(method: Any, channels: list[int], output: Output | None = None, layout: str = "HWC") -> np.ndarray:
    images = np.random.RandomState(0).randint(0, 256, (ROWS, SIZE, SIZE, 4)).astype(np.uint8)
    given = [image[..., :c] for image, c in zip(images, channels, strict=True)]
    given = [np.ascontiguousarray(image if layout == "HWC" else image.transpose(2, 0, 1)) for image in given]
    pipe = Pipeline(batch_size=ROWS, num_threads=1, device_id=None)
    with pipe:
        x = fn.external_source(source=lambda info: given, batch=True, batch_info=True, layout=layout)
        y = fn.external_source(
            source=lambda info: np.arange(ROWS, dtype=np.int32), batch=True, batch_info=True
        )
        policy = MixPolicy([method], granularity="sample")
        pipe.set_outputs(*mix(x, y, policy, image_size=SIZE, num_classes=ROWS, output=output, layout=layout))
    pipe.build()
    return np.array(pipe.run()[0].as_tensor())


@pytest.mark.parametrize("method", ONE_OF_EACH_FORM, ids=str)
@pytest.mark.parametrize("layout", ["HWC", "CHW"])
def test_grey_beside_coloured_images_end_the_run(method: Any, layout: str) -> None:
    """A grey image would be added to each channel of a coloured one; DALI's paste alone notices."""
    with pytest.raises(RuntimeError, match="images of 1 and 3 channels in one batch"):
        mixed(method, [3, 1, 3, 1], layout=layout)


@pytest.mark.parametrize("method", ONE_OF_EACH_FORM, ids=str)
@pytest.mark.parametrize("channels", [1, 4])
def test_other_channels_than_means_end_the_run(method: Any, channels: int) -> None:
    """DALI's GPU kernel would begin again with the first mean; its CPU kernel refuses, but does not say what to do."""
    output = Output((1.0, 2.0, 3.0), (50.0, 60.0, 70.0))
    with pytest.raises(RuntimeError, match=f"images of {channels} channels, but output has 3 means"):
        mixed(method, [channels] * ROWS, output)


@pytest.mark.parametrize("method", ONE_OF_EACH_FORM, ids=str)
@pytest.mark.parametrize("channels", [1, 2, 3])
def test_each_channel_is_mixed_as_in_images_of_four(method: Any, channels: int) -> None:
    output = Output(128.0, 64.0, channels_last=True)
    four = mixed(method, [4] * ROWS, output)
    np.testing.assert_array_equal(mixed(method, [channels] * ROWS, output), four[..., :channels])


def test_more_means_than_dali_has_room_for_are_refused() -> None:
    """Of uint8; DALI's CPU operator ends the process."""
    eight, nine = Output([1.0] * 8, [2.0] * 8, "uint8"), Output([1.0] * 9, [2.0] * 9, "uint8")
    assert mixed_rows(eight, 8).dtype == np.uint8
    with pytest.raises(ValueError, match="9 means and dtype='uint8'"):
        mixed_rows(nine, 9)
    assert mixed_rows(Output(1.0, 2.0, "uint8"), 9).shape == (ROWS, 9, SIZE, SIZE)


def mixed_rows(output: Output, channels: int) -> np.ndarray:
    given = [np.full((SIZE, SIZE, channels), 7, np.uint8)] * ROWS
    pipe = Pipeline(batch_size=ROWS, num_threads=1, device_id=None)
    with pipe:
        x = fn.external_source(source=lambda info: given, batch=True, batch_info=True, layout="HWC")
        y = fn.external_source(
            source=lambda info: np.arange(ROWS, dtype=np.int32), batch=True, batch_info=True
        )
        pipe.set_outputs(*mix(x, y, MixPolicy(CutMix()), image_size=SIZE, num_classes=ROWS, output=output))
    pipe.build()
    return np.array(pipe.run()[0].as_tensor())


@pytest.mark.parametrize("output", [Output(0.0, 1.0, channels=4), Output(0.0, 1.0, bits=16)])
def test_kinds_of_pixels_are_for_loaders(output: Output) -> None:
    with pytest.raises(ValueError, match="which is for the loaders, that decode"):
        mixed_rows(output, 4)
