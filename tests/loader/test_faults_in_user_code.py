"""An error in a function that a user gave reaches the user, and costs no batch: the state before it stays valid."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import torch

from dali_mixup import CutMix, MixPolicy, MixUp, Schedule, Skip
from dali_mixup.sources import open_source
from dali_mixup.sources.files import FileList
from tests.damaged import new, run, same

Pictures = list[tuple[str, int]]

WRONG: dict[str, tuple[Callable[[int], Any], type[Exception], str]] = {
    "nan": (lambda epoch: math.nan, ValueError, "=nan, expected a number"),
    "infinite": (lambda epoch: math.inf, ValueError, "=inf, expected a number"),
    "negative": (lambda epoch: -1.0, ValueError, "=-1.0, expected a number"),
    "text": (lambda epoch: "0.5", TypeError, "='0.5' is a str, expected a number"),
    "nothing": (lambda epoch: None, TypeError, "=None is a NoneType, expected a number"),
    "flag": (lambda epoch: True, TypeError, "=True is a bool, expected a number"),
    "complex": (lambda epoch: 1j, TypeError, "=1j is a complex, expected a number"),
    "two numbers": (lambda epoch: np.ones(2), TypeError, "is a ndarray, expected a number"),
}


def mixing(where: str, curve: Callable[[int], Any]) -> MixPolicy:
    given: Any = {"prob": curve, "weights": [curve, 1.0], "alpha": [curve, None]}[where]
    return MixPolicy([MixUp(0.8), CutMix(1.0)], schedule=Schedule(**{where: given}))


def until_error(loader: Any) -> tuple[int, BaseException]:
    """How many batches came, over epochs, before the error."""
    batches = 0
    with pytest.raises(BaseException) as caught:
        for _ in range(3):
            for _ in loader:
                batches += 1
    return batches, caught.value


@pytest.mark.parametrize("where", ["prob", "weights", "alpha"])
@pytest.mark.parametrize("kind", WRONG)
def test_a_curve_that_goes_wrong_is_named_with_its_epoch_when_that_epoch_begins(
    pictures: Pictures, where: str, kind: str
) -> None:
    curve, error, message = WRONG[kind]
    loader = new(pictures, policy=mixing(where, lambda epoch: curve(epoch) if epoch else 1.0))
    batches, caught = until_error(loader)
    assert batches == len(loader), "the epoch before it is whole"
    assert type(caught) is error and message in str(caught) and f"schedule.{where}" in str(caught)
    assert "in epoch 1" in str(caught)


@pytest.mark.parametrize("given", [np.float32(0.5), np.array(0.5), torch.tensor(0.5), 1])
def test_a_curve_may_give_any_kind_of_number(pictures: Pictures, given: Any) -> None:
    expected = run(new(pictures, policy=mixing("prob", lambda epoch: float(given))))
    assert same(run(new(pictures, policy=mixing("prob", lambda epoch: given))), expected)


def test_a_table_that_ends_costs_no_batch_of_its_last_epoch(pictures: Pictures) -> None:
    """Case 53: prefetching asks for the next epoch's value before the epoch's last batch is out."""
    table = [1.0, 0.5]
    batches, caught = until_error(new(pictures, policy=mixing("prob", lambda epoch: table[epoch])))
    assert batches == 2 * 6 and type(caught) is IndexError


def first_of_nothing(epoch: int) -> float:
    return next(iter(())) if epoch else 1.0


def test_a_stop_iteration_does_not_pass_for_the_end_of_an_epoch(pictures: Pictures) -> None:
    """The classic slip: next() of an exhausted iterator. The loop ended at once, with no word, epoch after epoch."""
    batches, caught = until_error(new(pictures, policy=mixing("prob", first_of_nothing)))
    assert batches == 6
    assert type(caught) is RuntimeError and isinstance(caught.__cause__, StopIteration)


class Table:
    """A sampler whose list of orders ends."""

    def __init__(self, kind: type[Exception]) -> None:
        self.kind, self.epoch = kind, 0

    def set_epoch(self, epoch: int) -> None:
        self.epoch = epoch

    def __len__(self) -> int:
        return 24

    def __iter__(self) -> Iterator[int]:
        if self.epoch == 1:
            raise self.kind("no order for this epoch")
        return iter(range(24))


@pytest.mark.parametrize("kind", [KeyError, RuntimeError, OSError])
def test_a_sampler_that_fails_costs_no_batch_of_the_epoch_before(
    pictures: Pictures, kind: type[Exception]
) -> None:
    batches, caught = until_error(new(pictures, order=Table(kind)))
    assert batches == 6 and type(caught) is kind and "no order for this epoch" in str(caught)


class Failing(FileList):
    """A source with a fault of its own, from the fourth batch on."""

    kind: type[BaseException] = ZeroDivisionError
    calls = 0

    def feed(self, indices: np.ndarray) -> list[np.ndarray]:
        self.calls += 1
        if self.calls > 3:
            raise self.kind("a slip of the programmer's")
        return super().feed(indices)


def failing(pictures: Pictures, kind: type[BaseException]) -> FileList:
    source = open_source(pictures)
    source.__class__ = type("Failing", (Failing,), {"kind": kind})
    return source


@pytest.mark.parametrize("rule", ["raise", Skip()])
@pytest.mark.parametrize("kind", [ZeroDivisionError, KeyError, MemoryError, RuntimeError, TypeError])
def test_a_fault_of_a_source_is_not_put_down_to_good_files(
    pictures: Pictures, kind: type[Exception], rule: Any
) -> None:
    loader = new(pictures, bad_files=rule, policy=None)
    expected = run(loader)
    faulty = new(failing(pictures, kind), bad_files=rule, policy=None)
    batches, caught = until_error(faulty)
    assert batches == 3 and type(caught) is kind and "slip" in str(caught)
    assert faulty.skipped == ()
    resumed = new(pictures, bad_files=rule, policy=None)
    resumed.load_state_dict(faulty.state_dict())
    assert same(run(resumed), expected[3:]), "nothing is lost"


def test_a_source_that_raises_stop_iteration_does_not_end_the_epoch(pictures: Pictures) -> None:
    batches, caught = until_error(new(failing(pictures, StopIteration), policy=None))
    assert batches == 3 and type(caught) is RuntimeError and isinstance(caught.__cause__, StopIteration)


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit])
def test_an_exit_in_a_source_leaves_at_once_with_a_state_that_continues(
    pictures: Pictures, kind: type[BaseException]
) -> None:
    expected = run(new(pictures, policy=None))
    leaving = new(failing(pictures, kind), policy=None)
    batches, caught = until_error(leaving)
    assert type(caught) is kind
    resumed = new(pictures, policy=None)
    resumed.load_state_dict(leaving.state_dict())
    assert same(run(resumed), expected[batches:])
