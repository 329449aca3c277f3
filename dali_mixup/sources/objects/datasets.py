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
from dali_mixup.sources.remarks import Remark


def is_sample_dataset(data: Any) -> bool:
    """True if the object has torchvision's list of (path, label)."""
    return all(hasattr(data, name) for name in ("samples", "class_to_idx", "root", "__getitem__"))


def is_subset(data: Any) -> bool:
    """True if the object is part of another dataset, as `torch.utils.data.Subset`."""
    return hasattr(data, "dataset") and hasattr(data, "indices")


def is_concatenation(data: Any) -> bool:
    """True if the object is several datasets in a row, as `torch.utils.data.ConcatDataset`."""
    return hasattr(data, "datasets") and hasattr(data, "cumulative_sizes")


def from_dataset(data: Any) -> Source:
    """The files, labels and classes of a torchvision `DatasetFolder` or `ImageFolder`; its transform is not used.

    Raises:
        TypeError: the dataset changes its items in Python (a `target_transform`, a `__getitem__` of its own), which
            would be lost.
    """
    kind = type(data).__name__
    if getattr(data, "target_transform", None) is not None:
        raise TypeError(
            f"data: the {kind} has a target_transform, which would not be applied; give (path, label) pairs, or "
            "DatasetSource(dataset) from dali_mixup.sources, which calls the dataset for every image"
        )
    if not getattr(type(data).__getitem__, "__module__", "").startswith("torchvision."):
        raise TypeError(
            f"data: {kind} has its own __getitem__, which would not be called; give its `samples` if they are "
            "the complete data, or DatasetSource(dataset) from dali_mixup.sources, which calls it for every image"
        )
    remarks = []
    if getattr(data, "transform", None) is not None:
        remarks.append(Remark(f"the transform of the {kind} is not used: the loader's transform= is"))
    paths, labels = [path for path, _ in data.samples], [label for _, label in data.samples]
    root = f"{os.path.abspath(data.root)}/"
    below = all(path.startswith(root) for path in paths)
    keys = [path[len(root) :] for path in paths] if below else paths
    return FileList(keys, labels, root=root if below else None, remarks=remarks).with_classes(class_map(data))


def from_subset(data: Any, whole: Source) -> Source:
    """The part of `whole` that a `torch.utils.data.Subset` of it selects."""
    return whole.subset(np.asarray(data.indices, dtype=np.int64))
