"""Listings of a service that breaks its protocol: no sample comes twice, and nothing is asked for without end."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any
from xml.sax.saxutils import escape

import pytest

from dali_mixup.sources import StorageError, image_folder
from dali_mixup.sources.remote.listing import globbed, objects_below
from tests.cloud_services import MODIFIED, Service
from tests.object_store import KEYS, environment

NAMES = [f"train/c/{number:03}.jpg" for number in range(600)]


class Pages(Service):
    """A bucket of S3 with one class folder.

    Attributes:
        following: the first entry of the next page for that of this one.
    """

    following: Callable[[int], int]

    def answer(self, path: str, query: dict[str, str]) -> tuple[int, dict[str, str], bytes]:
        if "list-type" not in query:
            return 404, {}, b""
        if "delimiter" in query:
            return self._page("<CommonPrefixes><Prefix>train/c/</Prefix></CommonPrefixes>", "")
        first = int(query.get("continuation-token", 0))
        stop = first + 400
        entries = "".join(
            f"<Contents><Key>{escape(name)}</Key><LastModified>2026-01-01T00:00:00.000Z</LastModified>"
            "<ETag>x</ETag><Size>1</Size></Contents>"
            for name in NAMES[first:stop]
        )
        return self._page(entries, str(self.following(first)) if stop < len(NAMES) else "")

    def _page(self, entries: str, token: str) -> tuple[int, dict[str, str], bytes]:
        more = f"<NextContinuationToken>{token}</NextContinuationToken>" if token else ""
        text = (
            f"<ListBucketResult><Name>b</Name><IsTruncated>{'true' if token else 'false'}</IsTruncated>{more}"
            f"{entries}</ListBucketResult>"
        )
        return 200, {"Content-Type": "application/xml", "Last-Modified": MODIFIED}, text.encode()


@pytest.fixture
def pages() -> Iterator[Pages]:
    service = Pages()
    with environment(**KEYS, AWS_ENDPOINT_URL=service.url):
        yield service
    service.close()


LISTINGS: list[Callable[[], Any]] = [
    lambda: image_folder("s3://b/train"),
    lambda: globbed("s3://b/train/c/*.jpg"),
    lambda: objects_below("s3://b/train", (".jpg",)),
]


@pytest.mark.parametrize("listed", LISTINGS, ids=["folder", "pattern", "objects"])
@pytest.mark.parametrize("step", [399, 0], ids=["overlapping", "endless"])
def test_an_object_listed_twice_is_refused(pages: Pages, listed: Callable[[], Any], step: int) -> None:
    pages.following = lambda first: first + step
    with pytest.raises(StorageError, match=r"lists the object twice, .*: 's3://b/train/c/(399|000)\.jpg'"):
        listed()


def test_pages_in_another_order_are_taken(pages: Pages, monkeypatch: pytest.MonkeyPatch) -> None:
    """As S3's directory buckets list."""
    monkeypatch.setattr("tests.sources.test_remote_listings.NAMES", NAMES[300:] + NAMES[:300])
    pages.following = lambda first: first + 400
    source = image_folder("s3://b/train")
    assert [f"train/{source.key(row)}" for row in range(len(source))] == sorted(NAMES)
