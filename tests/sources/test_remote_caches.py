"""File systems of fsspec answer from listings that they keep: data replaced in the meantime are noticed anyway."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import fsspec
import pytest

from dali_mixup.sources import StorageError, open_source
from dali_mixup.sources.remote import fsspec_client, local_copy, requests
from dali_mixup.sources.remote.fsspec_client import FileSystem
from tests.cloud_services import Hub
from tests.object_store import environment
from tests.tars import contents, pair, write_tar

ROOT = "hf://datasets/me/set"


class CountingHub(Hub):
    """Counts how often it is asked for versions, in listings or of single files."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = 0

    def answer(self, path: str, query: dict[str, str]) -> tuple[int, dict[str, str], bytes]:
        self.asked += "/tree/" in path or "/paths-info/" in path
        return super().answer(path, query)


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[CountingHub]:
    service = CountingHub()
    monkeypatch.setitem(fsspec.config.conf, "hf", {"endpoint": service.url, "skip_instance_cache": True})
    monkeypatch.setattr(requests, "FIRST", 0.01)
    with environment(XDG_CACHE_HOME=str(tmp_path / "caches")):
        yield service
    service.close()


def shard(folder: Path, labels: list[int]) -> bytes:
    members = [member for number, label in enumerate(labels) for member in pair(number, label)]
    return write_tar(folder / "s.tar", members).read_bytes()


@pytest.mark.parametrize("labels", [[1, 0], [1, 0, 1, 0], [1]], ids=["equal", "longer", "shorter"])
def test_a_replaced_shard(
    hub: CountingHub, tmp_path: Path, labels: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.objects["me/set/s.tar"] = shard(tmp_path, [0, 1])
    source = open_source(f"{ROOT}/s.tar")
    assert source.targets == [0, 1] and len(contents(source)) == 2
    hub.objects["me/set/s.tar"] = shard(tmp_path, labels)
    monkeypatch.setattr(fsspec_client, "FRESH", 0.0)
    with pytest.raises(StorageError, match="has changed since it was indexed"):
        contents(source)
    again = open_source(f"{ROOT}/s.tar")
    assert again.targets == labels and len(contents(again)) == len(labels)


def test_reading_does_not_ask_for_the_version_every_time(hub: CountingHub, tmp_path: Path) -> None:
    hub.objects["me/set/s.tar"] = shard(tmp_path, [0, 1] * 10)
    source = open_source(f"{ROOT}/s.tar")
    before = hub.asked
    assert len(contents(source)) == 20 and hub.asked == before > 0


def test_a_folder_opened_again_is_listed_again(hub: CountingHub) -> None:
    hub.objects |= {"me/set/train/a/1.jpg": b"1", "me/set/train/a/deep/2.jpg": b"2"}
    assert len(open_source(f"{ROOT}/train")) == 2
    hub.objects |= {"me/set/train/a/deep/3.jpg": b"3", "me/set/train/b/4.jpg": b"4"}
    del hub.objects["me/set/train/a/1.jpg"]
    source = open_source(f"{ROOT}/train")
    assert [source.key(row) for row in range(3)] == ["a/deep/2.jpg", "a/deep/3.jpg", "b/4.jpg"]


def test_patterns_see_new_shards(hub: CountingHub, tmp_path: Path) -> None:
    for number in range(1, 4):
        hub.objects[f"me/set/{number}.tar"] = shard(tmp_path, [0, 1])
        assert len(open_source(f"{ROOT}/*.tar")) == 2 * number


def test_an_image_that_was_missing_is_found(hub: CountingHub, monkeypatch: pytest.MonkeyPatch) -> None:
    hub.objects["me/set/a.jpg"] = b"a"
    source = open_source([(f"{ROOT}/a.jpg", 0), (f"{ROOT}/b.jpg", 1)])
    assert source.encoded(0) == b"a"
    for _ in range(2):
        with pytest.raises(FileNotFoundError, match="does not exist"):
            source.encoded(1)
    hub.objects["me/set/b.jpg"] = b"b"
    monkeypatch.setattr(fsspec_client, "FRESH", 0.0)
    assert source.encoded(1) == b"b"


def test_a_list_replaced_while_it_is_read(hub: CountingHub, monkeypatch: pytest.MonkeyPatch) -> None:
    hub.objects["me/set/list.txt"] = b"a.jpg 0\nb.jpg 1\n"
    monkeypatch.setattr(local_copy, "_PIECE", 8)
    answer = hub.answer

    def replacing(path: str, query: dict[str, str]) -> tuple[int, dict[str, str], bytes]:
        given = answer(path, query)
        if "/resolve/" in path:
            hub.objects["me/set/list.txt"] = b"a.jpg 1\nb.jpg 0\n"
        return given

    monkeypatch.setattr(hub, "answer", replacing)
    with pytest.raises(ValueError, match="changes while it is read"):
        open_source(f"{ROOT}/list.txt")


class Listing:
    """A file system that knows an object from the listing of its folder only, which it keeps.

    Attributes:
        listed: how often it listed.
    """

    def __init__(self) -> None:
        self.listed, self.version = 0, 0
        self._kept: dict[str, int] = {}

    def _parent(self, key: str) -> str:
        return key.rpartition("/")[0]

    def invalidate_cache(self, path: str | None = None) -> None:
        self._kept.pop(path, None)

    def info(self, key: str) -> dict[str, Any]:
        folder = self._parent(key)
        if folder not in self._kept:
            self.listed += 1
            version = self.version
            time.sleep(0.05)
            self._kept[folder] = version
        return {"size": 1, "version_id": str(self._kept[folder] + 1)}

    def cat_file(self, key: str, start: int, end: int) -> bytes:
        return b"x"


def test_objects_asked_for_together_share_the_listing_of_their_folder() -> None:
    system = Listing()
    store, start = FileSystem(system), threading.Barrier(32)

    def state(number: int) -> tuple[int, int]:
        start.wait()
        return store.state(f"x://box/{number}.tar")

    with ThreadPoolExecutor(32) as threads:
        states = set(threads.map(state, range(32)))
    assert len(states) == 1 and system.listed <= 4


def test_an_answer_counts_for_some_seconds_while_parts_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    system = Listing()
    store = FileSystem(system)
    opened = store.state("x://box/0.tar")
    system.version = 1
    assert {store.read("x://box/0.tar", 0, 1, 9).state for _ in range(50)} == {opened} and system.listed == 1
    late = time.monotonic() + fsspec_client.FRESH
    monkeypatch.setattr(time, "monotonic", lambda: late)
    assert store.read("x://box/0.tar", 0, 1, 9).state != opened and system.listed == 2
