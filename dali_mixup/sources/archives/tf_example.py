"""The image and the label in a serialised tf.train.Example: where the image lies, and which number the label is.

Example.features (field 1) is a map (field 1) from names to features, each a list of bytes (1), floats (2) or int64 (3):
TensorFlow, tensorflow/core/example/{example,feature}.proto.
"""

from __future__ import annotations

from collections.abc import Iterator

from dali_mixup._repr import quoted
from dali_mixup.sources.archives.pieces import ArchiveError, Read
from dali_mixup.sources.archives.wire import LENGTH, VARINT, Field, fields, signed, varints

_BYTES, _INT64 = 1, 3
_KINDS = {_BYTES: "bytes", 2: "floats", _INT64: "int64"}
_MOST_NAME = 1 << 16
"""Bytes of a feature's name; longer ones are damage."""


def image_and_label(read: Read, start: int, stop: int, image: str, label: str) -> tuple[int, int, int]:
    """The first byte of the image, its number of bytes, and the label.

    Args:
        read: the bytes of the file.
        start, stop: the range of the Example.
        image, label: names of the features.

    Raises:
        ArchiveError: it is not an Example, or lacks one of the features, or has several values of it or another kind.
    """
    found = _features(read, start, stop, {image.encode(): image, label.encode(): label})
    for name in (image, label):
        if name not in found:
            others = _names(read, start, stop)
            if not others:
                raise ArchiveError("it has no features: the record is empty, or is not a tf.train.Example")
            raise ArchiveError(
                f"it has no feature {name!r}, but {others}. Say which hold the images and the labels: "
                "TFRecords(paths, image=..., label=...)"
            )
    images = [value for value in _values(read, found[image], image, _BYTES) if value.wire == LENGTH]
    numbers: list[int] = []
    for value in _values(read, found[label], label, _INT64):
        numbers += (
            [value.value] if value.wire == VARINT else varints(read(value.start, value.stop), value.start)
        )
    for name, count, what in ((image, len(images), "image"), (label, len(numbers), "label")):
        if count != 1:
            raise ArchiveError(
                f"the feature {name!r} has {count} values, expected one {what} per record"
                + ("; give several labels per image as train_loader(labels=...)" if name == label else "")
            )
    return images[0].start, images[0].stop - images[0].start, signed(numbers[0])


def _features(read: Read, start: int, stop: int, wanted: dict[bytes, str]) -> dict[str, Field]:
    """The wanted features by name; of several with one name the last, as in any protobuf map."""
    found = {}
    for name, value in _entries(read, start, stop):
        if name in wanted and value is not None:
            found[wanted[name]] = value
    return found


def _entries(read: Read, start: int, stop: int) -> Iterator[tuple[bytes, Field | None]]:
    for part in fields(read, start, stop):
        if (part.number, part.wire) != (1, LENGTH):
            continue
        for entry in fields(read, part.start, part.stop):
            if (entry.number, entry.wire) == (1, LENGTH):
                yield _entry(read, entry)


def _entry(read: Read, entry: Field) -> tuple[bytes, Field | None]:
    name, value = b"", None
    for field in fields(read, entry.start, entry.stop):
        if (field.number, field.wire) == (1, LENGTH):
            if field.stop - field.start > _MOST_NAME:
                raise ArchiveError(
                    f"the name of a feature at offset {field.start} has {field.stop - field.start} bytes"
                )
            name = read(field.start, field.stop)
        elif (field.number, field.wire) == (2, LENGTH):
            value = field
    return name, value


def _values(read: Read, feature: Field, name: str, kind: int) -> list[Field]:
    """The values of a feature, which may be packed: one field for several."""
    lists = [part for part in fields(read, feature.start, feature.stop) if part.number in _KINDS]
    others = [part for part in lists if part.number != kind]
    if others:
        raise ArchiveError(f"the feature {name!r} holds {_KINDS[others[0].number]}, expected {_KINDS[kind]}")
    return [
        value
        for part in lists
        for value in fields(read, part.start, part.stop)
        if value.number == 1 and value.wire in (LENGTH, VARINT)
    ]


def _names(read: Read, start: int, stop: int) -> str:
    names = sorted({name.decode(errors="backslashreplace") for name, _ in _entries(read, start, stop)})
    shown = ", ".join(quoted(name, 60) for name in names[:12])
    return f"{shown} and {len(names) - 12} more" if len(names) > 12 else shown
