"""Archives that change while a loader reads them: no sample is to blame, so none is left out, and the run ends with a
state that continues on the archive as it is then."""

from __future__ import annotations

import os
import shutil
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dali_mixup import Runtime, Skip
from dali_mixup.sources import StorageError
from tests.damaged import BATCH, COUNT, new, run, same
from tests.object_store import KEYS, WebServer, environment

EARLY = Runtime(num_threads=2, prefetch=1)


def tar_of(pictures: list[tuple[str, int]], path: Path) -> Path:
    with tarfile.open(path, "w") as tar:
        for i, (picture, label) in enumerate(pictures):
            (path.parent / "label").write_text(str(label))
            tar.add(picture, f"{i:04}.jpg")
            tar.add(path.parent / "label", f"{i:04}.cls")
    return path


def zip_of(pictures: list[tuple[str, int]], path: Path) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for picture, label in pictures:
            archive.write(picture, f"{label}/{Path(picture).name}")
    return path


def touch(path: Path) -> None:
    status = os.stat(path)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns + 1))


def cut(path: Path) -> None:
    os.truncate(path, os.path.getsize(path) // 2)


def rewrite(path: Path) -> None:
    with path.open("r+b") as file:
        file.seek(path.stat().st_size // 2)
        file.write(b"other")
    touch(path)


@pytest.mark.parametrize("change", [touch, cut, rewrite])
@pytest.mark.parametrize("archive", [tar_of, zip_of])
@pytest.mark.parametrize("batches", [1, COUNT // BATCH + 1], ids=["unseen", "seen"])
def test_an_archive_that_changes_leaves_nothing_out(
    pictures: list[tuple[str, int]],
    tmp_path: Path,
    archive: Callable[[list[tuple[str, int]], Path], Path],
    change: Callable[[Path], None],
    batches: int,
) -> None:
    path = archive(pictures, tmp_path / f"a.{archive.__name__[:3]}")
    shutil.copy2(path, tmp_path / "good")
    expected = run(new(str(path)), epochs=2)
    loader: Any = new(str(path), bad_files=Skip(), runtime=EARLY)
    with pytest.raises(StorageError, match="has changed since it was indexed") as caught:
        for number, _ in enumerate((batch for _ in range(2) for batch in loader), start=1):
            if number == batches:
                change(path)
    assert caught.value.filename == str(path)
    state = loader.state_dict()
    at = state["epoch"] * (COUNT // BATCH) + state["step"]
    assert state["skipped"] == [] and loader.skipped == () and at >= batches
    if change is not touch:
        shutil.copy2(tmp_path / "good", path)
    resumed = new(str(path), bad_files=Skip())
    resumed.load_state_dict(state)
    assert same(run(resumed, epochs=2 - state["epoch"]), expected[at:])


@pytest.mark.parametrize("longer", [True, False])
def test_a_remote_archive_that_changes_leaves_nothing_out(
    pictures: list[tuple[str, int]], tmp_path: Path, web: WebServer, longer: bool
) -> None:
    whole = tar_of(pictures, tmp_path / "a.tar").read_bytes()
    web.files["/box/a.tar"] = whole
    with environment(**KEYS, AWS_ENDPOINT_URL=web.url, XDG_CACHE_HOME=str(tmp_path / "caches")):
        loader: Any = new("s3://box/a.tar", bad_files=Skip(), runtime=Runtime(2, prefetch=1, read_ahead=0))
        batches = iter(loader)
        next(batches)
        web.files["/box/a.tar"] = whole + bytes(1024) if longer else whole[: len(whole) // 20]
        with pytest.raises(StorageError, match="open the data again"):
            list(batches)
        assert loader.skipped == () and loader.state_dict()["skipped"] == []
        loader.close()
