"""From a user's images and masks to their source."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from dali_mixup._checks import called
from dali_mixup.sources.base import Source
from dali_mixup.sources.extensions import IMAGE_EXTENSIONS
from dali_mixup.sources.files import FileList
from dali_mixup.sources.folder import files_below
from dali_mixup.sources.masks.options import Masks
from dali_mixup.sources.masks.pairs import ImagesWithMasks
from dali_mixup.sources.objects.joined import Joined, refuse_other_classes
from dali_mixup.sources.paths import folder_prefix, home_expanded, path_text
from dali_mixup.sources.remarks import Remark
from dali_mixup.sources.remote.urls import is_url

MASK_EXTENSIONS = (".png", ".tif", ".tiff", ".bmp", ".pgm", ".gif")


def with_masks(data: Any, masks: Masks, root: str | None, opened: Callable[[Any], Source]) -> ImagesWithMasks:
    """The images that `data` describes, with their masks.

    Args:
        data: a folder, whose images are found at any depth; a list of paths; or any other data.
        root: the folder of the paths in a list of images.
        opened: opens other data.

    Raises:
        ValueError: other numbers of images and masks; a folder without images, or in which no image has a mask.
        TypeError: a root for a folder.
        FileNotFoundError: a folder that does not exist.
    """
    images = _images(data, root, opened)
    if isinstance(images, ImagesWithMasks):
        raise ValueError("open_source: the data have masks already; leave masks= out")
    if callable(masks.files):
        what, keys = f"Masks: files={masks.files!r}", map(images.key, range(len(images)))
        paths = [path_text(called(what, masks.files, key)) for key in keys]
        return ImagesWithMasks(images, _files(paths), masks)
    if isinstance(masks.files, tuple):
        if len(masks.files) != len(images):
            raise ValueError(
                f"open_source: {len(images)} images and masks= of {len(masks.files)} paths; expected one per image"
            )
        return ImagesWithMasks(images, _files([home_expanded(path) for path in masks.files]), masks)
    return _in_folder(images, home_expanded(masks.files), masks)


def is_mask_pairs(data: Any) -> bool:
    """True for a list that begins with a pair of paths, of which the second is that of a mask."""
    if not isinstance(data, (list, tuple)) or not data:
        return False
    first = data[0]
    paths = isinstance(first, (list, tuple)) and len(first) == 2 and all(map(_is_path, first))
    return paths and path_text(first[1]).lower().endswith(MASK_EXTENSIONS)


def from_mask_pairs(pairs: Sequence[Any], root: str | None) -> ImagesWithMasks:
    """(image path, mask path) pairs.

    Raises:
        TypeError: an entry that is not such a pair; the message quotes it.
    """
    for number, pair in enumerate(pairs):
        if not isinstance(pair, (list, tuple)) or len(pair) != 2 or not all(map(_is_path, pair)):
            raise TypeError(f"data: entry {number} must be a pair (image path, mask path), got {pair!r}")
    images, masks = map(list, zip(*pairs, strict=True))
    return ImagesWithMasks(_files(images, root), _files(masks, root), Masks(masks))


def is_mask_dataset(data: Any) -> bool:
    """True if the object has torchvision's lists of image and mask paths: VOCSegmentation, Cityscapes."""
    return _mask_paths(data) is not None


def from_mask_dataset(data: Any) -> ImagesWithMasks:
    """The images and masks of a dataset of torchvision; its transforms are not used.

    Raises:
        TypeError: a dataset that changes its items in a `__getitem__` of its own.
    """
    kind, masks = type(data).__name__, _mask_paths(data)
    assert masks is not None
    if not getattr(type(data).__getitem__, "__module__", "").startswith("torchvision."):
        raise TypeError(
            f"data: {kind} has its own __getitem__, which would not be called; give pairs of its paths if they are "
            "the complete data"
        )
    used = [name for name in ("transform", "target_transform", "transforms") if getattr(data, name, None)]
    remarks = [
        Remark(f"the {name} of the {kind} is not used: the loader's transform= is") for name in used[-1:]
    ]
    return ImagesWithMasks(_files(data.images), _files(masks), Masks(masks), remarks=tuple(remarks))


def joined(parts: Sequence[Source]) -> Source:
    """Several sources in a row; ValueError if they cannot be joined."""
    paired = [part for part in parts if isinstance(part, ImagesWithMasks)]
    if not paired:
        return Joined(parts)
    first = paired[0]
    if len(paired) < len(parts) or any(part.stored != first.stored for part in paired):
        raise ValueError(
            "data sets with masks can be joined only with others whose masks have the same ids and ignore_index"
        )
    refuse_other_classes(paired)
    images, masks = (Joined([getattr(part, name) for part in paired]) for name in ("images", "masks"))
    whole = ImagesWithMasks(images, masks, first.stored)
    return whole.with_classes(first.class_map) if first.classes_named else whole


def _images(data: Any, root: str | None, opened: Callable[[Any], Source]) -> Source:
    if _is_path(data):
        folder = home_expanded(data)
        if os.path.isdir(folder) or (is_url(folder) and not os.path.splitext(folder)[1]):
            if root is not None:
                raise TypeError("root= is the folder of the paths in a list; a folder of images has its own")
            found = files_below(folder, IMAGE_EXTENSIONS)
            if not found:
                raise ValueError(f"{folder!r} holds no image with one of the extensions {IMAGE_EXTENSIONS}")
            return FileList(found, np.zeros(len(found), np.int32), root=folder)
    if isinstance(data, (list, tuple)) and data and all(map(_is_path, data)):
        return _files([path_text(path) for path in data], root)
    return opened(data)


def _in_folder(images: Source, folder: str, masks: Masks) -> ImagesWithMasks:
    """The masks that have the paths of their images, apart from the extension. One that is not there keeps its name,
    so that it is a bad sample like any other that cannot be read."""
    stems: dict[str, str] = {}
    for path in files_below(folder, MASK_EXTENSIONS):
        stem, extension = os.path.splitext(path)
        if stem in stems:
            raise ValueError(f"{folder!r} has two masks for one image: {stem + stems[stem]!r} and {path!r}")
        stems[stem] = extension
    wanted = [os.path.splitext(images.key(index))[0] for index in range(len(images))]
    missing = [index for index, stem in enumerate(wanted) if stem not in stems]
    if len(missing) == len(images):
        held = f", which has {''.join(next(iter(stems.items())))!r}" if stems else ", which has no masks"
        raise ValueError(
            f"no image has a mask of the same path: expected {wanted[0]!r} with one of the extensions "
            f"{MASK_EXTENSIONS} in {folder!r}{held}; for other names give masks=a function from the key of an image, "
            f"such as {images.key(0)!r}, to the path of its mask"
        )
    _refuse_own_masks(
        images, {f"{os.path.abspath(folder)}/{stem}{end}" for stem, end in stems.items()}, folder
    )
    usual = Counter(stems.values()).most_common(1)[0][0]
    remarks = [
        Remark(
            f"{len(missing)} of {len(images)} images have no mask in {folder!r}, the first is "
            f"{images.key(missing[0])!r}",
            unfit=True,
        )
        for _ in missing[:1]
    ]
    files = FileList([stem + stems.get(stem, usual) for stem in wanted], _zeros(wanted), root=folder)
    return ImagesWithMasks(images, files, masks, remarks=tuple(remarks))


def _refuse_own_masks(images: Source, masks: set[str], folder: str) -> None:
    own = next((index for index in range(len(images)) if images.name(index) in masks), None)
    if own is not None:
        raise ValueError(
            f"{folder!r} holds images and masks: {images.key(own)!r} would be its own mask; give the images as a list, "
            "or both in folders of their own"
        )


def _mask_paths(data: Any) -> list[str] | None:
    images = getattr(data, "images", None)
    if not isinstance(images, list) or not images or not hasattr(type(data), "__getitem__"):
        return None
    masks = getattr(data, "masks", None)
    if getattr(data, "target_type", None) in (["semantic"], ["instance"]):  # Cityscapes has lists of paths
        masks = [paths[0] for paths in data.targets]
    if not isinstance(masks, list) or len(masks) != len(images):
        return None
    return masks if all(map(_is_path, [images[0], masks[0]])) else None


def _files(paths: Sequence[Any], root: str | None = None) -> FileList:
    return FileList(paths, _zeros(paths), root=None if root is None else folder_prefix(root))


def _zeros(items: Sequence[Any]) -> np.ndarray:
    return np.zeros(len(items), np.int32)


def _is_path(item: Any) -> bool:
    return isinstance(item, (str, bytes, os.PathLike))
