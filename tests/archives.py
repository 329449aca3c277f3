"""TFRecord, RecordIO and LMDB files for tests."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping
from pathlib import Path

import google_crc32c

from tests.protos import example


def masked_crc(content: bytes) -> bytes:
    """The checksum of TFRecord files."""
    crc = google_crc32c.value(content)
    return struct.pack("<I", ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF)


def write_tfrecord(path: Path, records: Iterable[bytes]) -> Path:
    with open(path, "wb") as file:
        for record in records:
            length = struct.pack("<Q", len(record))
            file.write(length + masked_crc(length) + record + masked_crc(record))
    return path


def imagenet_example(image: bytes, label: int) -> bytes:
    """An Example with the names that TensorFlow's ImageNet scripts use."""
    return example(
        {
            "image/class/label": [label],
            "image/height": [30],
            "image/encoded": [image],
            "image/format": [b"JPEG"],
        }
    )


def write_rec(path: Path, records: Iterable[tuple[float | list[float], bytes]]) -> Path:
    """A RecordIO file of (label or labels, image), as im2rec writes it, without the magic number in any image."""
    with open(path, "wb") as file:
        for number, (label, image) in enumerate(records):
            several = label if isinstance(label, list) else []
            own = 0.0 if isinstance(label, list) else label
            header = struct.pack("<IfQQ", len(several), own, number, 0) + struct.pack(
                f"<{len(several)}f", *several
            )
            content = header + image
            file.write(struct.pack("<II", 0xCED7230A, len(content)) + content + bytes(-len(content) % 4))
    return path


def write_lmdb(path: Path, entries: Mapping[bytes, bytes], subdir: bool = True, room: int = 1 << 28) -> Path:
    """An LMDB database of at most `room` bytes, by the lmdb package."""
    import lmdb

    with (
        lmdb.open(str(path), map_size=room, subdir=subdir) as database,
        database.begin(write=True) as transaction,
    ):
        for key, value in entries.items():
            transaction.put(key, value)
    return path
