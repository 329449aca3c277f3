"""Which samples reach the decoder."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from dali_mixup._graph import gate as gates
from dali_mixup._graph.gate import Gate
from dali_mixup._graph.head import Head
from dali_mixup._graph.look import Look, Problem, UnfitError, look
from dali_mixup._graph.options import MAX_PIXELS
from dali_mixup.sources import FileList, StorageError, reading
from tests.bad_images import NOT_FILES, contents, encoded, make, png_chunk, png_header
from tests.odd_images import ROTATED, SILENT, SOUND, picture

# Their headers are in order, and errors in decoding proper are safe.
FAIL_LATER = {"jpeg_half", "jpeg_without_end", "png_flipped_bits", "webp_half", "bmp_without_window"}
KINDS = (*contents(), *NOT_FILES)


@pytest.fixture
def bad(tmp_path: Path) -> FileList:
    for kind in KINDS:
        make(kind, tmp_path / f"{kind}.jpg")
    return FileList([f"{kind}.jpg" for kind in KINDS], [0] * len(KINDS), ["c"], root=tmp_path)


@pytest.fixture(params=[False, True], ids=["parser", "compiled"])
def compiled(request: pytest.FixtureRequest) -> bool:
    if request.param:
        pytest.importorskip("dali_mixup._cpu.beginnings")
    return bool(request.param)


def refused(gate: Gate, source: FileList, **how: bool) -> list[str]:
    return [
        Path(file.name).stem for file in gate.refused(source, np.arange(len(source)), **how) if file.reason
    ]


def test_nothing_passes_that_could_kill_the_process(bad: FileList, compiled: bool) -> None:
    assert set(refused(Gate(MAX_PIXELS, compiled=compiled), bad)) == set(KINDS) - FAIL_LATER


@pytest.mark.parametrize("size", [10, 100, 300, 500])
def test_a_jpeg_cut_inside_its_header_is_truncated(size: int) -> None:
    """Which Pillow calls `Truncated`, and of pixels `truncated`."""
    with pytest.raises(UnfitError) as caught:
        look(encoded(picture(64, 48), "JPEG")[:size], MAX_PIXELS)
    assert caught.value.problem is Problem.TRUNCATED


def test_sound_images_pass(odd: Path, compiled: bool) -> None:
    names = [*SOUND, ROTATED, SILENT]
    source = FileList(names, [0] * len(names), ["c"], root=odd)
    assert refused(Gate(MAX_PIXELS, compiled=compiled), source) == []


def test_what_passed_is_not_looked_at_again(odd: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = [*SOUND, ROTATED, SILENT]
    source = FileList(names, [0] * len(names), ["c"], root=odd)
    gate = Gate(MAX_PIXELS)
    assert refused(gate, source) == []
    seen: list[int] = []

    def counted(source: FileList, index: int, *_: object) -> Look:
        seen.append(index)
        raise UnfitError(Problem.EMPTY, "for the test")

    monkeypatch.setattr(gates, "look_at", counted)
    assert refused(gate, source) == [] and seen == []
    gate.refused(source.subset([0, 1]), np.array([1]))
    assert seen == [1], "another source, of which nothing is known"
    assert len(refused(gate, source, anew=True)) == len(names)


def test_a_sample_that_comes_twice_in_a_batch_is_looked_at_once(bad: FileList, compiled: bool) -> None:
    index = KINDS.index("gif")
    (found,) = Gate(MAX_PIXELS, compiled=compiled).refused(bad, np.array([index, index, index]))
    assert found.index == index and "GIF" in found.reason


def test_what_is_refused_does_not_depend_on_the_storage(
    bad: FileList, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gates, "_SLOW", 0.0)
    assert set(refused(Gate(MAX_PIXELS), bad)) == set(KINDS) - FAIL_LATER


@pytest.mark.parametrize("in_memory", [0, 1, 10, 31, 32, 33, 34])
def test_late_storage_is_waited_for_by_many_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, in_memory: int
) -> None:
    """Two late files one after the other tell, wherever they are in a batch; then all wait together."""
    source = FileList([f"{i:02d}" for i in range(34)], [0] * 34, ["c"], root=tmp_path)
    rest = max(0, 34 - in_memory - 2)
    together = threading.Barrier(max(1, rest), timeout=20)  # fails unless all are there at once
    alone, clock = [], [0.0]

    def late(source: FileList, index: int, most: int, head: Head | None = None, *_: object) -> Look:
        if head is None:
            together.wait()
        else:
            alone.append(index)
            clock[0] += 0.005 if index >= in_memory else 0.00002
        return Look("JPEG", 9, 9, 3, 100)

    monkeypatch.setattr(gates, "look_at", late)
    monkeypatch.setattr(gates.time, "perf_counter", lambda: clock[0])
    monkeypatch.setattr(gates, "_waits", lambda: len(alone))
    assert refused(Gate(MAX_PIXELS), source) == []
    assert alone == list(range(34 - rest))


@pytest.mark.parametrize("waiting", [True, False])
def test_only_what_waits_is_late_storage(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, waiting: bool
) -> None:
    """A look that takes long because others have the processor is no reason for more threads."""
    source = FileList([f"{i:02d}" for i in range(8)], [0] * 8, ["c"], root=tmp_path)
    threads = set()

    def late(*_: object) -> Look:
        threads.add(threading.current_thread())
        if waiting:
            time.sleep(0.003)
        else:
            end = time.thread_time() + 0.003
            while time.thread_time() < end:
                pass
        return Look("JPEG", 9, 9, 3, 100)

    monkeypatch.setattr(gates, "look_at", late)
    assert refused(Gate(MAX_PIXELS), source) == []
    assert (threads == {threading.main_thread()}) is not waiting


def test_objects_that_are_under_way_need_no_threads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gates, "_SLOW", 0.0)
    seen = set()

    def look(*_: object) -> Look:
        seen.add(threading.current_thread())
        return Look("JPEG", 9, 9, 3, 100)

    monkeypatch.setattr(gates, "look_at", look)
    source = FileList(["a", "b", "c", "d", "e"], [0] * 5, ["c"], root=tmp_path)
    source.remote, source.read_in_dali = True, False  # as those of every URL
    assert refused(Gate(MAX_PIXELS), source) == [] and seen == {threading.main_thread()}


@pytest.mark.parametrize(("pixels", "passes"), [(100 * 90, True), (100 * 90 - 1, False)])
def test_the_limit_of_pixels_is_the_users(pixels: int, passes: bool) -> None:
    png = png_header(100, 90) + png_chunk(b"IDAT", b"") + png_chunk(b"IEND", b"")
    if passes:
        assert look(png, pixels) == Look("PNG", 100, 90, 3, len(png))
    else:
        with pytest.raises(
            UnfitError, match=r"too large \(100 x 90 pixels, expected at most max_pixels=8999"
        ):
            look(png, pixels)


def test_a_file_of_absurd_length_is_not_read(tmp_path: Path) -> None:
    with open(tmp_path / "a.jpg", "wb") as file:
        os.truncate(file.fileno(), 1 << 40)  # sparse: a hole of a terabyte
    (found,) = Gate(MAX_PIXELS).refused(FileList([tmp_path / "a.jpg"], [0]), np.array([0]))
    assert "too large" in found.reason


def test_an_outage_refuses_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading.time, "sleep", lambda seconds: None)
    with pytest.raises(StorageError):
        Gate(MAX_PIXELS).refused(FileList([tmp_path / "gone" / "a.jpg"], [0]), np.array([0]))
