"""Images from Python code reach DALI's decoder with exactly their pixels."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
import torch
from nvidia.dali import fn, pipeline_def
from PIL import Image
from torch.utils.data import Dataset

from dali_mixup.sources import open_source
from dali_mixup.sources.objects.items import encoded_item
from tests.odd_images import picture

RGB = picture(37, 23, seed=1)
PIXELS = np.asarray(RGB)


@pipeline_def(batch_size=1, num_threads=1, device_id=None)
def decoder(encoded: Any) -> Any:
    return fn.decoders.image(fn.external_source(lambda: [encoded], batch=True), device="cpu")


def decoded(item: Any) -> np.ndarray:
    pipe = decoder(encoded_item(item))
    pipe.build()
    (images,) = pipe.run()
    return np.array(images.at(0))


def as_pillow(image: Image.Image) -> np.ndarray:
    return np.asarray(image.convert("RGB"))


def of_mode(mode: str) -> Image.Image:
    if mode == "RGBA":
        image = RGB.copy()
        image.putalpha(Image.fromarray(np.tile(np.arange(37, dtype=np.uint8) * 6, (23, 1))))
        return image
    return RGB.quantize(16) if mode == "P" else RGB.convert(mode)


@pytest.mark.parametrize("mode", ["RGB", "L", "1", "P", "LA", "RGBA", "CMYK", "YCbCr", "HSV"])
def test_a_pillow_image_is_converted_as_pillow_does(mode: str) -> None:
    image = of_mode(mode)
    assert image.mode == mode and np.array_equal(decoded(image), as_pillow(image))


@pytest.mark.parametrize("mode", ["I", "F"])
def test_more_than_sixteen_bits_are_refused(mode: str) -> None:
    with pytest.raises(ValueError, match=rf"mode '{mode}', .* convert it to 8 bits"):
        encoded_item(RGB.convert(mode))


def as_stored(item: Any) -> np.ndarray:
    """The pixels of an item as tifffile and Pillow read them."""
    content = encoded_item(item).tobytes()
    if content[:1] == b"P":
        return np.asarray(Image.open(io.BytesIO(content)))
    return tifffile.imread(io.BytesIO(content))


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("channels", [1, 2, 3, 4, 5, 8, 32])
def test_every_number_of_channels_keeps_its_values(channels: int, dtype: Any) -> None:
    shape = (40, 50, channels)
    pixels = np.random.RandomState(0).randint(0, np.iinfo(dtype).max + 1, shape).astype(dtype)
    first = np.ascontiguousarray(pixels.transpose(2, 0, 1))
    for given in (pixels, pixels.astype(pixels.dtype.newbyteorder(">")), np.asfortranarray(pixels), first):
        assert np.array_equal(as_stored(given).reshape(shape), pixels)
    assert np.array_equal(as_stored(pixels[::-1, ::2]).reshape(40, 25, channels), pixels[::-1, ::2])
    assert np.array_equal(as_stored(torch.from_numpy(first)).reshape(shape), pixels)


def test_sixteen_bits_of_pillow_keep_their_values() -> None:
    pixels = np.random.RandomState(0).randint(0, 65536, (23, 37)).astype(np.uint16)
    assert np.array_equal(as_stored(Image.fromarray(pixels)), pixels)


def test_a_pillow_image_keeps_its_alpha() -> None:
    image = of_mode("RGBA")
    assert np.array_equal(as_stored(image), np.asarray(image))


def test_the_axis_of_channels_is_the_likelier_one() -> None:
    array = np.random.RandomState(0).randint(0, 256, (4, 28, 40)).astype(np.uint8)
    assert as_stored(array).shape == (28, 40, 4)
    assert as_stored(array.transpose(1, 2, 0)).shape == (28, 40, 4)
    assert as_stored(torch.zeros(4, 28, 4, dtype=torch.uint8)).shape == (28, 4, 4)
    assert as_stored(np.zeros((4, 28, 4), np.uint8)).shape == (4, 28, 4)
    assert as_stored(np.zeros((7, 3, 5), np.uint8)).shape == (7, 3, 5)


GREY = PIXELS[:, :, 0]


@pytest.mark.parametrize(
    ("item", "expected"),
    [
        (PIXELS, PIXELS),
        (PIXELS[::2, ::-1], PIXELS[::2, ::-1]),
        (np.asfortranarray(PIXELS), PIXELS),
        (PIXELS.transpose(2, 0, 1), PIXELS),
        (torch.from_numpy(PIXELS.copy()).permute(2, 0, 1), PIXELS),
        (torch.from_numpy(PIXELS.copy()), PIXELS),
        (GREY, np.stack([GREY] * 3, 2)),
        (GREY[:, :, None], np.stack([GREY] * 3, 2)),
        (torch.from_numpy(GREY.copy())[None], np.stack([GREY] * 3, 2)),
        (PIXELS[:1, :1], PIXELS[:1, :1]),
        (PIXELS[:3, :5], PIXELS[:3, :5]),
        (torch.from_numpy(PIXELS.copy()).permute(2, 0, 1)[:, :, :3], PIXELS[:, :3]),
    ],
)
def test_pixels_keep_their_values(item: Any, expected: np.ndarray) -> None:
    assert np.array_equal(decoded(item), expected)


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP"])
def test_encoded_images_pass_as_they_are(format: str, tmp_path: Path) -> None:
    buffer = io.BytesIO()
    RGB.save(buffer, format)
    encoded = buffer.getvalue()
    (tmp_path / "x").write_bytes(encoded)
    given = (encoded, bytearray(encoded), memoryview(encoded), {"bytes": encoded, "path": "x"})
    for item in (*given, {"bytes": None, "path": str(tmp_path / "x")}):
        assert encoded_item(item).tobytes() == encoded


@pytest.mark.parametrize(
    "shown",
    [
        lambda buffer: buffer,
        lambda buffer: memoryview(buffer),
        lambda buffer: {"bytes": buffer},
        lambda buffer: {"bytes": memoryview(buffer), "path": "x"},
        lambda buffer: np.frombuffer(buffer, np.uint8).reshape(2, 2, 1),
    ],
)
def test_a_buffer_that_a_dataset_uses_again_changes_no_image(shown: Any) -> None:
    class OneBuffer(Dataset):
        """As readers of large files do that allocate nothing per image."""

        targets = (0, 1, 0)
        buffer = bytearray(4)

        def __len__(self) -> int:
            return 3

        def __getitem__(self, index: int) -> tuple[Any, int]:
            self.buffer[:] = bytes([index] * 4)
            return shown(self.buffer), index % 2

    batch = open_source(OneBuffer()).feed(np.arange(3))
    assert [image[-4:].tolist() for image in batch] == [[0] * 4, [1] * 4, [2] * 4]


def test_every_second_byte_of_a_buffer_is_what_it_shows() -> None:
    assert encoded_item(memoryview(b"a-b-c-")[::2]).tobytes() == b"abc"


@pytest.mark.parametrize(
    ("item", "error", "message"),
    [
        (
            torch.zeros(3, 4, 4),
            TypeError,
            "float32, as transforms such as ToTensor and Normalize make it",
        ),
        (np.zeros((4, 4, 3)), TypeError, "float64"),
        (np.zeros((4, 4, 3), np.int16), TypeError, "int16"),
        (np.zeros((4, 4, 3), np.uint32), TypeError, "uint32"),
        (np.zeros((4, 4, 3), bool), TypeError, "bool"),
        (np.zeros((33, 4, 33), np.uint8), ValueError, r"shape \(33, 4, 33\), expected 1 to 32 channels"),
        (np.zeros((4, 4, 0), np.uint8), ValueError, r"shape \(4, 4, 0\)"),
        (np.zeros(4, np.uint8), ValueError, r"shape \(4,\), expected \(H, W\)"),
        (np.zeros((0, 4, 3), np.uint8), ValueError, r"shape \(0, 4, 3\)"),
        ({"bytes": None, "path": None}, ValueError, "got neither"),
        ({"pixels": 1}, TypeError, r"dict with the keys \['pixels'\]"),
        ({"bytes": None, "path": "/no-such-file"}, OSError, "/no-such-file"),
        ("a.jpg", TypeError, r"got str 'a\.jpg'"),
        (7, TypeError, "got int 7"),
        (None, TypeError, "got NoneType"),
    ],
)
def test_what_is_no_image_is_refused(item: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        encoded_item(item)
