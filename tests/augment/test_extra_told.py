"""What a state knows of a user's function: its name, its place and the values bound to it."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest

from dali_mixup import Extra, TrainTransform
from dali_mixup._epochs.state import described
from tests import extras
from tests.extras import Speckle


def made_with(x: Any, function: Any = None) -> Callable[..., Any]:
    def changed(images: Any) -> Any:
        return images if function is None else function(images, x)

    return changed


class Quiet:
    def __call__(self, images: Any) -> Any:
        return images

    def method(self, images: Any) -> Any:
        return images


class Told(Quiet):
    def __init__(self, x: float):
        self.x = x

    def __repr__(self) -> str:
        return f"Told({self.x})"


class TestWhatAStateKnows:
    @staticmethod
    def of(function: Any, place: Any = "after_crop") -> str:
        return json.dumps(described(TrainTransform(extra=[Extra(function, place)])), sort_keys=True)

    def test_the_name_and_the_place(self) -> None:
        assert '"function": "tests.extras.invert", "place": "after_crop"' in self.of(extras.invert)
        assert self.of(extras.invert) == self.of(extras.invert)
        assert self.of(extras.invert) != self.of(extras.halve) != self.of(extras.halve, "before_mix")

    @pytest.mark.parametrize(
        "make",
        [
            lambda x: Speckle(x),
            lambda x: partial(extras.invert, x=x),
            lambda x: made_with(x, len),
            lambda x: made_with([x, np.ones(2)], Quiet()),
            lambda x: made_with({"a": x}, len),
            lambda x: made_with(np.full(3, x), len),
            lambda x: Told(x),
            lambda x: Told(x).method,
            lambda x: partial(made_with(x, len)),
            lambda x: made_with({"a", f"{x}"}, len),
            lambda x: made_with(math.nan if x < 2 else math.inf, len),
            lambda x: partial(made_with, function=Speckle(x)),
            lambda x: made_with(Told(x), Quiet().method),
        ],
        ids=[
            "dataclass",
            "partial",
            "closure",
            "list",
            "dict",
            "array",
            "repr",
            "method",
            "both",
            "set",
            "nan",
            "in",
            "object",
        ],
    )
    def test_the_values_bound_to_it(self, make: Any) -> None:
        def told(x: float) -> str:
            from dali_mixup.augment.told import told

            return json.dumps(described(told(make(x))))

        assert told(1.5) == told(1.5) != told(2.5)
        assert "NaN" not in told(1.5), "which is not equal to itself"
        assert " at 0x" not in told(1.5), "an address is another one in every process"

    def test_an_object_without_words_is_its_class(self) -> None:
        assert '"tests.augment.test_extra_told.Quiet"' in self.of(Quiet())
