"""The names of what is written."""

from __future__ import annotations

import logging
from collections.abc import Sequence

import numpy as np

from dali_mixup.pack.images import ENDINGS, PackedImage
from dali_mixup.sources import IMAGE_EXTENSIONS, Source
from dali_mixup.sources.archives.packed import PACK_FILE, WORK_FOLDER
from dali_mixup.sources.extensions import JPEG_2000
from dali_mixup.sources.paths import climbs

_log = logging.getLogger("dali_mixup")

_FOR_JPEG = (".jpg", ".jpeg")


def shard_name(number: int) -> str:
    return f"shard-{number:06d}.tar"


def file_path(key: str, class_name: str, image: PackedImage) -> str:
    """The path of an image's file: <class>/<key>, which of a folder of class folders is the key itself. An extension is
    added where a JPEG replaces another format, or where there is none."""
    path = in_class_folder(key, class_name)
    allowed = IMAGE_EXTENSIONS if image.kept else _FOR_JPEG
    return path if path.lower().endswith(allowed) else f"{path}.{image.ending}"


def in_class_folder(key: str, class_name: str) -> str:
    return key if key.startswith(f"{class_name}/") else f"{class_name}/{key}"


def check_file_names(source: Source) -> None:
    """Check that every sample can have a file of its own in a folder of its class.

    Raises:
        ValueError: classes or keys for which that is impossible; the message names one.
    """
    for name in source.classes:
        if not name or "/" in name or name in (".", "..") or "\0" in name:
            raise ValueError(f"the class {name!r} cannot be a folder; pack shards instead of files")
        if name in (PACK_FILE, WORK_FOLDER):
            raise ValueError(
                f"the class {name!r} cannot be a folder, since packed data have something else of that name; pack "
                "shards instead of files"
            )
    if len(set(source.classes)) < len(source.classes):
        raise ValueError(
            "several classes have the same name, and so the same folder; pack shards instead of files"
        )
    seen: set[str] = set()
    for index, label in enumerate(source.labels.tolist()):
        path = in_class_folder(source.key(index), source.classes[label])
        if climbs(path):
            raise ValueError(f"{source.key(index)!r} leaves the folder; pack shards instead of files")
        if path in seen:
            raise ValueError(
                f"{source.key(index)!r} comes twice, but can be only one file; pack shards instead of files"
            )
        seen.add(path)
    folders = _folders(seen)
    for path in seen:
        for name in _possible(path):
            if name != path and name in seen:
                raise ValueError(f"{path!r} and {name!r} could become one file; pack shards instead of files")
            if name in folders:
                raise ValueError(
                    f"{path!r} could become the file {name!r}, where other images need a folder of this name; pack "
                    "shards instead of files"
                )


def _possible(path: str) -> list[str]:
    """The paths that `file_path` may make of this one, whatever the image turns out to be."""
    lower = path.lower()
    if lower.endswith(_FOR_JPEG):
        return [path]
    if lower.endswith(IMAGE_EXTENSIONS):
        return [path, f"{path}.jpg"]
    return [f"{path}.{ending}" for ending in ENDINGS.values()]


def _folders(paths: set[str]) -> set[str]:
    """All folders above the paths."""
    found: set[str] = set()
    for path in paths:
        folder = path.rpartition("/")[0]
        while folder and folder not in found:
            found.add(folder)
            folder = folder.rpartition("/")[0]
    return found


def warn_of_image_folder(source: Source) -> None:
    """Say where torchvision's `ImageFolder`, which knows nothing of pack.jsonl, gives the packed files other labels, or
    leaves some out."""
    used = [source.classes[label] for label in np.unique(source.labels).tolist()]
    if list(source.classes) != sorted(used):
        _log.warning(
            "torchvision's ImageFolder numbers class folders in the order of their names, which are not the labels of "
            "these data (such as %r, %d); this library reads the labels in pack.jsonl",
            *_first_difference(source.classes, sorted(used)),
        )
    ours = [key for key in map(source.key, range(len(source))) if key.lower().endswith(JPEG_2000)]
    if ours:
        _log.warning(
            "torchvision's ImageFolder skips JPEG 2000 files (.jp2): up to %d of these images, such as %r, unless they "
            "are re-encoded; this library reads them",
            len(ours),
            ours[0],
        )


def _first_difference(classes: Sequence[str], found: Sequence[str]) -> tuple[str, int]:
    """A class that has another place in `found`, or none, and its label."""
    at = next(i for i, name in enumerate(classes) if i >= len(found) or found[i] != name)
    return classes[at], at
