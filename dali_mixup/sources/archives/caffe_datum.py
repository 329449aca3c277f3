"""Caffe's Datum: an image and its label in one protobuf message (BVLC/caffe, src/caffe/proto/caffe.proto)."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from dali_mixup.sources.archives.pieces import ArchiveError, Read
from dali_mixup.sources.archives.wire import FIXED32, LENGTH, VARINT, fields, signed

_CHANNELS, _HEIGHT, _WIDTH, _DATA, _LABEL, _FLOATS, _ENCODED = range(1, 8)
_WIRES = dict.fromkeys((_CHANNELS, _HEIGHT, _WIDTH, _LABEL, _ENCODED), (VARINT,)) | {
    _DATA: (LENGTH,),
    _FLOATS: (LENGTH, FIXED32),
}
_NUMBERS = 1 << 31

ORDERS = ("BGR", "RGB")
_PNM = {1: b"P5", 3: b"P6"}


class Datum(NamedTuple):
    """One message.

    Attributes:
        start, stop: the range of its data.
        label: the class; -1: it has none.
        encoded: whether the data are an image file.
        channels, height, width: of pixels that are not encoded: uint8 planes.
    """

    start: int
    stop: int
    label: int
    encoded: bool
    channels: int
    height: int
    width: int


def datum(read: Read, start: int, stop: int) -> Datum:
    """The message in [start, stop).

    Raises:
        ArchiveError: it is not a Datum, or one without bytes, or its pixels do not fill its sides.
    """
    numbers = {_LABEL: -1}
    data = None
    for field in fields(read, start, stop):
        if field.wire not in _WIRES.get(field.number, ()):
            raise ArchiveError(f"it is not a Datum: field {field.number} at offset {field.start}")
        if field.number == _DATA:
            data = field
        elif field.wire == VARINT:
            numbers[field.number] = signed(field.value)
    if data is None:
        raise ArchiveError("it is a Datum without bytes; values that are floats are not images")
    sides = [numbers.get(side, 0) for side in (_CHANNELS, _HEIGHT, _WIDTH)]
    label = numbers[_LABEL]
    if any(not 0 <= side < _NUMBERS for side in sides) or not -_NUMBERS <= label < _NUMBERS:
        raise ArchiveError(f"it is not a Datum: its sides are {sides} and its label is {label}")
    found = Datum(data.start, data.stop, label, bool(numbers.get(_ENCODED, 0)), sides[0], sides[1], sides[2])
    pixels = sides[0] * sides[1] * sides[2]
    if not found.encoded and (pixels != data.stop - data.start or sides[0] not in _PNM):
        raise ArchiveError(
            f"it has {data.stop - data.start} bytes of pixels that are not encoded, for {sides[0]} channels of "
            f"{sides[1]} x {sides[2]}; expected 1 or 3 channels of one byte per pixel"
        )
    return found


def pnm(planes: np.ndarray, channels: int, height: int, width: int, order: str) -> np.ndarray:
    """An image file (PGM or PPM) with exactly the pixels of a Datum.

    Args:
        planes: (channels * height * width,) uint8, one channel after the other.
        channels: 1 or 3.
        height, width: in pixels.
        order: of three channels, "BGR" or "RGB".

    Raises:
        ValueError: the bytes do not fill the sides.
    """
    if channels not in _PNM or planes.size != channels * height * width:
        raise ValueError(f"{planes.size} bytes of pixels for {channels} channels of {height} x {width}")
    image = planes.reshape(channels, height, width)
    rows = (image[::-1] if order == "BGR" else image).transpose(1, 2, 0)
    header = b"%s\n%d %d\n255\n" % (_PNM[channels], width, height)
    return np.concatenate([np.frombuffer(header, np.uint8), rows.reshape(-1)])
