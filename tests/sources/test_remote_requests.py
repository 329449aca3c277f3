"""Requests to a server with faults: what passes is repeated, what lasts ends with its reason, and each kind is told
from the others."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from dali_mixup.sources import StorageError
from dali_mixup.sources.reading import TooLongError
from dali_mixup.sources.remote import obstore_client, requests
from dali_mixup.sources.remote.requests import ATTEMPTS, AbandonedError, read
from tests.object_store import KEYS, ODD_NAMES, S3Server, WebServer, environment

CONTENT = bytes(range(256)) * 400


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(requests, "FIRST", 0.01)
    monkeypatch.setattr(requests, "LONGEST", 0.02)
    monkeypatch.setattr(obstore_client, "ANSWER", 1)


@pytest.fixture(params=["http", "s3"])
def url(request: pytest.FixtureRequest, web: WebServer) -> Iterator[str]:
    """The URL of one object of the server with faults, over either protocol."""
    web.files["/box/a b.jpg"] = CONTENT
    with environment(**KEYS, AWS_ENDPOINT_URL=web.url):
        yield f"{web.url}/box/a%20b.jpg" if request.param == "http" else "s3://box/a b.jpg"


PASSING = [500, 502, 503, 429, "reset", "truncated", "wrong length", "hang"]


@pytest.mark.parametrize("fault", PASSING)
@pytest.mark.parametrize("part", [(0, None), (1000, 5000)], ids=["whole", "range"])
def test_what_passes_is_repeated(web: WebServer, url: str, fault: Any, part: tuple[int, int | None]) -> None:
    web.faults["/box/a b.jpg"] = [fault] * (1 if fault == "hang" else 3)
    start, size = part
    found = read(url, start, size)
    assert bytes(found.content) == CONTENT[start : None if size is None else start + size]
    assert found.state[0] == len(CONTENT)
    assert web.count("/box/a b.jpg") == (2 if fault == "hang" else 4)


@pytest.mark.parametrize(
    ("fault", "reason"), [(503, "503 Service Unavailable"), ("reset", "error"), ("truncated", "error")]
)
def test_what_lasts_ends_with_its_reason(web: WebServer, url: str, fault: Any, reason: str) -> None:
    web.faults["/box/a b.jpg"] = [fault] * 100
    with pytest.raises(
        StorageError, match=rf"{ATTEMPTS} attempts failed, the last with: .*{reason}"
    ) as caught:
        read(url)
    assert caught.value.filename == url and "not left out" in str(caught.value)
    assert web.count("/box/a b.jpg") == ATTEMPTS


def test_a_server_that_is_gone(web: WebServer, url: str) -> None:
    web.close()
    with pytest.raises(StorageError, match="Connect"):
        read(url)


def test_waits_grow_and_differ(web: WebServer, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []
    monkeypatch.undo()
    monkeypatch.setattr(requests, "_wait", lambda seconds, _: waits.append(seconds))
    web.faults["/box/a b.jpg"] = [503] * 100
    with pytest.raises(StorageError):
        read(url)
    for attempt, wait in enumerate(waits):
        longest = min(requests.LONGEST, requests.FIRST * 2**attempt)
        assert longest / 2 <= wait <= longest
    assert len(waits) == ATTEMPTS - 1 and sum(waits) <= 24


def test_a_missing_object_is_to_blame_itself(web: WebServer, url: str) -> None:
    del web.files["/box/a b.jpg"]
    with pytest.raises(FileNotFoundError, match="does not exist") as caught:
        read(url)
    assert not isinstance(caught.value, StorageError) and web.count("/box/a b.jpg") == 1


@pytest.mark.parametrize("status", [401, 403])
def test_denied_access_is_no_objects_fault(web: WebServer, url: str, status: int) -> None:
    web.faults["/box/a b.jpg"] = [status] * 9
    with pytest.raises(StorageError, match="access is denied") as caught:
        read(url)
    assert ("AWS_SECRET_ACCESS_KEY" in str(caught.value)) is url.startswith("s3")
    assert (
        ". :" not in str(caught.value)
        and "secret," not in str(caught.value)
        and web.count("/box/a b.jpg") == 1
    )


def test_a_range_behind_the_end(url: str) -> None:
    for start in (len(CONTENT) - 10, len(CONTENT) + 10):
        with pytest.raises(StorageError, match="has changed; open the data again"):
            read(url, start, 20)


def test_a_server_without_ranges(web: WebServer, url: str) -> None:
    web.ranges = False
    assert bytes(read(url).content) == CONTENT
    with pytest.raises(StorageError, match="part of a file"):
        read(url, 10, 20)


@pytest.mark.parametrize("size", [None, 20], ids=["whole", "range"])
def test_a_server_that_does_not_tell_lengths(web: WebServer, url: str, size: int | None) -> None:
    """It never will, so it is asked once."""
    web.lengths = False
    with pytest.raises(
        StorageError, match=r"does not say how many bytes .*Content-Length.*copy the data"
    ) as caught:
        read(url, 0, size)
    assert "not to blame" not in str(caught.value) and web.count("/box/a b.jpg") == 1


def test_an_object_that_is_no_image_by_its_size(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(requests, "MOST", 1000)
    with pytest.raises(TooLongError, match="expected at most 1000"):
        read(url)


def test_nobody_waits_any_more(web: WebServer, url: str) -> None:
    web.faults["/box/a b.jpg"] = [503] * 100
    over = threading.Event()
    threading.Timer(0.3, over.set).start()
    requests.FIRST = requests.LONGEST = 60.0
    begun = time.monotonic()
    with pytest.raises(AbandonedError):
        read(url, abandoned=over.is_set)
    assert time.monotonic() - begun < 30


@pytest.mark.parametrize("variable", ["AWS_PROFILE", "default"])
def test_keys_of_a_profile(
    tmp_path: Any, web: WebServer, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    """Without boto3; with it, its own rules count."""
    name = "other" if variable == "AWS_PROFILE" else "default"
    (tmp_path / "credentials").write_text(f"[{name}]\naws_access_key_id = AB\naws_secret_access_key = CD\n")
    (tmp_path / "config").write_text(
        f"[{'profile other' if name == 'other' else name}]\nregion = eu-north-1\n"
    )
    for key in KEYS:
        monkeypatch.delenv(key, raising=False)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    if name == "other":
        monkeypatch.setenv("AWS_PROFILE", name)
    found = obstore_client._profile()
    assert found == {"access_key_id": "AB", "secret_access_key": "CD", "region": "eu-north-1"}
    monkeypatch.setenv("AWS_PROFILE", "missing")
    with pytest.raises(ImportError, match="boto3"):
        obstore_client._profile()


def test_a_missing_bucket_is_no_objects_fault(s3: S3Server) -> None:
    with pytest.raises(StorageError, match="the bucket does not exist"):
        read("s3://no-such-bucket/a.jpg")


@pytest.mark.parametrize("name", ODD_NAMES)
def test_names_of_objects_are_taken_as_they_are(s3: S3Server, name: str) -> None:
    s3.make_bucket("names")
    s3.put("names", f"a/{name}", name.encode())
    assert bytes(read(f"s3://names/a/{name}").content) == name.encode()


@pytest.mark.parametrize("root", ["http", "s3", "memory"])
@pytest.mark.parametrize("name", ["\udcff.jpg", "a/\ud800/b.jpg"])
def test_a_name_that_is_not_utf_8_is_no_outage(web: WebServer, root: str, name: str) -> None:
    asked = f"{web.url}/box/{name}" if root == "http" else f"{root}://box/{name}"
    for size in (None, 10):
        with (
            environment(**KEYS, AWS_ENDPOINT_URL=web.url),
            pytest.raises((ValueError, FileNotFoundError)) as caught,
        ):
            read(asked, 0, size)
        if root != "memory":  # which has names of any kind
            assert "cannot be addressed" in str(caught.value) and "rename the object" in str(caught.value)


def test_a_redirect_without_a_target_is_another_region_of_s3_only(web: WebServer, url: str) -> None:
    web.faults["/box/a b.jpg"] = [300] * 100
    words = "set AWS_REGION" if url.startswith("s3") else "redirects, but does not say where to"
    for size in (None, 10):
        with pytest.raises(StorageError, match=words) as caught:
            read(url, 0, size)
        assert ("AWS_REGION" in str(caught.value)) == url.startswith("s3")
    assert web.count("/box/a b.jpg") == 2, "not repeated"
