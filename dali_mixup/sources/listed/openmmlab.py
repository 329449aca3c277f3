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
        entries = found["data_list"]
        classes = _classes(found.get("metainfo") or {})
        if not isinstance(entries, list):
            raise TypeError
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise ValueError(
            f"{path!r} is not an annotation file of OpenMMLab: expected a JSON object with `metainfo` and `data_list`"
        ) from None
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
    if "classes" in metainfo:
        return list(metainfo["classes"])
    categories = metainfo.get("categories")
    if categories is None:
        return None
    names = {int(category["id"]): str(category["category_name"]) for category in categories}
    if sorted(names) != list(range(len(names))):
        raise ValueError("ids that do not count from 0")
    return [names[label] for label in range(len(names))]
