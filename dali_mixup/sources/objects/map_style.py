"""Any `torch.utils.data.Dataset` with random access that yields images and labels."""

from __future__ import annotations

import logging
import operator
import reprlib
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from typing import Any, TypeVar

import numpy as np

from dali_mixup._checks import integer
from dali_mixup.sources.class_attributes import class_names
from dali_mixup.sources.classes import Classes, class_map
from dali_mixup.sources.labels import checked_shape, whole_numbers
from dali_mixup.sources.objects.item_source import ItemSource
from dali_mixup.sources.objects.items import encoded_item
from dali_mixup.sources.reading import StorageError, patiently, storage_is_at_fault

T = TypeVar("T")


class _ItemError(ValueError):
    """The dataset's own code raised, and not because its storage fails."""


class _LabelError(RuntimeError):
    """The dataset contradicts its own list of labels. No ValueError, which would be taken for a sample that cannot be
    read, and be left out: the image is fine, and so may be all others whose labels are wrong."""


_log = logging.getLogger("dali_mixup")


class DatasetSource(ItemSource):
    """A dataset whose items are (image, label): the images that `dataset[i]` gives, with everything that files have.

    The image is encoded (bytes), a Pillow image, or uint8 or uint16 pixels of shape (H, W), (H, W, C) or (C, H, W), C
    from 1 to 32; it reaches the pipeline without loss. `dataset[i]` is called in this process, when a batch is due and,
    for every sample, once before (the check of its header), so it must give the same image each time: leave random
    transforms out.

    Args:
        dataset: an object with `len(dataset)` and `dataset[i]` for i in [0, n).
        labels: (n,) whole numbers; None: the dataset's `targets` or `labels`, else those of its items, all of which are
            read once, which is logged. With `labels`, an item may be an image alone.
        classes: the names of the classes, see `class_map`; None: the dataset's `class_to_idx` or `classes`, else
            numbers.
        threads: calls of `dataset[i]` at the same time, >= 1. More than one only for a dataset that threads may share,
            which one with an open file usually is not.

    Raises:
        TypeError: a dataset without random access, or items that are no (image, label).
        ValueError: no samples, or labels that differ from those of the items. Only some items are read for this; where
            another one differs, reading it raises RuntimeError, and no `Skip` leaves it out.
    """

    def __init__(
        self,
        dataset: Any,
        labels: Any = None,
        classes: Classes | None = None,
        *,
        threads: int = 1,
    ) -> None:
        kind = type(dataset).__name__
        if not has_random_access(dataset):
            raise TypeError(
                f"DatasetSource: {kind} has no len() or no random access by index; write its samples to tar shards "
                "(webdataset's ShardWriter), which a loader shuffles completely and resumes exactly"
            )
        self._dataset, self._owner = dataset, kind
        self._threads = integer("DatasetSource", "threads", threads, at_least=1)
        self._calls = threading.BoundedSemaphore(self._threads)
        self._images_alone = labels is not None
        count = len(dataset)
        if not count:
            raise ValueError(f"DatasetSource: the {kind} is empty")
        found = _known_labels(dataset, count) if labels is None else labels
        if found is None:
            found = self._read_labels(count)
        self._known = checked_shape(found, count)
        for row in sorted({0, count // 2, count - 1}):
            with suppress(_ItemError):  # a bad sample, which is dealt with when its batch is due
                self._check_item(row)
        names = None if classes is None else class_map(classes).names
        if names is None and labels is None:
            given = class_names(dataset)
            names = None if given is None else class_map(given).names
        super().__init__([f"{kind}/{row}" for row in range(count)], self._known, names, f"{kind}/")

    def images(self, indices: list[int]) -> Sequence[np.ndarray]:
        if self._threads == 1 or len(indices) == 1:
            return [self._image(row) for row in indices]
        with ThreadPoolExecutor(self._threads, "dali-mixup-dataset") as threads:
            return list(threads.map(self._image, indices))

    def _image(self, row: int) -> np.ndarray:
        with self._calls:  # until it is copied, too: the next call may read into the same buffer
            return self._encoded(row, self._item(row))

    def _item(self, row: int) -> Any:
        """The image of an item, whose label must be the one that is known."""
        image, label = self._pair(row)
        if label is not None and label != self._known[row]:
            raise _LabelError(
                f"item {row} of the {self._owner} has the label {label}, but its `targets` or `labels` say "
                f"{self._known[row]}; give DatasetSource(dataset, labels=[...])"
            )
        return image

    def _check_item(self, row: int) -> None:
        try:
            self._check_image(self._patiently(self._item, row), row)
        except _LabelError as error:
            raise ValueError(str(error)) from None

    def _check_image(self, image: Any, row: int) -> None:
        try:
            encoded_item(image)
        except (TypeError, ValueError) as error:
            raise type(error)(f"item {row} of the {self._owner}: {error}") from None

    def _pair(self, row: int) -> tuple[Any, int | None]:
        try:
            item = self._dataset[row]
        except Exception as error:  # the code is the user's; the sample is named, and may be left out
            if _is_outage(error):
                raise
            raise _ItemError(f"{self._owner}[{row}] raised {type(error).__name__}: {error}") from error
        if self._images_alone:
            return (item[0] if isinstance(item, (tuple, list)) and item else item), None
        if not isinstance(item, (tuple, list)) or len(item) < 2:
            keys = f" with the keys {list(item)}" if isinstance(item, dict) else ""
            raise TypeError(
                f"item {row} of the {self._owner} must be (image, label), got {type(item).__name__}{keys}"
            )
        return item[0], _whole_number(item[1], row, self._owner)

    def _patiently(self, read: Callable[[int], T], row: int) -> T:
        """`read(row)`, tried again while the dataset's storage fails: later, whoever asks for samples does that."""
        return patiently(partial(read, row), f"{self._owner}/{row}")

    def _read_labels(self, count: int) -> list[int]:
        begun = time.monotonic()
        with suppress(_ItemError):  # what cannot be used is refused before that
            self._check_image(self._patiently(self._pair, 0)[0], 0)
        _log.info(
            "%s has neither `targets` nor `labels`: all its %d items are read once for their labels, about %.0f s; "
            "DatasetSource(dataset, labels=[...]) spares that",
            self._owner,
            count,
            (time.monotonic() - begun) * count,
        )
        try:
            found = [self._patiently(self._pair, row)[1] for row in range(count)]
        except _ItemError as error:
            raise ValueError(
                f"{error}; give DatasetSource(dataset, labels=[...]) to open it all the same"
            ) from None
        return [label for label in found if label is not None]


def _is_outage(error: Exception) -> bool:
    """Whether the storage of a dataset fails, and none of its samples is to blame."""
    if not isinstance(error, OSError):
        return False
    named = error.filename if isinstance(error.filename, (str, bytes)) else None
    return isinstance(error, StorageError) or storage_is_at_fault(error, named or None)


def has_random_access(data: Any) -> bool:
    """True if an object has a length and items, and is not torch's `IterableDataset`."""
    return hasattr(data, "__len__") and hasattr(data, "__getitem__") and not is_iterable_only(data)


def is_torch_dataset(data: Any) -> bool:
    """True if an object derives from `torch.utils.data.Dataset`, which need not be loaded here."""
    return any(
        base.__name__ == "Dataset" and base.__module__.startswith("torch.utils.data")
        for base in type(data).__mro__
    )


def is_iterable_only(data: Any) -> bool:
    """True if an object derives from an `IterableDataset`, torch's or Hugging Face's."""
    return any(base.__name__ == "IterableDataset" for base in type(data).__mro__)


def _known_labels(dataset: Any, count: int) -> np.ndarray | None:
    """The labels in an attribute that datasets have for them; None if none fits."""
    for name in ("targets", "labels"):
        try:
            array = whole_numbers(getattr(dataset, name, None))
        except TypeError:
            continue
        if array.shape == (count,):
            return array
    return None


def _whole_number(label: Any, row: int, owner: str) -> int:
    try:
        return operator.index(label)
    except TypeError:
        raise TypeError(
            f"the label of item {row} of the {owner} must be a whole number, got {reprlib.repr(label)}; give "
            "DatasetSource(dataset, labels=[...]), or vectors with train_loader(labels=LabelVectors(...)); for masks "
            "the paths of their files, with open_source(images, masks=...)"
        ) from None
