"""Progress on a terminal is a bar, and lines of text elsewhere."""

from __future__ import annotations

import io
import itertools

import pytest
from rich.console import Console

from dali_mixup.cli import progress


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten seconds pass at every look at the clock."""
    ticks = itertools.count(0.0, 10.0)
    monkeypatch.setattr(progress.time, "monotonic", lambda: next(ticks))


def output_of(terminal: bool, steps: list[int], monkeypatch: pytest.MonkeyPatch) -> str:
    stream = io.StringIO()
    monkeypatch.setattr(
        progress,
        "Console",
        lambda **_: Console(file=stream, force_terminal=terminal, width=200, no_color=True),
    )
    with progress.tracked("packing", "images") as report:
        for done in steps:
            report(done, 1000)
    return stream.getvalue()


@pytest.mark.usefixtures("clock")
def test_a_log_file_gets_lines_with_the_remaining_time(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = output_of(False, list(range(500, 900, 10)), monkeypatch).splitlines()
    assert 3 < len(lines) < 40
    for line in lines:
        assert line.startswith("packing: ") and " of 1000, " in line and line.endswith("images/s"), line
        assert " left, " in line
    done = [int(line.split()[1]) for line in lines]
    assert done == sorted(done)


def test_the_work_of_an_earlier_run_is_no_speed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "EVERY", 0.0)
    ticks = itertools.count(0.0, 1.0)
    monkeypatch.setattr(progress.time, "monotonic", lambda: next(ticks))
    lines = output_of(False, [900, 910], monkeypatch).splitlines()
    assert len(lines) == 1 and lines[0].startswith("packing: 910 of 1000, 0:0"), lines


def test_a_terminal_gets_a_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    text = output_of(True, [900, 950], monkeypatch)
    assert "950/1000" in text and "images/s" in text and "packing" in text
