"""Rows of images on their way to memory: every byte, and none beside them, whatever the size."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from nvidia.dali import Pipeline, fn, types

rows = pytest.importorskip("dali_mixup._cpu.rows")

from dali_mixup._cpu.memory import copied  # noqa: E402  # needs Numba
from dali_mixup._cpu.operators import normalised  # noqa: E402

WIDTHS = [1, 2, 15, 16, 17, 31, 48, 63, 224, 225, 320]
"""Narrower than a vector, of whole cache lines, and neither."""


@given(
    st.integers(0, 300) | st.integers(0, 40).map(lambda lines: 64 * lines),
    st.integers(0, 127) | st.sampled_from([0, 64]),
    st.integers(0, 127),
    st.booleans(),
)
def test_bytes_are_copied_and_no_others(count: int, at: int, start: int, past_cache: bool) -> None:
    source = np.random.RandomState(count).randint(0, 256, start + count + 1).astype(np.uint8)
    memory = np.full(count + 512, 77, np.uint8)
    first = -memory.ctypes.data % 64 + 64 + at
    copied(memory.ctypes.data + first, source.ctypes.data + start, count, past_cache)
    expected = np.full(count + 512, 77, np.uint8)
    expected[first : first + count] = source[start : start + count]
    np.testing.assert_array_equal(memory, expected)


@pytest.mark.parametrize("layout", ["CHW", "HWC"])
@pytest.mark.parametrize("bytes_of_an_image", ["few", "many"])
def test_images_of_every_width_and_number(layout: str, bytes_of_an_image: str) -> None:
    """Those of many bytes are written past the cache where their rows are whole cache lines."""
    least = 1 if bytes_of_an_image == "few" else rows.PAST_CACHE // 6
    random = np.random.RandomState(0)
    images = [random.randint(0, 256, (-(-least // width) + 1, width, 3)).astype(np.uint8) for width in WIDTHS]
    scale, shift = np.float32([0.017, 0.018, -0.019]), np.float32([-2.1, 2.0, -1.8])
    kinds = (types.DALIDataType.FLOAT, types.DALIDataType.FLOAT16, types.DALIDataType.UINT16)
    pipe = Pipeline(batch_size=len(images), num_threads=3, device_id=None)
    with pipe:
        fed = fn.external_source(source=lambda _: images, batch=True, batch_info=True, layout="HWC")
        coefficients = types.Constant(np.stack([scale, shift]), device="cpu")
        pipe.set_outputs(*(normalised(fed, coefficients, kind, layout) for kind in kinds))
    pipe.build()
    for found, half, brain in zip(*pipe.run(), strict=True):
        image = images.pop(0)
        expected = image * scale + shift
        expected = expected.transpose(2, 0, 1) if layout == "CHW" else expected
        assert expected.dtype == np.float32
        np.testing.assert_array_equal(np.array(found), expected)
        np.testing.assert_array_equal(np.array(half), expected.astype(np.float16))
        rounded = torch.from_numpy(expected.copy()).to(torch.bfloat16).view(torch.int16).numpy()
        np.testing.assert_array_equal(np.array(brain).view(np.int16), rounded)
