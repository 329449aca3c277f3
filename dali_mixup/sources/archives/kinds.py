"""The kinds of data that are archives: one entry per kind, for `open_source`."""

from __future__ import annotations

from dali_mixup.sources.archives.lmdb import LMDB, is_lmdb
from dali_mixup.sources.archives.recordio import RecordIO
from dali_mixup.sources.archives.tar import TarShards
from dali_mixup.sources.archives.tfrecord import TFRecords, are_tfrecords, is_tfrecord
from dali_mixup.sources.archives.zip import ZipArchives
from dali_mixup.sources.kind import Kind, suffix

TAR_SUFFIXES = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz", ".tar.zst")
"""Compressed files are refused, but with the reason."""

ARCHIVES = (
    Kind(
        'one or more .tar shards (a path, a pattern such as "train-{0000..0127}.tar" or "train-*.tar", or a list)',
        suffix(*TAR_SUFFIXES),
        lambda wish: TarShards(wish.data),
        several=True,
        takes_url=suffix(*TAR_SUFFIXES),
    ),
    Kind(
        "TFRecord files (.tfrecord, train-00000-of-01024)",
        is_tfrecord,
        lambda wish: TFRecords(wish.data),
        several=True,
        takes_url=are_tfrecords,
    ),
    Kind(
        "MXNet RecordIO files (.rec)",
        suffix(".rec"),
        lambda wish: RecordIO(wish.data),
        several=True,
        takes_url=suffix(".rec"),
    ),
    Kind(
        ".zip files of class folders, or with a list of labels beside them",
        suffix(".zip"),
        lambda wish: ZipArchives(wish.data, classes=wish.classes),
        several=True,
        takes_url=suffix(".zip"),
    ),
    Kind(
        "LMDB databases (their folder, or .mdb, .lmdb)",
        is_lmdb,
        lambda wish: LMDB(wish.data),
        several=True,
        takes_url=is_lmdb,
    ),
)
"""The first one that takes a path opens it."""


def is_archive_url(url: str) -> bool:
    """True for the URL, or the pattern of URLs, of archives."""
    return any(kind.takes_url is not None and kind.takes_url(url) for kind in ARCHIVES)
