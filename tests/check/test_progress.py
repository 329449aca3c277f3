"""An error in a function that is told the progress ends the work at once, and its processes."""

from __future__ import annotations

from pathlib import Path

import psutil
import pytest

from dali_mixup.bench import synthetic
from dali_mixup.check import scan
from dali_mixup.sources import open_source


class Fault(Exception):
    """A slip of the user's."""


@pytest.mark.parametrize("kind", [Fault, StopIteration, KeyboardInterrupt])
@pytest.mark.parametrize("after", [0, 1])
def test_the_scan(image_folder: Path, kind: type[BaseException], after: int) -> None:
    calls = []

    def progress(done: int) -> None:
        calls.append(done)
        if len(calls) > after:
            raise kind

    before = set(psutil.Process().children())
    with pytest.raises(kind):
        scan(open_source(image_folder), threads=1, progress=progress)
    left = set(psutil.Process().children()) - before
    assert not psutil.wait_procs(left, timeout=20)[1]


@pytest.mark.slow
def test_drawing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))

    def progress(drawn: int) -> None:
        if drawn >= 8:
            raise Fault

    with pytest.raises(Fault):
        synthetic.synthetic_folder(1000, progress)
    assert 8 <= len(list(tmp_path.rglob("*.JPEG"))) < 500
    assert not list(tmp_path.rglob("*.partial"))
