"""The kinds of data that one path can lead to."""

from __future__ import annotations

import os

from dali_mixup.sources.archives.imagenet import imagenet_archive, is_imagenet_archive
from dali_mixup.sources.archives.kinds import ARCHIVES, is_archive_url
from dali_mixup.sources.archives.lmdb import is_lmdb
from dali_mixup.sources.archives.packed import PACK_FILE, is_packed, read_packed
from dali_mixup.sources.base import Source
from dali_mixup.sources.folder import image_folder
from dali_mixup.sources.kind import Kind, Wish, suffix
from dali_mixup.sources.listed.lists import read_list
from dali_mixup.sources.listed.manifest import MANIFEST_SUFFIXES, is_manifest, read_manifest
from dali_mixup.sources.listed.openmmlab import JSON_SUFFIX, read_openmmlab
from dali_mixup.sources.remote.failures import RefusedError
from dali_mixup.sources.remote.range_input import RangeInput
from dali_mixup.sources.remote.stores import check_scheme
from dali_mixup.sources.remote.urls import WEB, is_url, joined, scheme_of
from dali_mixup.sources.tables.hugging_face import is_saved
from dali_mixup.sources.tables.table import CSV_SUFFIX, TABLE_SUFFIXES, Table, from_table

LIST_SUFFIXES = (".txt", ".tsv")
_SUFFIXES = (*MANIFEST_SUFFIXES, CSV_SUFFIX, *TABLE_SUFFIXES, JSON_SUFFIX, *LIST_SUFFIXES)
"""Endings of URLs that are not folders."""


_CLASS_FOLDERS = Kind(
    "a folder of class folders",
    lambda path: os.path.isdir(path) and not is_lmdb(path),
    lambda wish: _class_folders(wish),
    takes_url=lambda url: not (url.lower().endswith(_SUFFIXES) or is_archive_url(url)),
)

PATHS = (
    Kind(
        "a folder written by dali-mixup pack, or its pack.jsonl",
        is_packed,
        lambda wish: read_packed(wish.data),
        takes_url=lambda url: url.endswith(f"/{PACK_FILE}"),
    ),
    Kind(
        "a folder that Hugging Face's save_to_disk wrote",
        is_saved,
        lambda wish: from_table(Table(wish.data), wish.root, wish.classes),
    ),
    _CLASS_FOLDERS,
    Kind(
        f"a manifest ({' or '.join(MANIFEST_SUFFIXES)})",
        lambda path: os.path.isfile(path) and is_manifest(path),
        lambda wish: read_manifest(wish.data, root=wish.root),
        rooted=True,
        takes_url=suffix(*MANIFEST_SUFFIXES),
    ),
    Kind(
        f"a {CSV_SUFFIX} table with a header",
        suffix(CSV_SUFFIX),
        lambda wish: from_table(Table(wish.data), wish.root, wish.classes),
        rooted=True,
        takes_url=suffix(CSV_SUFFIX),
    ),
    Kind(
        f"{' or '.join(TABLE_SUFFIXES)} tables",
        suffix(*TABLE_SUFFIXES),
        lambda wish: from_table(Table(wish.data), wish.root, wish.classes),
        rooted=True,
        several=True,
    ),
    Kind(
        f"a {JSON_SUFFIX} annotation file of OpenMMLab",
        suffix(JSON_SUFFIX),
        lambda wish: read_openmmlab(wish.data, root=wish.root),
        rooted=True,
    ),
    Kind(
        f"a {' or '.join(LIST_SUFFIXES)} list of `path label` lines",
        suffix(*LIST_SUFFIXES),
        lambda wish: read_list(wish.data, root=wish.root, classes=wish.classes),
        rooted=True,
        takes_url=suffix(*LIST_SUFFIXES),
    ),
    Kind(
        "ImageNet's training or validation archive",
        is_imagenet_archive,
        lambda wish: imagenet_archive(wish.data),
    ),
    *ARCHIVES,
)
"""The kinds that a path can lead to; the first one that takes it opens it."""


def _class_folders(wish: Wish) -> Source:
    if is_url(wish.data):
        _refuse_packed(wish.data)
    return image_folder(wish.data, allow_empty=wish.classes is not None)


def _refuse_packed(url: str) -> None:
    """ValueError for the URL of packed data, whose classes and keys are in their list, not in their folders."""
    if scheme_of(url) in WEB:  # which have no folders, as is said then
        return
    check_scheme(url)
    file = joined(url, PACK_FILE)
    try:
        RangeInput(file)
    except (FileNotFoundError, RefusedError):
        return
    raise ValueError(f"{url!r} holds packed data; by URL, give their list: {file!r}")


def is_class_folders(path: str) -> bool:
    """True if a path of this machine leads to a folder of class folders."""
    return next((kind for kind in PATHS if kind.takes(path)), None) is _CLASS_FOLDERS
