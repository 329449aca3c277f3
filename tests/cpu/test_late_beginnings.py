"""The compiled check of files on storage that answers late leaves the others to many threads."""

from __future__ import annotations

import os
import resource
from pathlib import Path

import numpy as np
import pytest

from dali_mixup._graph.gate import Gate
from dali_mixup._graph.look import Look
from dali_mixup._graph.options import MAX_PIXELS
from dali_mixup.sources import FileList
from dali_mixup.sources.feeding import padded
from tests.bad_images import encoded
from tests.odd_images import picture

beginnings = pytest.importorskip("dali_mixup._cpu.beginnings")


def evicted(path: Path) -> None:
    """Take a file out of the page cache, if the file system has one."""
    with open(path, "rb") as file:
        os.fsync(file.fileno())
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def test_slow_storage_is_left_to_many_threads(tmp_path: Path) -> None:
    paths = [tmp_path / str(i) for i in range(8)]
    for path in paths:
        path.write_bytes(encoded(picture(60, 40), "JPEG"))
        evicted(path)
    before = resource.getrusage(resource.RUSAGE_THREAD).ru_nvcsw
    paths[0].read_bytes()
    if resource.getrusage(resource.RUSAGE_THREAD).ru_nvcsw == before:
        pytest.skip("nothing here has to be waited for")
    names = padded([os.fsencode(path) for path in paths])
    found, late = beginnings.recognised(names, 10**9, MAX_PIXELS, 0.0, 2)
    some = int(found.sum())  # 3, unless something else had to be waited for
    assert late and 2 <= some < 8 and found.tolist() == [True] * some + [False] * (8 - some)
    found, late = beginnings.recognised(names[:some], 10**9, MAX_PIXELS, 10.0, 2)
    assert found.all() and not late


def test_a_gate_that_knows_of_slow_storage_waits_for_the_rest_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = FileList([tmp_path / str(i) for i in range(6)], [0] * 6)
    monkeypatch.setattr(beginnings, "recognised", lambda *_: (np.arange(6) == 1, True))
    seen = []

    def looked(source: FileList, index: int, most: int, head: object = None, *_: object) -> Look:
        seen.append((index, head))
        return Look("JPEG", 9, 9, 3, 100)

    monkeypatch.setattr("dali_mixup._graph.gate.look_at", looked)
    gate = Gate(MAX_PIXELS, compiled=True)
    assert gate.refused(source, np.arange(6)) == [] and gate.refused(source, np.arange(6)) == []
    assert sorted(seen) == [(i, None) for i in (0, 2, 3, 4, 5)]
