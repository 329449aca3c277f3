"""URLs, and what is asked of web servers."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from dali_mixup.sources import StorageError, open_source
from dali_mixup.sources.patterns import existing_files
from dali_mixup.sources.remote.listing import globbed
from dali_mixup.sources.remote.urls import is_url, joined, scheme_of, split
from tests.object_store import WebServer


def test_parts_of_urls() -> None:
    assert is_url("s3://b/a") and is_url("GS://b") and not is_url("/a://b") and not is_url("a/s3:b")
    assert scheme_of("S3://b/a") == "s3"
    assert split("s3://b/a%20b c") == ("s3://b", "a%20b c") and split("s3://b") == ("s3://b", "")
    assert split("https://h:8/a%20b") == ("https://h:8", "a b")
    assert joined("s3://b/", "a") == "s3://b/a"


SECRET = "http://user:TOPSECRET@host/s"


@pytest.mark.parametrize(
    ("data", "root"),
    [
        (f"{SECRET}/list.txt", None),
        (f"{SECRET}/train-*.tar", None),
        ([f"{SECRET}/a.tar", f"{SECRET}/b.tar"], None),
        ([(f"{SECRET}/a.jpg", 0), (f"{SECRET}/b.jpg", 1)], None),
        ([("http://other/a.jpg", 0), (f"{SECRET}/a.jpg", 1)], None),
        ([("https://other/a.jpg", 0), (f"{SECRET}/a.jpg", 1)], None),
        ([("/data/a.jpg", 0), (f"{SECRET}/a.jpg", 1)], None),
        ([("a.jpg", 0)], SECRET),
        ("HTTPS://TOPSECRET@host/list.txt", None),
        ("https://user:TOP?SECRET@host/list.txt", None),
    ],
    ids=str,
)
def test_passwords_in_web_addresses_are_refused_and_not_shown(data: Any, root: str | None) -> None:
    with pytest.raises(ValueError, match=r"//host.* has a user name or password") as caught:
        open_source(data, root=root)
    assert "SECRET" not in str(caught.value) and "user:" not in str(caught.value)


@pytest.mark.parametrize(
    "data", ["https://h/a@b.txt?sig=SECRET", "https://h?sig=SECRET", [("http://h/a.jpg?x=SECRET", 0)]]
)
def test_the_query_of_a_signed_address_is_not_shown(data: Any) -> None:
    with pytest.raises(ValueError, match=r"//h.*\?\.\.\.' has a query or fragment") as caught:
        open_source(data)
    assert "SECRET" not in str(caught.value)


@pytest.mark.parametrize(
    "host", ["[::x", "[::1]x", "h:99999", "h:port", ":80", "a b", "%zz", "h*", "h[01]", "\\"], ids=str
)
@pytest.mark.parametrize("name", ["x.tar", "list.txt", "train-{0..1}.tar"])
def test_an_impossible_host_is_named(host: str, name: str) -> None:
    with pytest.raises(
        ValueError, match=rf"'http://{re.escape(repr(host)[1:-1])}.*' (has no valid host|is not the)"
    ):
        open_source(f"http://{host}/{name}")


@pytest.mark.parametrize(
    "host", ["h", "H:8", "h:", "[::1]", "[fe80::1]:80", "127.0.0.1:9", "ü.de", "a_b-c.d"]
)
def test_a_possible_host(host: str) -> None:
    assert split(f"http://{host}/a[1].jpg") == (f"http://{host}", "a[1].jpg")
    assert globbed(f"http://{host}/a.tar") == [f"http://{host}/a.tar"]
    assert existing_files([f"http://{host}/a-{{0..1}}.tar::http://{host}/b.tar"]) == [
        f"http://{host}/{name}.tar" for name in ("a-0", "a-1", "b")
    ]


@pytest.mark.parametrize("url", ["s3://b*/x.tar", "gs://b[01]/x.tar", "az://b?/train", "s3://a b/train"])
def test_a_bucket_is_no_pattern(url: str) -> None:
    with pytest.raises(ValueError, match=rf"'{re.escape(url)}': no bucket has the name"):
        open_source(url)


def test_an_at_sign_in_a_path_or_another_scheme_is_no_password() -> None:
    assert split("https://h/u:p@x.jpg") == ("https://h", "u:p@x.jpg")
    assert split("abfss://box@account/a") == ("abfss://box@account", "a")


def test_a_list_over_https_style_addresses(web: WebServer) -> None:
    web.files["/a b/50%.jpg"] = b"an image"
    web.files["/a b/list.txt"] = b"50%.jpg 3\n"
    source = open_source(f"{web.url}/a%20b/list.txt")
    assert source.encoded(0) == web.files["/a b/50%.jpg"] and source.labels.tolist() == [3]


def test_a_list_may_name_several_buckets_or_hosts(tmp_path: Path) -> None:
    for scheme in ("https", "s3"):
        names = [f"{scheme}://one/a/1.jpg", f"{scheme}://two/b/2.jpg"]
        (tmp_path / "list.txt").write_text("".join(f"{name} {label}\n" for label, name in enumerate(names)))
        for data in (tmp_path / "list.txt", list(zip(names, (0, 1), strict=True))):
            source = open_source(data)
            assert [source.name(i) for i in (0, 1)] == names and source.targets == [0, 1] and source.remote


@pytest.mark.parametrize("status", [401, 403, 404, 405, 400, 501])
@pytest.mark.parametrize("ranges", [True, False])
def test_a_list_is_read_where_its_size_is_not_told(web: WebServer, status: int, ranges: bool) -> None:
    """HEAD may be refused in many ways by servers that do answer GET."""
    web.files["/data/list.txt"] = b"a.jpg 1\n"
    web.head, web.ranges = status, ranges
    source = open_source(f"{web.url}/data/list.txt")
    assert source.name(0) == f"{web.url}/data/a.jpg" and list(source.targets) == [1]


def test_what_get_answers_to_a_list_counts(web: WebServer) -> None:
    web.head = 403
    with pytest.raises(FileNotFoundError, match="does not exist"):
        open_source(f"{web.url}/data/list.txt")
    web.files["/data/list.txt"] = b"a.jpg 1\n"
    web.faults["/data/list.txt"] = [403, 403]
    with pytest.raises(StorageError, match=r"access is denied \(403 Forbidden\): '"):
        open_source(f"{web.url}/data/list.txt")


@pytest.mark.parametrize("name", ["list.txt", "s.tar", "m.jsonl"])
def test_data_whose_length_is_not_told_are_refused_at_once(web: WebServer, name: str) -> None:
    web.files[f"/data/{name}"] = b"a.jpg 1\n"
    web.lengths = False
    with pytest.raises(StorageError, match="does not say how many bytes the object has"):
        open_source(f"{web.url}/data/{name}")
    assert web.count(f"/data/{name}") <= 1
