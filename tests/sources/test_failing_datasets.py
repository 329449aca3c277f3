"""Datasets of users' own code whose storage fails: waited for as for files, and never a reason to leave samples out."""

from __future__ import annotations

import errno
import io
import os
import shutil
from pathlib import Path
from typing import Any

import pyarrow
import pytest
from PIL import Image
from torch.utils.data import Dataset

from dali_mixup import Runtime, Skip, train_loader
from dali_mixup.sources import StorageError, open_source, reading

COUNT, BATCH = 12, 4


def png() -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (16, 16)).save(buffer, "PNG")
    return buffer.getvalue()


PNG = png()


class Failing(Dataset):
    """Every item fails a number of times, from when `error` is given."""

    def __init__(self, times: int, error: Exception | None = None) -> None:
        self.times, self.error, self.failed = times, error, [0] * COUNT

    def __len__(self) -> int:
        return COUNT

    def __getitem__(self, index: int) -> tuple[bytes, int]:
        if self.error is not None and self.failed[index] < self.times:
            self.failed[index] += 1
            raise self.error
        return PNG, index % 2


class Labelled(Failing):
    targets = tuple(index % 2 for index in range(COUNT))


@pytest.fixture(autouse=True)
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The seconds that were waited, without waiting."""
    waited: list[float] = []
    monkeypatch.setattr(reading.time, "sleep", waited.append)
    return waited


def loader_of(data: Any) -> Any:
    runtime = Runtime(num_threads=1, prefetch=1)
    return train_loader(
        data, batch_size=BATCH, image_size=8, device="cpu", bad_files=Skip(COUNT - 1), runtime=runtime
    )


@pytest.mark.parametrize("number", [errno.ESTALE, errno.EIO, errno.ETIMEDOUT, errno.ECONNRESET])
@pytest.mark.parametrize("seen", [False, True])
def test_a_failure_that_passes_costs_nothing_but_time(number: int, seen: bool, waits: list[float]) -> None:
    dataset = Labelled(1)
    with loader_of(dataset) as loader:
        if seen:
            list(loader)
        dataset.error = OSError(number, os.strerror(number), "s3://bucket/a.jpg")
        assert len(list(loader)) == COUNT // BATCH and loader.skipped == () and waits


@pytest.mark.parametrize("seen", [False, True])
def test_a_failure_that_lasts_ends_the_run_and_leaves_nothing_out(seen: bool) -> None:
    dataset = Labelled(10**6)
    with loader_of(dataset) as loader:
        if seen:
            list(loader)
        dataset.error = OSError(errno.ESTALE, "Stale file handle")
        with pytest.raises(StorageError, match=r"Stale file handle.*not left out.*Labelled/"):
            list(loader)
        state = loader.state_dict()
        assert state["skipped"] == [] and loader.skipped == ()
        dataset.error = None
        loader.load_state_dict(state)
        assert len(list(loader)) == COUNT // BATCH


@pytest.mark.parametrize("kind", [Labelled, Failing])
def test_a_failure_while_the_dataset_is_opened(kind: type[Failing], waits: list[float]) -> None:
    assert open_source(kind(1, OSError(errno.EIO, "I/O error"))).targets == [i % 2 for i in range(COUNT)]
    assert waits
    with pytest.raises(StorageError, match="I/O error"):
        open_source(kind(10**6, OSError(errno.EIO, "I/O error")))


@pytest.mark.parametrize(
    "error",
    [
        OSError("cannot identify image file"),
        FileNotFoundError("no such row"),
        PermissionError(errno.EACCES, "denied", "/data/a.jpg"),
        FileNotFoundError(errno.ENOENT, "missing", f"{os.path.dirname(__file__)}/a.jpg"),
        FileNotFoundError(errno.ENOENT, "missing", "s3://bucket/a.jpg"),
        IsADirectoryError(errno.EISDIR, "a folder", 3),
    ],
)
def test_what_is_a_samples_own_fault_is_left_out(
    error: OSError, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, waits: list[float]
) -> None:
    class One(Labelled):
        def __getitem__(self, index: int) -> tuple[bytes, int]:
            return super().__getitem__(index) if index == 5 else (PNG, index % 2)

    monkeypatch.chdir(tmp_path)  # an empty folder
    with loader_of(One(10**6, error)) as loader:
        list(loader)
        assert loader.skipped == ("One/5",) and not waits


def test_a_storage_error_of_the_datasets_own_is_passed_on(waits: list[float]) -> None:
    dataset = Labelled(10**6)
    with loader_of(dataset) as loader:
        dataset.error = StorageError(errno.EIO, "the server is down")
        with pytest.raises(StorageError, match="the server is down"):
            list(loader)
        assert loader.skipped == () and not waits


def test_files_in_a_folder_that_is_gone(tmp_path: Path) -> None:
    class Opening(Dataset):
        targets = (0,) * COUNT

        def __len__(self) -> int:
            return COUNT

        def __getitem__(self, index: int) -> tuple[Image.Image, int]:
            return Image.open(tmp_path / "data" / f"{index}.png"), 0

    (tmp_path / "data").mkdir()
    for number in range(COUNT):
        (tmp_path / "data" / f"{number}.png").write_bytes(PNG)
    with loader_of(Opening()) as loader:
        shutil.rmtree(tmp_path / "data")
        with pytest.raises(StorageError, match="is the storage mounted"):
            list(loader)
        assert loader.skipped == ()


def test_a_file_that_an_item_names_and_that_is_missing_is_a_bad_sample(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(PNG)
    items = [{"bytes": None, "path": str(tmp_path / name)} for name in ("a.png", "b.png")] * 2
    table = pyarrow.table({"image": items, "label": [0, 1, 0, 1]})
    with loader_of(table) as loader:
        list(loader)
        assert len(loader.skipped) == 2
