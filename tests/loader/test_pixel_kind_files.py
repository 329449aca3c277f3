"""Files for loaders of other channels and bits: what they may store, and those that are named as unfit."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dali_mixup import BadFileError, Output, Skip, ValTransform, train_loader, val_loader
from tests.loader.test_pixel_kinds import CPU, raw, stored_rows
from tests.odd_images import picture
from tests.pixel_files import folder_of, jpeg, noise, png, tiff


@pytest.mark.parametrize(
    ("content", "output", "reason"),
    [
        (png(noise(8, 8, 3, 8)), raw(4, 8), "expected 4 channels of 8 bits: it has 3"),
        (png(noise(8, 8, 4, 8)), raw(5, 8), "expected 5 channels of 8 bits: it has 4"),
        (png(noise(8, 8, 2, 8)), raw(2, 8), "DALI does not decode 2 channels of PNG"),
        (tiff(noise(8, 8, 5, 8)), raw(3, 8), "TIFF with 5 channels"),
        (tiff(noise(8, 8, 5, 8)), raw(1, 8), "TIFF with 5 channels"),
        (tiff(noise(8, 8, 2, 16)), raw(1, 16), "grey and something else"),
        (tiff(noise(8, 8, 2, 8)), raw(3, 8), "grey and something else"),
        (png(noise(8, 8, 3, 8)), raw(3, 16), "its samples have 8 bits"),
        (jpeg(noise(8, 8, 3, 8)), raw(3, 16), "its samples have 8 bits"),
        (tiff(noise(8, 8, 3, 16), planarconfig="separate"), raw(3, 16), "separate planes"),
        (tiff(noise(8, 8, 4, 8), planarconfig="separate"), raw(4, 8), "separate planes"),
        (tiff(noise(8, 8, 3, 16), planarconfig="separate"), Output(), "separate planes"),
        (tiff(noise(8, 8, 3, 8).astype(np.float32)), raw(3, 16), "channels of float32"),
        (tiff(noise(8, 8, 3, 8).astype(np.int16)), raw(3, 16), "channels of int16"),
    ],
)
def test_other_files_are_named(content: bytes, output: Output, reason: str, tmp_path: Path) -> None:
    """Beside good ones, in a batch that DALI parses on several threads; left out if the user wishes it."""
    kind = output.kind
    good = tiff(noise(8, 8, kind.channels, kind.bits))
    folder_of(tmp_path, [good] * 39, "tif")
    (tmp_path / "a" / "wrong.tif").write_bytes(content)
    whole: dict[str, Any] = {"batch_size": 40, "image_size": 8, "output": output, **CPU}
    with pytest.raises(BadFileError, match=rf"a/wrong\.tif: .*{reason}"):
        list(val_loader(tmp_path, **whole))
    with train_loader(tmp_path, bad_files=Skip(), **whole) as loader:
        assert len(next(iter(loader))[0]) == 40
        assert [Path(name).name for name in loader.skipped] == ["wrong.tif"]


@pytest.mark.parametrize("mode", ["L", "CMYK"])
def test_a_jpeg_never_reaches_the_decoder_of_four_channels(mode: str, tmp_path: Path) -> None:
    """Decoding a grey one as stored ends the process."""
    picture(48, 32).convert(mode).save(tmp_path / "x.jpg")
    with pytest.raises(BadFileError, match="expected 4 channels of 8 bits"):
        list(val_loader([(tmp_path / "x.jpg", 0)], batch_size=1, image_size=8, output=raw(4, 8), **CPU))


@pytest.mark.parametrize(
    "options",
    [
        {"tile": (16, 16)},
        {"byteorder": ">"},
        {"bigtiff": True},
        {"rowsperstrip": 7},
        {"compression": "zlib", "tile": (32, 16)},
        {"extrasamples": ["unassalpha"]},
        {"extrasamples": ["assocalpha"]},
        {"photometric": "minisblack"},
    ],
    ids=str,
)
@pytest.mark.parametrize("bits", [8, 16])
def test_ways_to_store_a_tiff(options: dict[str, Any], bits: int, tmp_path: Path) -> None:
    pixels = noise(40, 40, 4, bits)
    (tmp_path / "x.tif").write_bytes(tiff(pixels, **options))
    given = [(tmp_path / "x.tif", 0)]
    with val_loader(
        given, batch_size=1, transform=ValTransform(40, 40), output=raw(4, bits), **CPU
    ) as loader:
        ((images, _),) = loader
    assert np.array_equal(images[0].numpy().transpose(1, 2, 0), pixels)


def test_sixteen_bits_in_a_loader_of_eight_are_scaled_and_reported(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    pixels = [noise(16, 16, 3, 16, seed) for seed in range(4)]
    folder_of(tmp_path, [png(each) for each in pixels], "png")
    with (
        caplog.at_level(logging.WARNING, "dali_mixup"),
        val_loader(tmp_path, batch_size=4, transform=ValTransform(16, 16), output=raw(3, 8), **CPU) as loader,
    ):
        ((images, _),) = loader
        (wanted,) = [np.stack([np.rint(each / 257) for each in stored_rows(loader, pixels)])]
    assert np.array_equal(images.numpy(), wanted.transpose(0, 3, 1, 2))
    (line,) = [record.getMessage() for record in caplog.records]
    assert "has 16 bits, which are scaled to 8" in line
