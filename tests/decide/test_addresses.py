"""The address of a batch, as `MixPolicy.plan` takes it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from dali_mixup import MixPolicy, MixUp, Schedule

POLICY = MixPolicy(MixUp(1.0), schedule=Schedule(start=0.5))
ADDRESS: dict[str, Any] = {"seed": 0, "epoch": 3, "step": 2, "rank": 1, "steps_per_epoch": 4}


@pytest.mark.parametrize(
    ("name", "given", "error"),
    [
        *((name, bad, TypeError) for name in ADDRESS for bad in ("a", 1.5, True)),
        *((name, -1, ValueError) for name in ADDRESS),
        *((name, None, TypeError) for name in ADDRESS if name != "steps_per_epoch"),
        ("steps_per_epoch", 0, ValueError),
    ],
)
def test_no_other_numbers_than_counts(name: str, given: Any, error: type[Exception]) -> None:
    with pytest.raises(error, match=rf"^MixPolicy\.plan: {name}={given!r}.*expected an integer"):
        POLICY.plan(4, **{**ADDRESS, name: given})


@pytest.mark.parametrize("kind", [np.int64, np.int32, np.uint8])
def test_integers_of_numpy(kind: Any) -> None:
    """Of int64 an epoch was an OverflowError."""
    theirs = POLICY.plan(4, **{name: kind(value) for name, value in ADDRESS.items()})
    np.testing.assert_array_equal(theirs.weights, POLICY.plan(4, **ADDRESS).weights)
