"""Decoding in a process that may die."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
from collections.abc import Iterator

import numpy as np
import pytest

from dali_mixup._graph import child as child_processes
from dali_mixup._graph.alike import alike
from dali_mixup._graph.child import ChildError
from dali_mixup._graph.look import good_image, parsed
from dali_mixup._graph.pixel_kind import USUAL
from dali_mixup._graph.trial import NO_MEMORY, Outcome, Trial
from tests.bad_images import contents
from tests.image_kinds import kinds


def given(kind: str) -> np.ndarray:
    return np.frombuffer(contents()[kind], np.uint8)


@pytest.fixture
def trial() -> Iterator[Trial]:
    one = Trial(threads=1)
    yield one
    one.close()


def test_an_image_that_kills_the_process_costs_no_other_sample(trial: Trial) -> None:
    outcomes = trial.decode([good_image(), given("jpeg2000_damaged"), good_image()], False, "whole")
    assert [outcome.error is None for outcome in outcomes] == [True, False, True]


def test_damage_that_only_a_window_shows_is_found_with_that_care(trial: Trial) -> None:
    sample = [given("bmp_without_window")]
    assert trial.decode(sample, False, "whole") == [Outcome()]
    assert trial.decode(sample, False, "window")[0].error is not None


def test_a_process_that_died_meanwhile_is_replaced(trial: Trial) -> None:
    assert trial.decode([good_image()], False, "whole") == [Outcome()]
    child = trial._child
    assert child is not None
    os.kill(child.process.pid, signal.SIGKILL)
    assert trial.decode([good_image()] * 2, False, "whole") == [Outcome()] * 2


def test_a_process_that_is_killed_again_and_again_blames_no_image(
    trial: Trial, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As by the system when memory is short."""
    started = trial._started

    def killed() -> child_processes.ChildProcess:
        child = started()
        child.process.kill()
        child.process.wait()
        return child

    monkeypatch.setattr(trial, "_started", killed)
    with pytest.raises(ChildError, match=r"dies \(SIGKILL\).* the memory is short"):
        trial.decode([good_image()], False, "whole")


@pytest.mark.parametrize("count", [1, 2])
def test_no_image_is_blamed_for_what_happens_to_good_ones_too(
    trial: Trial, monkeypatch: pytest.MonkeyPatch, count: int
) -> None:
    failing = [Outcome("DALI: Failed to decode")]
    monkeypatch.setattr(trial, "_ask", lambda samples, named, care: failing * len(samples))
    with pytest.raises(ChildError, match=r"not even with a good image \(DALI: Failed to decode\)"):
        trial.decode([good_image()] * count, False, "whole")


def test_a_good_image_is_tried_in_the_size_and_format_of_the_bad_one() -> None:
    for name in ("png_RGB", "jpeg_quality_95", "tiff_rgb_16", "jpeg2000"):
        sample = np.frombuffer(kinds()[name], np.uint8)
        (found, _), (good, _) = parsed(sample), parsed(alike(sample, False, USUAL))
        assert (found.format, found.width, found.height) == (good.format, good.width, good.height)
    assert (alike(given("text"), False, USUAL) == good_image()).all()


def test_no_memory_for_one_image_is_no_verdict(trial: Trial, monkeypatch: pytest.MonkeyPatch) -> None:
    answers = [[Outcome(NO_MEMORY)], [Outcome()]]
    monkeypatch.setattr(trial, "_ask", lambda samples, named, care: answers.pop(0))
    with pytest.raises(ChildError, match="bad_alloc"):
        trial.decode([good_image()], False, "whole")


def test_a_process_that_cannot_start_blames_no_image(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.EMFILE, "Too many open files")

    monkeypatch.setattr(child_processes.subprocess, "Popen", refuse)
    with pytest.raises(ChildError, match="does not start: Too many open files"):
        Trial(threads=1).decode([good_image()], False, "whole")


@pytest.mark.parametrize("closed", ["2>&-", "0<&- 1>&- 2>&-"])
def test_it_works_without_standard_streams(closed: str) -> None:
    code = (
        "from dali_mixup._graph.look import good_image; from dali_mixup._graph.trial import Trial; "
        "trial = Trial(1); (found,) = trial.decode([good_image()], False, 'whole'); trial.close(); "
        "raise SystemExit(found.error)"
    )
    done = subprocess.run(["sh", "-c", f'exec "$0" -c "$1" {closed}', sys.executable, code])
    assert done.returncode == 0


def test_a_decoder_that_does_not_answer_is_given_up() -> None:
    trial = Trial(threads=1, timeout=0.0)
    with pytest.raises(RuntimeError, match=r"not even with a good image .*no answer within 0 s"):
        trial.decode([good_image()], False, "whole")


def test_no_image_is_blamed_where_the_process_cannot_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(child_processes.sys, "executable", "/bin/false")
    with pytest.raises(RuntimeError, match=r"not even with a good image .*exit code 1"):
        Trial(threads=1).decode([good_image()], False, "whole")


def test_closing_ends_the_process(trial: Trial) -> None:
    trial.decode([good_image()], False, "whole")
    child = trial._child
    assert child is not None
    trial.close()
    assert child.process.poll() == -signal.SIGKILL
    trial.close()
