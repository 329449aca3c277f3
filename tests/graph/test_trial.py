"""Decoding in a process that may die."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import numpy as np
import pytest

from dali_mixup._graph import child as child_processes
from dali_mixup._graph.look import good_image
from dali_mixup._graph.trial import Outcome, Trial
from tests.bad_images import contents


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
