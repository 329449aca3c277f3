"""Dataset objects of users: torchvision's ImageFolder and similar ones, and `torch.utils.data.Subset` of them.

They are recognised by their attributes, so torchvision is not needed here.
"""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from dali_mixup.sources.base import Source
from dali_mixup.sources.classes import class_map
from dali_mixup.sources.files import FileList
from dali_mixup.sources.paths import absolute, path_text
from dali_mixup.sources.remarks import Remark


def is_sample_dataset(data: Any) -> bool:
    """True if the object has torchvision's list of (path, label)."""
    return all(hasattr(data, name) for name in ("samples", "class_to_idx", "root", "__getitem__"))


def is_subset(data: Any) -> bool:
    """True if the object is a `torch.utils.data.Subset`."""
    return _is_of_torch(data, "Subset")


def is_concatenation(data: Any) -> bool:
    """True if the object is a `torch.utils.data.ConcatDataset`."""
    return _is_of_torch(data, "ConcatDataset")


def _is_of_torch(data: Any, name: str) -> bool:
    """Others may look alike, but number their items in another way."""
    return any(kind.__name__ == name and kind.__module__.startswith("torch.") for kind in type(data).__mro__)


def from_dataset(data: Any) -> Source:
    """The files, labels and classes of a torchvision `DatasetFolder` or `ImageFolder`; its transform is not used.

    Raises:
        TypeError: the dataset makes or changes its items in Python (a `loader`, a `target_transform` or a
            `__getitem__` of its own), which would be lost.
    """
    kind = type(data).__name__
    if getattr(data, "target_transform", None) is not None:
        raise TypeError(
            f"data: the {kind} has a target_transform, which would not be applied; give (path, label) pairs, or "
            "DatasetSource(dataset) from dali_mixup.sources, which calls the dataset for every image"
        )
    if not _is_from("torchvision.", type(data).__getitem__):
        raise TypeError(_replaced(kind, "__getitem__"))
    if hasattr(data, "loader") and not _is_from("torchvision.", data.loader):
        raise TypeError(_replaced(kind, "loader"))
    remarks = []
    if getattr(data, "transform", None) is not None:
        remarks.append(Remark(f"the transform of the {kind} is not used: the loader's transform= is"))
    paths, labels = absolute([path for path, _ in data.samples]), [label for _, label in data.samples]
    root = _root_of(paths, data.root)
    keys = paths if root is None else [path[len(root) :] for path in paths]
    return FileList(keys, labels, root=root, remarks=remarks).with_classes(class_map(data))


def _root_of(paths: list[str], given: Any) -> str | None:
    """The root of a dataset as all these absolute paths begin with it; None: they lie elsewhere."""
    # torchvision joins it and the rest as texts; samples of other origin may have it in its usual spelling.
    as_joined, usual = (
        absolute([os.path.join(path_text(given), "")])[0],
        os.path.join(os.path.abspath(given), ""),
    )
    return next((root for root in (as_joined, usual) if all(path.startswith(root) for path in paths)), None)


def _replaced(kind: str, name: str) -> str:
    return (
        f"data: the {kind} has its own {name}, which would not be called; give its `samples` if DALI can read these "
        "files and they are the complete data, or DatasetSource(dataset) from dali_mixup.sources, which calls it for "
        "every image"
    )


def _is_from(package: str, function: Any) -> bool:
    return (getattr(function, "__module__", None) or "").startswith(package)


def refuse_own_items(data: Any) -> None:
    """Raise TypeError for a Subset or ConcatDataset whose class changes its items or their number."""
    for name in ("__getitem__", "__getitems__", "__len__"):
        if hasattr(type(data), name) and not _is_from("torch.", getattr(type(data), name)):
            raise TypeError(
                f"data: the {type(data).__name__} has its own {name}, which would not be called; give "
                "DatasetSource(dataset) from dali_mixup.sources, which calls it for every image"
            )


def from_subset(data: Any, whole: Source) -> Source:
    """The part of `whole` that a `torch.utils.data.Subset` of it selects."""
    return whole.subset(np.asarray(data.indices))
