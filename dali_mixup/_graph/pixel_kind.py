"""The pixels that a loader hands on: how many channels, of how many bits, and which stored images have them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from dali_mixup._checks import integer

if TYPE_CHECKING:
    from dali_mixup._graph.look import Look

MOST_CHANNELS = 32
"""nvImageCodec's parser refuses TIFF files with more."""

BITS = (8, 16)

_CONVERTED = (1, 3)
"""Numbers of channels that images of any other number are converted to: grey and RGB."""

_WITH_ALPHA = ("PNG", "WEBP", "JPEG2000", "TIFF")
"""Formats of which DALI hands on a fourth channel. It does not of a BMP, and decoding a JPEG as stored can kill the
process: a grey one does."""

_PLAIN_COLOURS = ("SRGB", "GRAY")
"""nvImageCodec's names of colours whose samples DALI hands on as they are; palettes, CMYK and others it converts."""


@dataclass(frozen=True)
class PixelKind:
    """Pixels before they are normalised.

    Args:
        channels: 1 to 32. 1: grey, and 3: RGB, to which images are converted; others: those that are stored.
        bits: 8 or 16, of a sample. Samples of 16 bits are those that are stored.
    """

    channels: int = 3
    bits: int = 8

    @classmethod
    def checked(cls, owner: str, channels: int, bits: int) -> PixelKind:
        """The kind, from arguments of `owner`; TypeError or ValueError for others than the above."""
        channels = integer(owner, "channels", channels, at_least=1, at_most=MOST_CHANNELS)
        if integer(owner, "bits", bits, at_least=1) not in BITS:
            raise ValueError(f"{owner}: bits={bits!r}, expected {' or '.join(map(str, BITS))}")
        return cls(channels, int(bits))

    @property
    def usual(self) -> bool:
        """True for RGB of 8 bits, to which all images can be converted."""
        return self == PixelKind()

    @property
    def converted(self) -> bool:
        """True if images of other numbers of channels are converted to these."""
        return self.channels in _CONVERTED

    @property
    def bytes(self) -> int:
        """Bytes of a decoded pixel."""
        return self.channels * self.bits // 8

    @property
    def most(self) -> int:
        """The largest value of a sample."""
        return 2**self.bits - 1

    def __str__(self) -> str:
        channels = "1 channel" if self.channels == 1 else f"{self.channels} channels"
        return f"{channels} of {self.bits} bits"

    def lacks(self, found: Look) -> str:
        """The reason why DALI would not decode an image to exactly these pixels; "" if it would."""
        if found.planes and (self.bits == 16 or found.bits == 16 or found.channels != 3):
            return "its channels are stored as separate planes, which DALI mistakes; store them interleaved"
        if found.format == "TIFF" and found.channels == 2 and self != PixelKind(1) and self.channels != 2:
            return "its two channels are grey and something else, of which DALI makes wrong colours"
        if self.bits == 16 and found.bits != 16:
            return f"its samples have {found.bits} bits; a loader of 8 bits takes it"
        if (self.bits == 16 or not self.converted) and found.colours not in _PLAIN_COLOURS:
            return f"its colours are {found.colours}, which DALI converts with a loss"
        if self.converted:
            return ""
        if found.channels != self.channels:
            return f"it has {found.channels}"
        if found.format not in _WITH_ALPHA or (self.channels != 4 and found.format != "TIFF"):
            return f"DALI does not decode {self.channels} channels of {found.format}; expected TIFF"
        return ""


USUAL = PixelKind()
