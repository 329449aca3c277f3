"""The index beside a shard: used only for the very file it was made from, and only if it can be right."""

from __future__ import annotations

import logging
import os
import shutil
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dali_mixup.sources import TarShards
from dali_mixup.sources.archives import tar_index
from tests.tars import contents, pair, write_tar


@pytest.fixture
def shard(tmp_path: Path) -> Path:
    return write_tar(tmp_path / "t.tar", pair(0) + pair(1) + pair(2))


def index_of(shard: Path) -> Path:
    return Path(f"{shard}.index.npz")


def relabelled(shard: Path) -> Path:
    """The same shard with other labels, of the same size."""
    return write_tar(shard, pair(0, 3) + pair(1, 4) + pair(2, 0))


def test_a_shard_rewritten_with_the_same_size_and_time_has_its_new_labels(shard: Path) -> None:
    status = os.stat(shard)
    assert TarShards([shard]).labels.tolist() == [0, 1, 2]
    relabelled(shard)
    os.utime(shard, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert (os.stat(shard).st_size, os.stat(shard).st_mtime_ns) == (status.st_size, status.st_mtime_ns)
    assert TarShards([shard]).labels.tolist() == [3, 4, 0]


def test_a_label_changed_in_the_middle_of_a_large_shard_is_seen(tmp_path: Path) -> None:
    path = write_tar(
        tmp_path / "t.tar",
        [(f"{k}.{e}", c) for k in range(4) for e, c in (("jpg", bytes([k + 1]) * 100_000), ("cls", b"1"))],
    )
    status = os.stat(path)
    assert TarShards([path]).labels.tolist() == [1] * 4
    with open(path, "r+b") as file:
        file.seek(path.read_bytes().index(b"2.cls") + 512)
        file.write(b"0")
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert TarShards([path]).labels.tolist() == [1, 1, 0, 1]


def test_a_shard_replaced_by_another_of_the_same_size_and_time_is_read(shard: Path, tmp_path: Path) -> None:
    status = os.stat(shard)
    TarShards([shard])
    other = relabelled(Path(shutil.copy(shard, tmp_path / "other")))
    os.utime(other, ns=(status.st_atime_ns, status.st_mtime_ns))
    os.replace(other, shard)
    assert TarShards([shard]).labels.tolist() == [3, 4, 0]


@pytest.mark.parametrize(
    "changes",
    [
        {"offsets": lambda a: a + (1 << 40)},
        {"offsets": lambda a: -a - 1},
        {"sizes": lambda a: a * 0 + (1 << 62)},
        {"sizes": lambda a: -a},
        {"labels": lambda a: a[:-1]},
        {"labels": lambda a: a.astype(float)},
        {"offsets": lambda a: a[:, None]},
        {"names": lambda a: a[:-1]},
        {"names": lambda a: a * 0},
        {"names": lambda a: a.astype(np.int32)},
        {"notes": lambda a: np.frombuffer(b"[1", np.uint8)},
        {"notes": lambda a: np.frombuffer(b'{"?": [1, "x"]}', np.uint8)},
        {"notes": lambda a: np.frombuffer(b"3", np.uint8)},
        {"offsets": lambda a: np.array([object()], dtype=object)},
    ],
)
def test_a_poisoned_index_is_made_again(
    shard: Path, changes: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    before = TarShards([shard])
    with np.load(index_of(shard)) as saved:
        columns = {name: saved[name] for name in saved}
    columns |= {name: change(columns[name]) for name, change in changes.items()}
    np.savez(index_of(shard), **columns)
    with caplog.at_level(logging.INFO, "dali_mixup"):
        after = TarShards([shard])
    assert contents(after) == contents(before) and after.fingerprint() == before.fingerprint()
    assert f"{index_of(shard)} is not usable and will be made again" in caplog.text
    caplog.clear()
    with caplog.at_level(logging.INFO, "dali_mixup"):
        TarShards([shard])
    assert not caplog.records


@pytest.mark.parametrize("content", [b"", b"PK", b"\x93NUMPY", bytes(5000), b"x" * 5000])
def test_a_file_that_is_no_index_is_made_again(shard: Path, content: bytes) -> None:
    index_of(shard).write_bytes(content)
    assert TarShards([shard]).labels.tolist() == [0, 1, 2]


def test_an_index_that_unpacks_to_gigabytes_is_not_unpacked(
    shard: Path, caplog: pytest.LogCaptureFixture
) -> None:
    TarShards([shard])
    with zipfile.ZipFile(index_of(shard), "w", zipfile.ZIP_DEFLATED) as bomb:
        bomb.writestr("origin.npy", bytes(1 << 20))
    with caplog.at_level(logging.INFO, "dali_mixup"):
        assert len(TarShards([shard])) == 3
    assert "it is compressed" in caplog.text


def test_a_link_in_the_place_of_an_index_does_not_lead_to_another_file(shard: Path, tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.write_bytes(b"keep")
    for target in (precious, tmp_path / "nothing yet"):
        index_of(shard).unlink(missing_ok=True)
        index_of(shard).symlink_to(target)
        assert len(TarShards([shard])) == 3
    assert precious.read_bytes() == b"keep" and not (tmp_path / "nothing yet").exists()


def test_an_index_or_shard_that_would_block_is_not_opened(shard: Path, tmp_path: Path) -> None:
    os.mkfifo(index_of(shard))
    assert len(TarShards([shard])) == 3
    os.mkfifo(tmp_path / "p.tar")
    with pytest.raises(ValueError, match=r"p\.tar' is not a regular file but a named pipe"):
        TarShards([tmp_path / "p.tar"])


def test_a_shard_that_changes_while_it_is_indexed_leaves_no_index(
    shard: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scan = tar_index.members

    def slow(*arguments: Any) -> Any:
        found = list(scan(*arguments))
        os.utime(shard, ns=(1, 1))
        return found

    monkeypatch.setattr(tar_index, "members", slow)
    TarShards([shard])
    assert not index_of(shard).exists()
