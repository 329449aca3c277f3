"""One mask in all sorts of files."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from dali_mixup import open_source
from dali_mixup.sources import ImagesWithMasks, Masks
from tests.masks import CLASSES, with_palette


def grey_png(values: np.ndarray, bits: int) -> bytes:
    """A grey PNG of 1, 2, 4 or 8 bits, which Pillow does not write."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        body = kind + content
        return struct.pack(">I", len(content)) + body + struct.pack(">I", zlib.crc32(body))

    digits = (values[..., None] >> np.arange(bits - 1, -1, -1)) & 1
    lines = np.packbits(digits.reshape(len(values), -1).astype(np.uint8), axis=1)
    pixels = zlib.compress(b"".join(b"\0" + line.tobytes() for line in lines))
    header = struct.pack(">IIBBBBB", values.shape[1], values.shape[0], bits, 0, 0, 0, 0)
    chunks = chunk(b"IHDR", header), chunk(b"IDAT", pixels), chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


class TestFiles:
    """One mask in all sorts of files: Pillow's pixels are the class ids."""

    @staticmethod
    def ids_in(
        content: bytes | Image.Image, tmp_path: Path, classes: int = 256, **options: Any
    ) -> np.ndarray:
        """The class ids of a mask file with a 3 x 2 picture."""
        Image.new("RGB", (3, 2)).save(tmp_path / "a.png")
        buffer = io.BytesIO()
        if isinstance(content, Image.Image):
            content.save(buffer, "TIFF" if content.mode == "I;16" and options.pop("tiff", False) else "PNG")
        source = open_source([tmp_path / "a.png"], masks=Masks([tmp_path / "mask.png"], **options))
        assert isinstance(source, ImagesWithMasks)
        return source.ids_in(content if isinstance(content, bytes) else buffer.getvalue(), classes, 1000)

    @pytest.mark.parametrize("bits", [1, 2, 4, 8])
    @pytest.mark.parametrize("palette", [True, False])
    def test_bits(self, tmp_path: Path, bits: int, palette: bool) -> None:
        ids = np.array([[0, 1, 2], [3, 2, 1]], np.uint8) & (2**bits - 1)
        buffer = io.BytesIO()
        with_palette(ids).save(buffer, "PNG", bits=bits)
        content = buffer.getvalue() if palette else grey_png(ids, bits)
        assert content[24:26] == bytes([bits, 3 * palette]), (
            "the control: the bits, and whether there is a palette"
        )
        np.testing.assert_array_equal(self.ids_in(content, tmp_path), ids)

    def test_a_transparent_palette_and_one_bit(self, tmp_path: Path) -> None:
        ids = np.array([[0, 1, 0], [1, 1, 0]], np.uint8)
        buffer = io.BytesIO()
        with_palette(ids).save(buffer, "PNG", transparency=0)
        np.testing.assert_array_equal(self.ids_in(buffer.getvalue(), tmp_path), ids)
        np.testing.assert_array_equal(self.ids_in(Image.fromarray(ids.astype(bool)), tmp_path), ids)

    def test_sixteen_bits(self, tmp_path: Path) -> None:
        stored = np.array([[0, 7, 1000], [60000, 255, 7]], np.uint16)
        with pytest.raises(ValueError, match=r"class id 1000 outside \[0, 256\).*Masks\(ids"):
            self.ids_in(Image.fromarray(stored), tmp_path)
        found = self.ids_in(Image.fromarray(stored), tmp_path, ids={0: 0, 7: 1, 1000: 2}, ignore_index=9)
        assert found.tolist() == [[0, 1, 2], [9, 9, 1]] and found.dtype == np.uint8
        small = self.ids_in(Image.fromarray(stored % 200), tmp_path)
        assert small.tolist() == (stored % 200).tolist()

    @pytest.mark.parametrize("form", ["P2", "P5"])
    def test_pgm_files_whose_values_pillow_scales_are_refused(self, tmp_path: Path, form: str) -> None:
        ids = np.array([[0, 1, 2], [3, 2, 1]], np.uint8)
        digits = b" ".join(b"%d" % value for value in ids.ravel()) if form == "P2" else ids.tobytes()
        kept = f"{form}\n# a remark\n3 2\n255\n".encode() + digits
        np.testing.assert_array_equal(self.ids_in(kept, tmp_path), ids)
        for most in (3, 254):
            with pytest.raises(
                ValueError, match=rf"a PGM whose largest value \(maxval\) is {most}, to which"
            ):
                self.ids_in(f"{form} 3 2 {most}\n".encode() + digits, tmp_path)
        with pytest.raises(ValueError, match="a PBM, in which 1 is black"):
            self.ids_in(b"P4\n3 2\n" + bytes([0b10100000, 0b01000000]), tmp_path)

    def test_tiff_files_of_which_pillow_gives_other_pixels_are_refused(self, tmp_path: Path) -> None:
        ids = np.array([[0, 1, 2], [3, 2, 1]], np.uint8)

        def written(**tags: Any) -> bytes:
            buffer = io.BytesIO()
            Image.fromarray(ids).save(buffer, "TIFF", tiffinfo={int(tag[1:]): tags[tag] for tag in tags})
            return buffer.getvalue()

        np.testing.assert_array_equal(self.ids_in(written(), tmp_path), ids)
        np.testing.assert_array_equal(self.ids_in(written(t274=1), tmp_path), ids)
        for orientation in (2, 3, 6):
            with pytest.raises(
                ValueError, match=f"a TIFF with orientation {orientation}, which is not applied"
            ):
                self.ids_in(written(t274=orientation), tmp_path)
        # The number of bits and what 0 means are patched in: Pillow writes neither.
        for tag, value in ((258, 4), (262, 0)):
            entry = struct.pack("<HHI", tag, 3, 1)
            content = bytearray(written())
            at = content.index(entry) + 8
            content[at : at + 2] = struct.pack("<H", value)
            with pytest.raises(ValueError, match="a TIFF of 2 or 4 bits, or in which 0 is white"):
                self.ids_in(bytes(content), tmp_path)

    def test_ids_outside_the_classes(self, tmp_path: Path) -> None:
        ids = np.array([[0, 4, 255], [3, 2, 255]], np.uint8)
        np.testing.assert_array_equal(self.ids_in(with_palette(ids), tmp_path, CLASSES), ids)
        with pytest.raises(ValueError, match=r"class id 4 outside \[0, 4\), and not ignore_index=255"):
            self.ids_in(with_palette(ids), tmp_path, 4)
        with pytest.raises(ValueError, match="class id 255 outside"):
            self.ids_in(with_palette(ids), tmp_path, CLASSES, ignore_index=0)

    @pytest.mark.parametrize("mode", ["RGB", "RGBA", "LA", "F"])
    def test_several_channels_and_other_kinds(self, tmp_path: Path, mode: str) -> None:
        buffer = io.BytesIO()
        Image.new(mode, (3, 2)).save(buffer, "TIFF")
        with pytest.raises(ValueError, match=f"mode {mode}; expected one channel"):
            self.ids_in(buffer.getvalue(), tmp_path)

    def test_lossy_files(self, tmp_path: Path) -> None:
        buffer = io.BytesIO()
        Image.new("L", (3, 2)).save(buffer, "JPEG")
        with pytest.raises(ValueError, match="a JPEG, whose compression changes class ids"):
            self.ids_in(buffer.getvalue(), tmp_path)

    def test_more_pixels_than_allowed(self, tmp_path: Path) -> None:
        with pytest.raises(ValueError, match="40 x 30 pixels, expected at most max_pixels=1000"):
            self.ids_in(Image.new("L", (40, 30)), tmp_path)
