"""The URLs of remote data and their parts."""

from __future__ import annotations

import re
from collections.abc import Iterable
from urllib.parse import unquote

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")
_USER = re.compile(r"https?://[^/]*@", re.IGNORECASE)
_SOME_HOST = re.compile(r"https?://[^/]", re.IGNORECASE)
_HOST = re.compile(
    r"https?://(?:\[[0-9a-f:.]+\]|[^\s/:@?#*\[\]\\]+)(?::([0-9]{0,5}))?(?:/|\Z)", re.IGNORECASE
)
_NO_BUCKET = re.compile(r"[\s*?\[\]]")
_QUERY = re.compile(r"https?://[^?#]*[?#]", re.IGNORECASE)

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
        ValueError: no bucket, or a name that none has, or as `check_address`.
    """
    check_address(url)
    scheme, rest = scheme_of(url), url.partition("://")[2]
    bucket, _, key = rest.partition("/")
    if not bucket:
        raise ValueError(f"{url!r} names no bucket or host: expected {scheme}://<bucket>/<path>")
    if scheme in WEB:
        key = unquote(key, errors="surrogateescape")
    elif _NO_BUCKET.search(bucket):
        raise ValueError(f"{url!r}: no bucket has the name {bucket!r}; patterns are for the part behind it")
    return f"{scheme}://{bucket}", key


def check_address(url: str) -> None:
    """Refuse a web address with a password, which is not sent, with a query, which is not part of a file's name, or
    without a host.

    Raises:
        ValueError: such an address; the message does not show what may be secret.
    """
    if _USER.match(url):
        raise ValueError(
            f"{_shown(url)!r} has a user name or password, which is not supported; give an address that needs none, or "
            "the object by its own scheme, such as s3://, with credentials in the environment"
        )
    if _QUERY.match(url):
        raise ValueError(
            f"{_shown(url)!r} has a query or fragment, as signed addresses do, which is not supported; give the object "
            "by its own scheme, such as s3://, with credentials in the environment"
        )
    if _SOME_HOST.match(url) and not has_host(url):
        raise ValueError(
            f"{url!r} has no valid host: expected https://<host>/<path> or https://<host>:<port>/<path>"
        )


def has_host(url: str) -> bool:
    """Whether an address begins with http:// or https://, a host, and a port if any."""
    found = _HOST.match(url)
    return found is not None and int(found[1] or 0) < 2**16


def check_hosts(root: str, urls: Iterable[str]) -> None:
    """As `check_address`, of all URLs of a source if they have several hosts: a single host is part of the root, which
    was checked with it."""
    if root.lower() in ("http://", "https://"):
        for url in urls:
            check_address(url)


def joined(folder: str, path: str) -> str:
    """A path below a URL, as its URL."""
    return f"{folder.rstrip('/')}/{path}"


def parent(url: str) -> str:
    """The URL of the folder that contains an object."""
    bucket = url.partition("://")[2].partition("/")[0]
    return url.rpartition("/")[0] if "/" in url.partition("://")[2] else f"{scheme_of(url)}://{bucket}"


def _shown(url: str) -> str:
    """A web address without its user, password and query."""
    scheme, _, rest = url.partition("://")
    host, slash, key = rest.partition("/")
    return re.sub(r"\?.*", "?...", f"{scheme}://{host.rpartition('@')[2]}{slash}{key}", flags=re.DOTALL)
