"""Lists, manifests, folders and shards by URL: what is read where, and what is refused."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from torchvision.datasets import ImageFolder
from typer.testing import CliRunner

from dali_mixup.check import scan
from dali_mixup.cli import app
from dali_mixup.pack import Options, Packing
from dali_mixup.sources import StorageError, image_folder, open_source, write_manifest
from tests.object_store import KEYS, S3Server, WebServer, environment
from tests.odd_images import picture
from tests.tars import write_tar


def jpeg(seed: int) -> bytes:
    buffer = io.BytesIO()
    picture(40, 50, seed=seed).save(buffer, "JPEG")
    return buffer.getvalue()


@pytest.fixture
def box(web: WebServer, tmp_path: Path) -> Iterator[WebServer]:
    """The server with faults as the endpoint of s3://, and an empty cache."""
    with environment(**KEYS, AWS_ENDPOINT_URL=web.url, XDG_CACHE_HOME=str(tmp_path / "caches")):
        yield web


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ("ftps3://bucket/train", "is not one of s3, .*, https, http, nor one that fsspec reads, such as hf"),
        ("file:///data/train", "for files of this machine give the path"),
        ("s3:///train", "names no bucket"),
        ("https://host/train", "web servers do not list their files"),
        ("https://host/train-*.tar", "web servers do not list their files"),
        ("https://host/train.tar?signature=abc", "query or fragment"),
        ("s3://bucket/train.json", "cannot read 's3://bucket/train.json' from there: by URL, data must be"),
        ([("s3://b/a.jpg", 0), ("/data/b.jpg", 1)], "paths of this machine and URLs"),
        (["s3://b/a.tar", "/data/b.tar"], "paths of this machine and URLs|does not exist"),
        ([("s3://b/x/a.jpg", 0), ("s3://b/x/../b.jpg", 1)], r"has a part `\.\.`"),
    ],
    ids=str,
)
def test_what_is_refused_without_a_request(data: Any, message: str) -> None:
    with pytest.raises((ValueError, FileNotFoundError), match=message):
        open_source(data)


@pytest.mark.parametrize("layout", ["shards", "files"])
def test_packed_data_by_the_url_of_their_list(box: WebServer, tmp_path: Path, layout: Any) -> None:
    for number in range(5):
        (tmp_path / "data" / f"c{number % 2}").mkdir(parents=True, exist_ok=True)
        (tmp_path / "data" / f"c{number % 2}" / f"{number}.jpg").write_bytes(jpeg(number))
    folder = tmp_path / "packed"
    Packing(open_source(tmp_path / "data"), folder, Options(per_shard=2, layout=layout), workers=1).run()
    for path in folder.rglob("*"):
        if path.is_file():
            box.files[f"/bucket/p/{path.relative_to(folder)}"] = path.read_bytes()
    ours, remote = open_source(folder), open_source("s3://bucket/p/pack.jsonl")
    assert remote.remote and remote.fingerprint() == ours.fingerprint()
    assert [remote.encoded(i) for i in range(5)] == [ours.encoded(i) for i in range(5)]
    if layout == "shards":
        box.files["/bucket/p/shard-000001.tar"] += b"x"
        with pytest.raises(ValueError, match=r"shard-000001.tar' has \d+ bytes, expected"):
            open_source("s3://bucket/p/pack.jsonl")
    assert remote.classes == ("c0", "c1")


def test_roots_of_lists_and_pairs(box: WebServer, tmp_path: Path) -> None:
    box.files["/data/train/a.jpg"] = jpeg(0)
    (tmp_path / "list.txt").write_text("a.jpg 1\n")
    for data in (tmp_path / "list.txt", [("a.jpg", 1)]):
        source = open_source(data, root="s3://data/train")
        assert source.remote and source.name(0) == "s3://data/train/a.jpg" and source.key(0) == "a.jpg"
        assert source.encoded(0) == box.files["/data/train/a.jpg"]
    for wrong in ("../a.jpg", "/a.jpg", "s3://other/a.jpg"):
        with pytest.raises(ValueError, match=r"below the root|relative to the root"):
            open_source([(wrong, 1)], root="s3://data/train")
    (tmp_path / "list.txt").write_text("s3://data/train/a.jpg 1\n")
    assert open_source(tmp_path / "list.txt").encoded(0) == box.files["/data/train/a.jpg"]


def test_a_remote_list_reads_no_files_of_this_machine(box: WebServer) -> None:
    box.files["/data/list.txt"] = b"/etc/hostname 0\n"
    with pytest.raises(ValueError, match="a file of this machine"):
        open_source("s3://data/list.txt")
    box.files["/data/list.jsonl"] = (
        b'{"dali_mixup_manifest": 1, "root": "/etc", "classes": ["a"]}\n'
        b'{"path": "hostname", "class": "a", "label": 0}\n'
    )
    with pytest.raises(ValueError, match="lies outside of s3://data"):
        open_source("s3://data/list.jsonl")


@pytest.mark.parametrize("root", ["train", "../train", "s3://data/train"])
def test_the_root_in_a_remote_manifest(box: WebServer, root: str) -> None:
    place = "/data/meta" if root.startswith("..") else "/data"
    box.files["/data/train/a.jpg"] = jpeg(1)
    box.files[f"{place}/m.jsonl"] = (
        f'{{"dali_mixup_manifest": 1, "root": "{root}", "classes": ["a"]}}\n'
        '{"path": "a.jpg", "class": "a", "label": 0}\n'
    ).encode()
    source = open_source(f"s3:/{place}/m.jsonl")
    assert source.root == "s3://data/train/" and source.encoded(0) == box.files["/data/train/a.jpg"]


@pytest.mark.parametrize("suffix", ["jsonl", "parquet"])
def test_a_manifest_of_remote_files(bucket: str, tmp_path: Path, suffix: str) -> None:
    source = open_source(bucket)
    write_manifest(tmp_path / f"m.{suffix}", source)
    again = open_source(tmp_path / f"m.{suffix}")
    assert again.root == f"{bucket}/" and again.fingerprint() == source.fingerprint()
    assert again.encoded(3) == source.encoded(3)
    with pytest.raises(ValueError, match="written on this machine"):
        write_manifest(f"{bucket}/m.jsonl", source)


@pytest.mark.parametrize("lacking", ["ranges", 405, 501])
def test_a_list_needs_neither_ranges_nor_its_size(web: WebServer, lacking: Any) -> None:
    web.files["/list.txt"] = b"a.jpg 3\n" * 5
    web.files["/m.jsonl"] = (
        b'{"dali_mixup_manifest": 1, "root": ".", "classes": ["a"]}\n{"path": "a.jpg", "class": "a", "label": 0}\n'
    )
    for path, labels in (("/list.txt", [3] * 5), ("/m.jsonl", [0])):
        web.ranges = lacking != "ranges"
        web.faults[path] = [] if lacking == "ranges" else [lacking]
        assert open_source(f"{web.url}{path}").labels.tolist() == labels


@pytest.mark.parametrize("lacking", ["ranges", 405, 501])
def test_shards_need_ranges_and_their_size(web: WebServer, tmp_path: Path, lacking: Any) -> None:
    web.files["/s.tar"] = shard(tmp_path, 1, 10)
    web.ranges = lacking != "ranges"
    web.faults["/s.tar"] = [] if lacking == "ranges" else [lacking]
    with environment(XDG_CACHE_HOME=str(tmp_path)), pytest.raises(StorageError) as caught:
        open_source(f"{web.url}/s.tar")
    assert "not exist" not in str(caught.value) and "Shards and other archives" in str(caught.value)


def test_class_folders_in_the_order_of_torchvision(s3: S3Server, tmp_path: Path) -> None:
    names = (
        "b/x.jpg",
        "b/a/z.png",
        "b/a.jpg",
        "b/note.txt",
        "a/1.JPEG",
        "a/ü 1.jpg",
        "a!/k.jpg",
        "B/c/d/e.jpg",
    )
    for number, name in enumerate(names):
        path = tmp_path / "d" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(jpeg(number))
    s3.make_bucket("folders")
    s3.put_folder("folders", tmp_path / "d", "deep/d/")
    s3.put("folders", "deep/d/loose.jpg", b"at the top")
    s3.put("folders", "deep/dx/a/1.jpg", b"of another folder")
    theirs, ours = ImageFolder(str(tmp_path / "d")), image_folder("s3://folders/deep/d/")
    assert ours.classes == tuple(theirs.classes) and ours.root == "s3://folders/deep/d/"
    keys = [path.removeprefix(f"{tmp_path}/d/") for path, _ in theirs.samples]
    assert [(ours.key(i), int(label)) for i, label in enumerate(ours.labels)] == [
        (key, label) for key, (_, label) in zip(keys, theirs.samples, strict=True)
    ]
    with pytest.raises(ValueError, match="no class folders"):
        image_folder("s3://folders/nothing")
    with pytest.raises(StorageError, match="bucket does not exist"):
        image_folder("s3://no-such-bucket/train")


def test_more_objects_than_fit_a_page(s3: S3Server) -> None:
    s3.make_bucket("many")
    for number in range(1010):
        s3.put("many", f"c/{number:05}.jpg", b"")
    assert len(image_folder("s3://many")) == 1010


def shard(tmp_path: Path, samples: int, size: int) -> bytes:
    noise = np.random.RandomState(0).bytes(size)
    members = []
    for number in range(samples):
        members += [(f"{number:03}.jpg", jpeg(number) + noise), (f"{number:03}.cls", b"%d" % (number % 3))]
    write_tar(tmp_path / "s.tar", members)
    return (tmp_path / "s.tar").read_bytes()


def test_indexing_reads_headers_and_is_kept(box: WebServer, tmp_path: Path) -> None:
    box.files["/data/s.tar"] = shard(tmp_path, 20, 200_000)
    local = open_source(str(tmp_path / "s.tar"))
    source = open_source("s3://data/s.tar")
    assert source.fingerprint() == local.fingerprint()
    assert box.bytes_sent < len(box.files["/data/s.tar"]) / 5
    first = box.bytes_sent
    again = open_source("s3://data/s.tar")
    assert box.bytes_sent == first  # the index is kept
    assert [again.encoded(i) for i in range(20)] == [local.encoded(i) for i in range(20)]
    box.files["/data/s.tar"] = shard(tmp_path, 21, 210_000)
    with pytest.raises(StorageError, match="has changed since it was indexed"):
        again.encoded(0)
    assert len(open_source("s3://data/s.tar")) == 21


def test_small_samples_are_indexed_in_few_requests(box: WebServer, tmp_path: Path) -> None:
    box.files["/data/s.tar"] = shard(tmp_path, 300, 0)
    assert len(open_source("s3://data/s.tar")) == 300
    assert box.count("/data/s.tar") < 15


def test_patterns_of_shards(s3: S3Server, tmp_path: Path) -> None:
    s3.make_bucket("shards")
    content = shard(tmp_path, 4, 0)
    for name in ("t/a-0.tar", "t/a-1.tar", "t/b.tar", "t/deep/a-2.tar"):
        s3.put("shards", name, content)
    for data, count in (("a-*.tar", 8), ("a-{0..1}.tar", 8), ("*.tar", 12), ("?-[01].tar", 8)):
        assert len(open_source(f"s3://shards/t/{data}")) == count
    for data in ("c-*.tar", "a-{0..2}.tar", "missing.tar"):
        with pytest.raises(FileNotFoundError, match=r"does not exist|do not exist"):
            open_source(f"s3://shards/t/{data}")


@pytest.mark.parametrize("options", [[], ["--manifest"]])
def test_check_of_a_bucket(s3: S3Server, bucket: str, tmp_path: Path, options: list[str]) -> None:
    given = [*options, str(tmp_path / "m.jsonl")] if options else []
    done = CliRunner().invoke(app, ["check", bucket, *given])
    assert done.exit_code == 0, done.output
    if options:
        assert len(open_source(tmp_path / "m.jsonl")) == 24
    s3.put("images", "bad/c/0.jpg", b"junk")
    s3.put("images", "bad/c/1.jpg", jpeg(0))
    done = CliRunner().invoke(app, ["check", "s3://images/bad"])
    assert done.exit_code == 1 and "0.jpg" in done.output
    s3.delete("images", "bad/c/0.jpg")


def test_a_check_fetches_every_object_once(box: WebServer) -> None:
    for number in range(9):
        box.files[f"/data/{number}.jpg"] = jpeg(number)
    box.files["/data/list.txt"] = b"".join(b"%d.jpg 0\n" % number for number in range(9))
    assert not scan(open_source("s3://data/list.txt"), threads=1).findings
    assert [box.count(f"/data/{number}.jpg") for number in range(9)] == [1] * 9


def test_a_check_without_access_ends_with_one_line(box: WebServer) -> None:
    box.files["/data/a.jpg"] = jpeg(0)
    box.files["/data/list.txt"] = b"a.jpg 0\n"
    box.faults["/data/a.jpg"] = [403] * 9
    done = CliRunner().invoke(app, ["check", "s3://data/list.txt"])
    assert done.exit_code == 2 and "AWS_SECRET_ACCESS_KEY" in re.sub(r"\s+", " ", done.output)
    assert "Traceback" not in done.output


def test_other_services_through_fsspec(image_folder: Path) -> None:
    """hf:// and the like come the same way; this one needs no server."""
    import fsspec

    system = fsspec.filesystem("memory")
    system.put(str(image_folder), "/set/train", recursive=True)
    remote, local = open_source("memory://set/train"), open_source(image_folder)
    assert remote.remote and remote.fingerprint() == local.fingerprint()
    assert [row.tobytes() for row in remote.feed(np.array([5, 0, 23]))] == [
        local.encoded(i) for i in (5, 0, 23)
    ]
    with pytest.raises(FileNotFoundError, match="does not exist"):
        open_source([("memory://set/none.jpg", 0)]).encoded(0)
    system.pipe("/set/s.tar", shard_of(image_folder))
    assert len(open_source("memory://set/s.tar")) == 1


def shard_of(folder: Path) -> bytes:
    first = sorted(folder.glob("*/*"))[0]
    write_tar(folder.parent / "one.tar", [("0.jpg", first.read_bytes()), ("0.cls", b"0")])
    content = (folder.parent / "one.tar").read_bytes()
    (folder.parent / "one.tar").unlink()
    return content


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    import importlib.util

    found = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *_: None if name == "obstore" else found(name)
    )
    with pytest.raises(ImportError, match=r"needs obstore: pip install .dali-mixup\[remote\]"):
        open_source([("s3://b/a.jpg", 0)])
