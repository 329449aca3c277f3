"""Which rows of a batch are to blame."""

from __future__ import annotations

import errno
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dali_mixup._graph import probe
from dali_mixup._graph.options import MAX_PIXELS
from dali_mixup._graph.probe import culprits, undecodable
from dali_mixup.sources import FileList
from dali_mixup.sources.reading import StorageError
from tests.bad_images import make
from tests.odd_images import picture


@given(st.integers(1, 70).flatmap(lambda n: st.tuples(st.just(n), st.sets(st.integers(0, n - 1)))))
def test_exactly_the_rows_that_fail_are_found(batch: tuple[int, set[int]]) -> None:
    n, bad = batch
    asked: list[frozenset[int]] = []

    def fails(rows: frozenset[int]) -> bool:
        asked.append(rows)
        return bool(rows & bad)

    assert culprits(range(n), fails) == sorted(bad)
    assert len(asked) <= 2 + 2 * len(bad) * (n.bit_length() + 1)


def test_a_batch_that_fails_without_its_rows_has_no_culprit() -> None:
    assert culprits(range(8), lambda rows: True) == []


def test_a_failure_that_is_over_has_no_culprit() -> None:
    assert culprits(range(8), lambda rows: False) == []


def test_rows_that_fail_together_only_are_not_blamed() -> None:
    assert culprits(range(8), lambda rows: len(rows) > 5) == []


@pytest.fixture
def source(tmp_path: Path) -> FileList:
    for name in ("a", "b", "d"):
        picture().save(tmp_path / f"{name}.jpg")
    make("jpeg_half", tmp_path / "c.jpg")
    return FileList([f"{name}.jpg" for name in "abcd"], [0] * 4, ["c"], root=tmp_path)


def test_samples_that_do_not_decode_are_found_with_the_reason(source: FileList) -> None:
    (found,) = undecodable(source, range(4), windows=True, max_pixels=MAX_PIXELS)
    assert found.index == 2 and "truncated" in found.reason


def test_windows_are_decoded_where_the_pipeline_does_so(source: FileList) -> None:
    path = Path(source.name(1))
    path.unlink()
    make("bmp_without_window", path)
    assert [found.index for found in undecodable(source, range(4), windows=False, max_pixels=MAX_PIXELS)] == [
        2
    ]
    assert [found.index for found in undecodable(source, range(4), windows=True, max_pixels=MAX_PIXELS)] == [
        1,
        2,
    ]


def test_no_file_is_blamed_where_a_good_image_does_not_decode_either(
    source: FileList, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Broken:
        def run(self, **_: object) -> None:
            raise RuntimeError("out of memory")

    monkeypatch.setattr(probe, "_one_at_a_time", lambda *_: Broken())
    with pytest.raises(RuntimeError, match="out of memory"):
        undecodable(source, range(4), windows=False, max_pixels=MAX_PIXELS)


class Failing(FileList):
    """Reads through Python, and fails as a storage does, the first times."""

    failures = 0

    def feed(self, indices: np.ndarray) -> list[np.ndarray]:
        if self.failures:
            self.failures -= 1
            raise OSError(errno.EIO, "Input/output error")
        return [np.frombuffer(Path(self.name(int(i))).read_bytes(), np.uint8) for i in indices]


def failing(source: FileList, failures: int) -> Failing:
    made = Failing([source.name(i) for i in range(4)], [0] * 4, ["c"])
    made.read_in_dali, made.failures = False, failures
    return made


def test_a_storage_that_fails_for_a_moment_is_waited_for(
    source: FileList, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dali_mixup.sources.reading.WAITS", (0.01, 0.01))
    assert [
        found.index
        for found in undecodable(failing(source, 2), range(4), windows=False, max_pixels=MAX_PIXELS)
    ] == [2]


def test_a_storage_that_goes_on_failing_is_to_blame_and_no_file_is(
    source: FileList, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dali_mixup.sources.reading.WAITS", (0.01, 0.01))
    with pytest.raises(StorageError, match="not to blame"):
        undecodable(failing(source, 100), range(4), windows=False, max_pixels=MAX_PIXELS)


def test_the_limit_is_the_loaders(tmp_path: Path) -> None:
    """A file that `Runtime(max_pixels=)` allows was too long for the default."""
    path = tmp_path / "long.jpg"
    picture().save(path)
    with path.open("r+b") as file:
        file.truncate(2**26 + 1000)  # zeros after the image
    long = FileList([str(path)], [0], ["c"])
    (found,) = undecodable(long, [0], windows=False, max_pixels=1)
    assert "expected at most" in found.reason
    assert undecodable(long, [0], windows=False, max_pixels=1000) == []
