"""Shards by URL on servers that say little about them: nothing old is taken for what is there now."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import fsspec
import pytest

from dali_mixup.sources import TarShards, open_source
from dali_mixup.sources.archives.index import each_index
from dali_mixup.sources.remote import fsspec_client
from tests.object_store import KEYS, WebServer, environment
from tests.tars import contents, pair, write_tar


@pytest.fixture
def box(web: WebServer, tmp_path: Path) -> Iterator[WebServer]:
    """The server as the endpoint of s3:// too, and an empty cache."""
    with environment(**KEYS, AWS_ENDPOINT_URL=web.url, XDG_CACHE_HOME=str(tmp_path / "caches")):
        yield web


def shard(tmp_path: Path, labels: list[int]) -> bytes:
    members = [member for number, label in enumerate(labels) for member in pair(number, label)]
    return write_tar(tmp_path / "s.tar", members).read_bytes()


def indices(tmp_path: Path) -> list[Path]:
    return list((tmp_path / "caches").rglob("*.index.npz"))


@pytest.mark.parametrize("scheme", ["http", "s3"])
@pytest.mark.parametrize("versions", [False, True])
def test_a_shard_replaced_by_one_of_equal_size(
    box: WebServer, tmp_path: Path, scheme: str, versions: bool, caplog: pytest.LogCaptureFixture
) -> None:
    box.versions = versions
    url = f"{box.url}/data/s.tar" if scheme == "http" else "s3://data/s.tar"
    for labels in ([0, 1, 2], [2, 1, 0]):
        box.files["/data/s.tar"] = shard(tmp_path, labels)
        for _ in range(2):
            source = open_source(url)
            assert source.targets == labels and len(contents(source)) == 3
    assert len(indices(tmp_path)) == versions
    said = [record for record in caplog.records if "states no version" in record.getMessage()]
    assert len(said) == (0 if versions else 1), "once, not for every shard"


@pytest.mark.parametrize("stated", [("created",), ()])
def test_a_file_system_of_fsspec_without_versions(
    tmp_path: Path, stated: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fsspec_client, "_VERSIONS", stated)
    system = fsspec.filesystem("memory")
    with environment(XDG_CACHE_HOME=str(tmp_path / "caches")):
        for labels in ([0, 1, 2], [2, 1, 0]):
            system.pipe("/plain/s.tar", shard(tmp_path, labels))
            assert open_source("memory://plain/s.tar").targets == labels
    assert len(indices(tmp_path)) == len(stated)


def test_an_empty_shard_is_named(box: WebServer, tmp_path: Path) -> None:
    box.files |= {"/data/s.tar": shard(tmp_path, [0]), "/data/e.tar": b"", "/data/e.rec": b""}
    for data in ("s3://data/e.tar", "s3://data/{s,e}.tar", f"{box.url}/data/e.tar", "s3://data/e.rec"):
        with pytest.raises(ValueError, match=r"data/e\.(tar|rec)' is empty \(0 bytes\)"):
            open_source(data)


@pytest.fixture(params=["not a folder", "unknown"])
def no_home(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A home folder that cannot be made, or of a user whom the system does not know."""
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    if request.param == "unknown":
        monkeypatch.delenv("HOME")
        monkeypatch.setattr("os.getuid", lambda: 4_000_000_000)
    else:
        (tmp_path / "file").touch()
        monkeypatch.setenv("HOME", str(tmp_path / "file" / "home"))


@pytest.mark.parametrize("index_dir", [True, False])
def test_without_a_home_folder_the_index_is_not_kept(
    box: WebServer, no_home: None, tmp_path: Path, caplog: pytest.LogCaptureFixture, index_dir: bool
) -> None:
    box.files |= {f"/data/{number}.tar": shard(tmp_path, [0, 1, 2]) for number in range(2)}
    (tmp_path / "kept").mkdir()
    with caplog.at_level(logging.INFO, logger="dali_mixup"):
        for _ in range(2):
            source = TarShards("s3://data/{0,1}.tar", index_dir=tmp_path / "kept" if index_dir else None)
            assert source.targets == [0, 1, 2] * 2 and len(contents(source)) == 6
    said = [text for text in caplog.messages if "so it will be made again next time: cannot write" in text]
    assert len(said) == (0 if index_dir else 4)
    assert len(list((tmp_path / "kept").iterdir())) == (2 if index_dir else 0)


def test_nor_is_it_needed_for_archives_without_an_index(no_home: None) -> None:
    """Packed data have a list of their own."""
    assert each_index(["s3://data/a", "s3://data/bc"], len) == [11, 12]
