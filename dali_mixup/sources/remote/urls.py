"""The URLs of remote data and their parts."""

from __future__ import annotations

import re
from urllib.parse import unquote

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")

S3 = ("s3", "s3a")
GCS = ("gs", "gcs")
AZURE = ("az", "azure", "abfs", "abfss", "adl")
WEB = ("https", "http")
NATIVE = (*S3, *GCS, *AZURE, *WEB)
"""Schemes that obstore reads; all others are left to fsspec."""


def is_url(path: str) -> bool:
    """True for a URL, False for a path of this machine."""
    return "://" in path and _SCHEME.match(path) is not None


def scheme_of(url: str) -> str:
    """The scheme in lower case.

    Raises:
        ValueError: not a URL.
    """
    found = _SCHEME.match(url)
    if found is None:
        raise ValueError(f"{url!r} is not a URL")
    return found[1].lower()


def split(url: str) -> tuple[str, str]:
    """(bucket, container or host with its scheme, key in it). A key is plain text, except in web addresses, where %20
    and the like stand for letters.

    Raises:
        ValueError: no bucket, or a web address with a query, whose key would not be a file's name.
    """
    scheme, rest = scheme_of(url), url.partition("://")[2]
    bucket, _, key = rest.partition("/")
    if not bucket:
        raise ValueError(f"{url!r} names no bucket or host: expected {scheme}://<bucket>/<path>")
    if scheme in WEB:
        if "?" in key or "#" in key:
            raise ValueError(
                f"{url!r} has a query or fragment, as signed addresses do, which is not supported; give the object by "
                "its own scheme, such as s3://, with credentials in the environment"
            )
        key = unquote(key, errors="surrogateescape")
    return f"{scheme}://{bucket}", key


def joined(folder: str, path: str) -> str:
    """A path below a URL, as its URL."""
    return f"{folder.rstrip('/')}/{path}"


def parent(url: str) -> str:
    """The URL of the folder that contains an object."""
    bucket = url.partition("://")[2].partition("/")[0]
    return url.rpartition("/")[0] if "/" in url.partition("://")[2] else f"{scheme_of(url)}://{bucket}"
