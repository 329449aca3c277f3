"""Images in TFRecord files, with random access and without TensorFlow."""

from __future__ import annotations

import os
import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

import numpy as np

from dali_mixup._checks import boolean, integer
from dali_mixup.sources.archives.base import ArchivePaths, Archives
from dali_mixup.sources.archives.index import ArchiveIndex, Layout, each_index, kept_index
from dali_mixup.sources.archives.naming_errors import named
from dali_mixup.sources.archives.notes import Notes
from dali_mixup.sources.archives.pieces import ArchiveError, Pieces
from dali_mixup.sources.archives.tf_example import image_and_label
from dali_mixup.sources.archives.tfrecord_frames import Frame, frames, verify_content
from dali_mixup.sources.inputs import Input, opened
from dali_mixup.sources.remarks import Remark

_OF = re.compile(r"(.*)-(\d{5})-of-(\d{5})")
"""Names that TensorFlow's writers give the shards of a data set."""

_OF_END = re.compile(r"-of-\d{5}$")


class TFRecords(Archives):
    """The images in TFRecord files of serialised tf.train.Example, each with an encoded image and a class.

    The files are indexed once, and every image is then read at its position. Keys are <file>/<number of the record>,
    counted from 0. The checksum of every record's length is compared when a file is indexed.

    Args:
        paths: a file, a pattern such as "train-*-of-01024", or a list of them; no file twice.
        classes: the names of the classes; None: "0", "1", ... up to the highest label.
        image: name of the feature with the encoded image. The default is that of TensorFlow's ImageNet scripts;
            TensorFlow Datasets use "image" and "label".
        label: name of the feature with the class, one int64.
        first_label: label of the first class in the files. TensorFlow's ImageNet scripts count from 1. None: 0, if
            any record has the label 0; otherwise it cannot be known, and is an error.
        verify: read every file whole and compare the checksums of all contents too, each time the data are opened.
        index_dir: an existing folder for the index files; None: beside each file (if that folder is writable).

    Raises:
        FileNotFoundError: a file that does not exist.
        NotADirectoryError: `index_dir` is not a folder.
        ValueError: a file that is damaged, compressed or not of this form; a record without an image or a label; labels
            below `first_label`, or without `first_label` no label 0.
        ImportError: `verify` without the package google-crc32c.
    """

    def __init__(
        self,
        paths: str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
        classes: Sequence[str] | None = None,
        *,
        image: str = "image/encoded",
        label: str = "image/class/label",
        first_label: int | None = None,
        verify: bool = False,
        index_dir: str | os.PathLike[str] | None = None,
    ) -> None:
        if first_label is not None:
            first_label = integer("TFRecords", "first_label", first_label, at_least=0)
        for argument, name in (("image", image), ("label", label)):
            if not isinstance(name, str) or not name:
                raise TypeError(f"TFRecords: {argument}={name!r}, expected the name of a feature")
        verify = boolean("TFRecords", "verify", verify)
        shards = ArchivePaths.of(paths, index_dir)
        files = shards.files
        if verify:
            for file in files:
                _verify_all(file)
        indices = each_index(files, lambda file: _index(file, shards.index_dir, image, label))
        super().__init__(shards, _from_zero(indices, first_label), classes, remarks=_missing_shards(shards))


def is_tfrecord(path: str) -> bool:
    """True for names of TFRecord files: *.tfrecord, *.tfrecords, *.tfrec, and shards such as train-00000-of-01024."""
    name = os.path.basename(path).lower()
    return name.endswith((".tfrecord", ".tfrecords", ".tfrec")) or _OF.fullmatch(name) is not None


def are_tfrecords(pattern: str) -> bool:
    """True for names of TFRecord files, and for patterns such as train-*-of-01024."""
    return is_tfrecord(pattern) or _OF_END.search(pattern) is not None


def _index(file: str, folder: str | None, image: str, label: str) -> ArchiveIndex:
    layout = Layout(f"tfrecord {image!r} {label!r}", {})
    return kept_index(file, folder, layout, lambda opened_file: _found(opened_file, image, label))


def _found(file: Input, image: str, label: str) -> ArchiveIndex:
    read = Pieces(file)
    rows = []
    with named(file, "a TFRecord file"):
        for frame in frames(read):
            with _at(frame):
                rows.append(image_and_label(read, frame.start, frame.stop, image, label))
    names = [str(number) for number in range(len(rows))]
    return ArchiveIndex.of(names, rows, file.state, Notes())


def _verify_all(path: str) -> None:
    with opened(path) as file, named(file, "a TFRecord file"):
        read = Pieces(file)
        for frame in frames(read):
            verify_content(read, frame)


@contextmanager
def _at(frame: Frame) -> Iterator[None]:
    """Add the offset of the record to errors."""
    try:
        yield
    except ArchiveError as error:
        raise ArchiveError(f"in the record at offset {frame.offset} {error}") from None


def _from_zero(indices: list[ArchiveIndex], first: int | None) -> list[ArchiveIndex]:
    """The indices with labels that count from 0, from those in the files."""
    labels = np.concatenate([index.labels for index in indices])
    lowest, highest = (int(labels.min()), int(labels.max())) if labels.size else (0, 0)
    if first is None and lowest > 0:
        raise ValueError(
            f"the labels are {lowest} to {highest}, and none is 0: TensorFlow's ImageNet scripts count from 1. Give "
            "the label of the first class: TFRecords(paths, first_label=1), or first_label=0 if class 0 has no image "
            "here"
        )
    if first and lowest < first:
        raise ValueError(f"the labels are {lowest} to {highest}, expected none below first_label={first}")
    return [replace(index, labels=index.labels - (first or 0)) for index in indices]


def _missing_shards(shards: ArchivePaths) -> list[Remark]:
    """A remark on every set of shards `name-00000-of-01024` that is not complete."""
    numbers: dict[tuple[str, int], set[int]] = defaultdict(set)
    for key in shards.keys:
        if named := _OF.fullmatch(key):
            numbers[named[1], int(named[3])].add(int(named[2]))
    return [
        Remark(
            f"{shards.root!r}: {len(found)} of the {total} shards of {name!r} are here; the first that is missing is "
            f"{next(number for number in range(total + 1) if number not in found)}"
        )
        for (name, total), found in numbers.items()
        if len(found) < total
    ]
