"""Whether a TIFF stores its channels as planes, against tifffile."""

from __future__ import annotations

import io
import struct
from typing import Any

import numpy as np
import pytest
import tifffile

from dali_mixup._graph.tiff_planes import has_planes
from tests.image_kinds import kinds
from tests.pixel_files import noise, tiff

WAYS: list[dict[str, Any]] = [
    {},
    {"byteorder": ">"},
    {"bigtiff": True},
    {"bigtiff": True, "byteorder": ">"},
    {"tile": (16, 16)},
]


@pytest.mark.parametrize("separate", [False, True])
@pytest.mark.parametrize("options", WAYS, ids=str)
def test_planes_are_told(options: dict[str, Any], separate: bool) -> None:
    content = tiff(noise(32, 32, 5, 16), planarconfig="separate" if separate else "contig", **options)
    assert has_planes(content) == has_planes(np.frombuffer(content, np.uint8)) == separate


@pytest.mark.parametrize("name", [name for name in kinds() if name.startswith("tiff")])
def test_every_kind_of_tiff(name: str) -> None:
    with tifffile.TiffFile(io.BytesIO(kinds()[name])) as file:
        tag = file.pages[0].tags.get("PlanarConfiguration")  # type: ignore[union-attr]
    assert has_planes(kinds()[name]) == (tag is not None and tag.value == 2)


@pytest.mark.parametrize("length", [0, 7, 9, 300])
def test_a_file_that_is_cut_off_is_an_error(length: int) -> None:
    content = tiff(noise(32, 32, 5, 16))
    at = struct.unpack_from("<I", content, 4)[0]
    with pytest.raises(struct.error):
        has_planes(content[: min(length, at + 1)])
