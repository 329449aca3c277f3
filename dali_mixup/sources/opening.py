"""From the user's `data` to a source: one entry per kind of data."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from typing import Any, Literal, TypeAlias

from dali_mixup._checks import choice
from dali_mixup.sources.advice import IN_MEMORY, shown
from dali_mixup.sources.base import Source
from dali_mixup.sources.class_order import ORDERS, ordered
from dali_mixup.sources.classes import Classes, class_map
from dali_mixup.sources.exclude_list import read_exclude_list
from dali_mixup.sources.kind import Kind, Wish
from dali_mixup.sources.listed.lists import from_pairs
from dali_mixup.sources.masks.opening import (
    from_mask_dataset,
    from_mask_pairs,
    is_mask_dataset,
    is_mask_pairs,
    joined,
    with_masks,
)
from dali_mixup.sources.masks.options import Masks, Place, as_masks
from dali_mixup.sources.objects.datasets import (
    from_dataset,
    from_subset,
    is_concatenation,
    is_sample_dataset,
    is_subset,
    refuse_own_items,
)
from dali_mixup.sources.objects.items import holds_pixels
from dali_mixup.sources.objects.map_style import DatasetSource, is_torch_dataset
from dali_mixup.sources.path_kinds import PATHS
from dali_mixup.sources.paths import home_expanded, regular_file
from dali_mixup.sources.patterns import existing_files
from dali_mixup.sources.remote.stores import check_scheme
from dali_mixup.sources.remote.urls import is_url
from dali_mixup.sources.tables.table import from_table, is_table

Data: TypeAlias = "Source | str | os.PathLike[str] | Sequence[Any] | Any"

_PATH = Kind(
    "a path",
    lambda data: isinstance(data, (str, bytes, os.PathLike)),
    lambda wish: _from_path(wish),
    rooted=True,
)

OBJECTS = (
    Kind("a Source", lambda data: isinstance(data, Source), lambda wish: wish.data),
    Kind(
        "torchvision's VOCSegmentation or Cityscapes",
        is_mask_dataset,
        lambda wish: from_mask_dataset(wish.data),
    ),
    Kind(
        "a torchvision ImageFolder",
        is_sample_dataset,
        lambda wish: from_dataset(wish.data),
    ),
    Kind(
        "a Table, a data frame or a Hugging Face Dataset",
        is_table,
        lambda wish: from_table(wish.data, wish.root, wish.classes),
        rooted=True,
    ),
    Kind(
        "a torch Subset of these",
        is_subset,
        lambda wish: _from_subset(wish),
    ),
    Kind(
        "a torch ConcatDataset of these",
        is_concatenation,
        lambda wish: _from_concatenation(wish),
    ),
    Kind(
        "any other torch Dataset of (image, label)",
        is_torch_dataset,
        lambda wish: DatasetSource(wish.data),
    ),
    _PATH,
    Kind(
        "a list of (image path, mask path) pairs",
        is_mask_pairs,
        lambda wish: from_mask_pairs(wish.data, wish.root),
        rooted=True,
    ),
    Kind(
        "a list of (path, label) pairs",
        lambda data: isinstance(data, (list, tuple)),
        lambda wish: _from_list(wish),
        rooted=True,
    ),
)
"""The kinds of data; the first one that takes them opens them."""


def open_source(
    data: Data,
    *,
    masks: Masks | Place | None = None,
    classes: Classes | None = None,
    root: str | os.PathLike[str] | None = None,
    class_order: Literal["sorted", "natural"] | None = None,
    exclude: Iterable[Any] | str | os.PathLike[str] | None = None,
) -> Source:
    """The source that `data` describes.

    Args:
        data: a folder of class folders, a manifest, a list, a table, tar shards, TFRecord, RecordIO, LMDB or zip files,
            (path, label) pairs, a dataset of torchvision, torch or Hugging Face, or a Source; docs/data.md describes
            each. A path may be the URL of an object store or web server, such as "s3://bucket/train".
        masks: the masks of the images, for segmentation: a folder with the same names, a list of paths, a function from
            an image's key to the path of its mask, or `Masks(...)` of one of these. `data` is then a folder of images
            at any depth, a list of paths, or as above, and `classes` are those of the pixels.
        classes: the labels of the classes: names in the order of their labels, a mapping from name to label, a file of
            these (.txt, .json), or another loader, source or dataset. Pass the training data's for validation data.
            None: the data's own.
        root: the folder to which the paths of a list, pairs or a manifest are relative; every path must stay below it.
            None: the list's own folder, the current working directory, or the manifest's.
        class_order: the order of the data's own class names: "sorted" as in torchvision, or "natural" as in timm, where
            class2 comes before class10. None: as the data have them; folders and tables are sorted.
        exclude: samples to leave out, by key, name or index (`Source.exclude`), or the exclude list of
            `dali-mixup check`.

    Raises:
        FileNotFoundError: a path that does not exist.
        ValueError: data that cannot be used.
        TypeError: data of another kind.
    """
    if class_order is not None:
        choice("open_source", "class_order", class_order, ORDERS)
        if classes is not None:
            raise TypeError(
                "open_source: classes= has an order already; leave out class_order=, or sort the list"
            )
    known = None if classes is None else class_map(classes)
    folder = None if root is None else home_expanded(root)
    if masks is None:
        source = _of_objects(Wish(data, folder, known))
    else:
        source = with_masks(
            data, as_masks(masks), folder, lambda images: _of_objects(Wish(images, folder, None))
        )
    if class_order is not None:
        if not source.classes_named:
            raise ValueError(
                f"open_source: class_order={class_order!r}, but the {source.kind} has numbers as labels and no names"
            )
        known = class_map(ordered(source.classes, class_order))
    if known is not None:
        source = source.with_classes(known)
    if exclude is None:
        return source
    return source.exclude(read_exclude_list(exclude) if isinstance(exclude, (str, os.PathLike)) else exclude)


def _of_objects(wish: Wish) -> Source:
    source = _opened(OBJECTS, wish)
    if source is None:
        raise TypeError(f"data must be {accepted()}; got {shown(wish.data)}")
    return source


def accepted() -> str:
    """All kinds of data, in words."""
    kinds = [kind.described for kind in (*PATHS, *OBJECTS) if kind is not _PATH]
    return f"{', '.join(kinds[:-1])}, or {kinds[-1]}"


def _opened(kinds: Sequence[Kind], wish: Wish) -> Source | None:
    for kind in kinds:
        if kind.takes(wish.data):
            if wish.root is not None and not kind.rooted:
                raise TypeError(
                    f"root= is the folder of the paths in a list or manifest; {kind.described} has its own"
                )
            return kind.opened(wish)
    return None


def _from_subset(wish: Wish) -> Source:
    refuse_own_items(wish.data)
    return from_subset(wish.data, open_source(wish.data.dataset, classes=wish.classes))


def _from_concatenation(wish: Wish) -> Source:
    refuse_own_items(wish.data)
    return joined([open_source(part, classes=wish.classes) for part in wish.data.datasets])


def _from_path(wish: Wish) -> Source:
    path = home_expanded(wish.data)
    if not path:
        raise ValueError("data is an empty path")
    if is_url(path):
        return _from_url(Wish(path, wish.root, wish.classes))
    if not os.path.exists(path):
        return _several([path], wish)
    if not os.path.isdir(path):
        regular_file(path)
    source = _opened(PATHS, Wish(path, wish.root, wish.classes))
    if source is None:
        raise ValueError(f"cannot identify {path!r}: data must be {accepted()}")
    return source


def _from_url(wish: Wish) -> Source:
    check_scheme(wish.data)
    kind = next((kind for kind in PATHS if kind.takes_url is not None and kind.takes_url(wish.data)), None)
    if kind is None:
        known = ", ".join(kind.described for kind in PATHS if kind.takes_url is not None)
        raise ValueError(f"cannot read {wish.data!r} from there: by URL, data must be {known}")
    if wish.root is not None and not kind.rooted:
        raise TypeError(
            f"root= is the folder of the paths in a list or manifest; {kind.described} has its own"
        )
    return kind.opened(wish)


def _from_list(wish: Wish) -> Source:
    data = wish.data
    if not len(data):
        raise ValueError("data is an empty list")
    if holds_pixels(data[0]) or (isinstance(data[0], tuple) and data[0] and holds_pixels(data[0][0])):
        raise TypeError(f"data is a list of images in memory; {IN_MEMORY}")
    if not all(isinstance(item, (str, bytes, os.PathLike)) for item in data):
        return from_pairs(data, root=wish.root, classes=wish.classes)
    paths = [home_expanded(item) for item in data]
    for number, path in enumerate(paths):
        if not path:
            raise ValueError(f"data: entry {number} is an empty path")
    if _kind_of_several(paths) is None:
        odd = next((path for path in paths if _kind_of_several([path]) is None), paths[-1])
        if len(paths) == 1 and os.path.exists(odd):
            raise ValueError(f"data is a list of one path: give {odd!r} itself, without the list")
        raise ValueError(
            f"data is a list of paths without labels, such as {odd!r}: expected (path, label) pairs, or files of one "
            f"kind: {_SEVERAL}"
        )
    return _several(paths, wish)


def _several(patterns: list[str], wish: Wish) -> Source:
    """The source in files whose paths may be patterns."""
    found = existing_files(patterns)
    kind = _kind_of_several(found)
    if kind is None:
        odd = next((path for path in found if _kind_of_several([path]) is None), found[-1])
        raise ValueError(
            f"the pattern {patterns[0]!r} matches {odd!r}; patterns are for files of one kind: {_SEVERAL}"
        )
    return kind.opened(Wish(found, wish.root, wish.classes))


def _kind_of_several(paths: Sequence[str]) -> Kind | None:
    """The kind of data that all of these files are, of those that may lie in several; None if there is none."""
    return next((kind for kind in PATHS if kind.several and all(map(kind.takes, paths))), None)


_SEVERAL = ".tar shards, .parquet or .arrow tables, TFRecord, .rec, .zip or LMDB files"


def refuse_no_source(owner: str, given: Any) -> None:
    """TypeError for what is no source."""
    if not isinstance(given, Source):
        raise TypeError(f"{owner}: source={given!r}, expected a source, as open_source(...) makes it")
