"""Annotation files of OpenMMLab (mmpretrain, mmengine): one JSON object with `metainfo` and `data_list`."""

from __future__ import annotations

import json
import os
import reprlib
from typing import Any

from dali_mixup.sources.files import FileList
from dali_mixup.sources.paths import climbs, home_expanded, regular_file

JSON_SUFFIX = ".json"


def read_openmmlab(file: str | os.PathLike[str], *, root: str | os.PathLike[str] | None = None) -> FileList:
    """The samples of an annotation file, {"metainfo": {"classes": [...]}, "data_list": [sample, ...]} where a sample is
    {"img_path": "a.jpg", "gt_label": 0}.

    `metainfo` may have `categories` with `id` and `category_name` instead, or be missing: then labels are numbers.

    Args:
        file: the annotation file.
        root: the folder of the images (mmpretrain's `data_prefix`); None: the file's own, and absolute paths stay.

    Raises:
        FileNotFoundError: the file does not exist.
        ValueError: it is not of this form; the message names the entry.
    """
    path = os.path.abspath(home_expanded(file))
    regular_file(path)
    try:
        with open(path, encoding="utf-8-sig") as text:
            found = json.load(text)
        entries, metainfo = found["data_list"], found.get("metainfo") or {}
        if not isinstance(entries, list) or not isinstance(metainfo, dict):
            raise TypeError
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise ValueError(
            f"{path!r} is not an annotation file of OpenMMLab: expected a JSON object with `metainfo` and `data_list`"
        ) from None
    if not entries:
        raise ValueError(f"the annotation file {path!r} lists no samples: its data_list is empty")
    try:
        classes = _classes(metainfo)
    except ValueError as error:
        raise ValueError(f"{path}, metainfo: {error}") from None
    paths: list[str] = []
    labels: list[int] = []
    for number, entry in enumerate(entries):
        image, label = (
            (entry.get("img_path"), entry.get("gt_label")) if isinstance(entry, dict) else (None, None)
        )
        if not isinstance(image, str) or not image or type(label) is not int:
            raise ValueError(
                f"{path}, data_list[{number}]: expected an img_path and a gt_label that is one whole number, got "
                f"{reprlib.repr(entry)}; several labels are given as vectors: train_loader(labels=LabelVectors(...))"
            )
        if root is None and not image.startswith("/"):
            if climbs(image):
                raise ValueError(
                    f"{path}, data_list[{number}]: expected a path without `..`, got {image!r}; give the folder of the "
                    "images with open_source(..., root=...)"
                )
            image = f"{os.path.dirname(path).rstrip('/')}/{image}"
        paths.append(image)
        labels.append(label)
    return FileList(paths, labels, classes, root=root)


def _classes(metainfo: dict[str, Any]) -> list[str] | None:
    """The name of every class, in the order of their labels; None if there is none; ValueError for anything else."""
    if "classes" in metainfo:
        return _texts(metainfo["classes"], "classes")
    categories = metainfo.get("categories")
    if categories is None:
        return None
    if not isinstance(categories, list) or not all(isinstance(category, dict) for category in categories):
        raise ValueError(f"expected a list of categories, got {reprlib.repr(categories)}")
    names = _texts([category.get("category_name") for category in categories], "category_name")
    ids = [category.get("id") for category in categories]
    if not all(type(label) is int for label in ids) or sorted(ids) != list(range(len(ids))):
        raise ValueError(
            f"expected categories with the ids 0 to {len(ids) - 1}, each once, got {reprlib.repr(ids)}"
        )
    return [name for _, name in sorted(zip(ids, names, strict=True))]


def _texts(names: Any, what: str) -> list[str]:
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise ValueError(f"expected a list of texts as {what}, got {reprlib.repr(names)}")
    return names
