"""The interface between a source of encoded images and labels and the loader."""

from __future__ import annotations

import copy
import hashlib
import io
import json
import os
import reprlib
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from dali_mixup.sources.classes import Classes, ClassMap, class_map, few
from dali_mixup.sources.feeding import fed
from dali_mixup.sources.labels import checked_range, checked_shape, listed, numbered
from dali_mixup.sources.names import PackedNames, name_bytes, packed
from dali_mixup.sources.remarks import Remark, log_remarks
from dali_mixup.sources.remote.urls import check_hosts
from dali_mixup.sources.unwanted import rows_without
from dali_mixup.sources.views import LabelView, View, position

if TYPE_CHECKING:
    from PIL.Image import Image

Self = TypeVar("Self", bound="Source")

Place = tuple[bytes, int, int | None]
"""The location of an image's bytes: (path or URL of the file, first byte, number of bytes; None: to the file's end)."""


class Source(ABC):
    """Encoded images, each with a class: random access by index, no decoding, neither DALI nor torch.

    A subclass calls this constructor and writes `feed`; it sets `read_in_dali`, and overrides `places` where its images
    lie in files. It may keep any data per sample: `subset` and `exclude` pass it the indices of the samples as it was
    constructed with them.

    Args:
        names: the full name of every sample, which begins with `root` and continues after it.
        labels: (n,) whole numbers in [0, number of classes).
        classes: the name of every class: label i means classes[i]. Names may repeat (ImageNet has two "crane"). None:
            only the labels are known, and the classes are named "0", "1", ... up to the highest label.
        root: the common beginning of all names; a slash is added at its end if it has none. "": the names are relative
            already. The rest of a name, the sample's key, does not depend on the location of the data, so keys are used
            in exclude lists, manifests and fingerprints.
        remarks: oddities of the data; logged as warnings.

    Attributes:
        labels: (n,) int32, read-only.
        classes: the name of every class.
        class_map: names and labels of the classes.
        classes_named: whether the data, or the user, named the classes.
        root: the common beginning of all names.
        remarks: as given.

    Raises:
        ValueError: no samples, different numbers of names and labels, a label outside the range, a name that does not
            begin with `root`, or one with a web server's password.
        TypeError: labels that are not whole numbers, or class names that are not text.
    """

    read_in_dali: bool
    """True: `feed` gives file paths, which DALI opens. False: `feed` gives the encoded images themselves."""

    remote: bool = False
    """True: `places` are URLs, whose bytes the loader requests ahead of time; `feed` then takes them from
    `dali_mixup.sources.remote.transfers`."""

    def __init__(
        self,
        names: Sequence[str] | PackedNames,
        labels: Any,
        classes: Sequence[str] | None = None,
        root: str = "",
        *,
        remarks: Sequence[Remark] = (),
    ) -> None:
        self.root = root if not root or root.endswith("/") else f"{root}/"
        self._names = packed(names, self.root)
        check_hosts(self.root, map(self._names.path, range(len(self._names))))
        self._prefix = len(name_bytes(self.root))
        self._fingerprint: str | None = None
        array = checked_shape(labels, len(self._names))
        self.classes_named = classes is not None
        self.classes = numbered(array, self._names) if classes is None else listed(classes)
        self.class_map = ClassMap.of(self.classes)
        self.labels = checked_range(array, self.classes, self._names)
        self.remarks = tuple(remarks)
        log_remarks(self.remarks)

    @abstractmethod
    def feed(self, indices: np.ndarray) -> list[np.ndarray]:
        """The input of DALI for samples.

        Args:
            indices: (m,) int64 in [0, n); they may repeat.

        Returns:
            One (bytes,) uint8 array per index, in their order: a path or an encoded image, see `read_in_dali`.
        """

    def places(self, indices: np.ndarray) -> list[Place]:
        """The location of the encoded images of samples, for reading them before they are fed.

        Args:
            indices: (m,) int64 in [0, n).

        Returns:
            One place per index, or an empty list if the images do not lie in files.
        """
        return []

    def __len__(self) -> int:
        return len(self._names)

    def __getitem__(self, index: int) -> tuple[Image, int]:
        """A sample as torchvision's datasets give it without a transform: an RGB image of Pillow, and its label."""
        from PIL import Image

        place = position(index, len(self))
        with Image.open(io.BytesIO(self.encoded(place))) as image:
            return image.convert("RGB"), int(self.labels[place])

    def __repr__(self) -> str:
        return (
            f"{self.kind} of {len(self)} samples\n"
            f"  root: {self.root}\n"
            f"  classes: {self.num_classes} ({few(self.classes, 3)})"
        )

    @property
    def kind(self) -> str:
        """The kind of source, for messages."""
        return type(self).__name__

    @property
    def in_files(self) -> bool:
        """True if every image is a file or object of its own, as manifests list them."""
        return self.read_in_dali

    @property
    def num_classes(self) -> int:
        """The number of classes, with or without samples."""
        return len(self.classes)

    @property
    def class_to_idx(self) -> dict[str, int]:
        """The label of every class name.

        Raises:
            ValueError: a name that has several labels.
        """
        for name in self.classes:
            self.class_map.label(name)
        return dict(self.class_map.labels)

    @property
    def targets(self) -> Sequence[int]:
        """The label of every sample: torchvision's list as a view."""
        return LabelView(self.labels)

    @property
    def samples(self) -> Sequence[tuple[str, int]]:
        """(full name, label) of every sample: torchvision's list as a view."""
        return View(len(self), lambda index: (self.name(index), int(self.labels[index])))

    def name(self, index: int) -> str:
        """The full name of a sample (the path of its file), for messages."""
        return self._names.path(index)

    def key(self, index: int) -> str:
        """The name of a sample without the root: the same on every machine, whatever its locale."""
        return self._names.text(index, self._prefix)

    def filename(self, index: int, basename: bool = False, absolute: bool = False) -> str:
        """timm's name of a sample: its key, or its last part (`basename`), or its full name (`absolute`)."""
        place = position(index, len(self))
        if basename:
            return os.path.basename(self.key(place))
        return self.name(place) if absolute else self.key(place)

    def filenames(self, basename: bool = False, absolute: bool = False) -> list[str]:
        """`filename` of every sample."""
        return [self.filename(index, basename, absolute) for index in range(len(self))]

    def encoded(self, index: int) -> bytes:
        """The encoded image of a sample.

        Raises:
            OSError: its file cannot be read.
            ValueError: its bytes are damaged.
            TypeError: as `fed`.
        """
        if not self.read_in_dali:
            try:
                return fed(self, np.array([index]))[0].tobytes()
            except ValueError as error:  # of damaged bytes, which do not know their name
                raise ValueError(f"{self.name(index)!r}: {error}") from error
        with open(self.name(index), "rb") as file:
            return file.read()

    def fingerprint(self) -> str:
        """Hex digest (SHA-256) of keys, labels and classes, in order; not of the images or their location."""
        if self._fingerprint is None:
            digest = hashlib.sha256(json.dumps(self.classes).encode() + b"\0")
            digest.update(np.ascontiguousarray(self.labels, dtype="<i4").data)
            for keys in self._names.chunks(self._prefix):
                digest.update(keys)
            self._fingerprint = digest.hexdigest()
        return self._fingerprint

    def with_classes(self: Self, classes: Classes) -> Self:
        """The same samples with the labels that `classes` gives their classes.

        If the data name their classes (folders, manifests), a class keeps its name and takes the label that this name
        has in `classes`; classes without a sample here are allowed. If the data hold only numbers (lists, shards), the
        numbers are the labels, and `classes` names them.

        Args:
            classes: see `class_map`.

        Raises:
            ValueError: a class, or a number, that is not in `classes`.
            TypeError: as in `class_map`.
        """
        wanted = class_map(classes)
        rest = copy.copy(self)
        if self.classes_named and self.class_map == wanted:
            return rest
        if self.classes_named:
            labels = wanted.relabelled(self.labels, self.classes, repr(self.root))
        else:
            labels = checked_range(self.labels, wanted.names, self._names)
        rest.labels, rest._fingerprint = labels.astype(np.int32), None
        rest.classes, rest.class_map, rest.classes_named = wanted.names, wanted, True
        rest.labels.setflags(write=False)
        return rest

    def subset(self, indices: Any) -> Source:
        """Some of the samples. Classes keep their labels.

        Args:
            indices: (m,) whole numbers in [0, n): the samples, in their order.

        Raises:
            IndexError: an index outside [0, n).
            ValueError: no sample is left.
            TypeError: indices that are not whole numbers.
        """
        rows = np.asarray(indices)
        if rows.ndim != 1 or (rows.size and rows.dtype.kind not in "iu"):
            raise TypeError(f"indices must be a list of whole numbers, got {reprlib.repr(indices)}")
        outside = rows[(rows < 0) | (rows >= len(self))] if rows.size else rows
        if outside.size:
            raise IndexError(f"index {outside[0]} is outside [0, {len(self)})")
        return _Part(self, rows.astype(np.int64))

    def exclude(self, unwanted: Iterable[Any]) -> Source:
        """All samples except some. Classes keep their labels.

        Args:
            unwanted: samples by index, by key or by full name.

        Raises:
            ValueError: a name that is not in the data (a stale list must not go unnoticed), or no sample is left.
            TypeError: anything that is neither a name nor an index in [0, n).
        """
        return self.subset(rows_without(unwanted, self._names, self._prefix))


class _Part(Source):
    """Some samples of another source, which is asked for them by its own indices: it need not know about subsets."""

    def __init__(self, whole: Source, rows: np.ndarray) -> None:
        if not rows.size:
            raise ValueError(f"none of the {len(whole)} samples is left")
        self._whole, self._rows = whole, rows
        self.read_in_dali, self.remote = whole.read_in_dali, whole.remote
        super().__init__(whole._names.take(rows), whole.labels[rows], whole.classes, whole.root)
        self.class_map, self.classes_named = whole.class_map, whole.classes_named
        self.remarks = whole.remarks  # logged when the whole was opened

    @property
    def kind(self) -> str:
        return self._whole.kind

    @property
    def in_files(self) -> bool:
        return self._whole.in_files

    def feed(self, indices: np.ndarray) -> list[np.ndarray]:
        return self._whole.feed(self._rows[indices])

    def places(self, indices: np.ndarray) -> list[Place]:
        return self._whole.places(self._rows[indices])
