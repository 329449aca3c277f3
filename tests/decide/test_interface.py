"""Methods of one's own without the interface of `Method`: an error when the policy is made, which names the class."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from dali_mixup import MixPolicy
from dali_mixup.methods import REGISTRY, ClassMix, Draws, Form, MapMethod, Method, MixUp


def own(base: type[Method] = Method, /, **attributes: Any) -> Method:
    """An object of a class with these attributes beside what a good one has; None: without."""

    def draw(self: Method, rng: np.random.RandomState, n: int, height: int, width: int) -> Draws:
        return Draws(np.full((n, 2), 0.5))

    def decide(self: Method, rng: np.random.RandomState, n: int) -> np.ndarray:
        return np.zeros(n)

    def masks(self: Method, decided: np.ndarray, maps: np.ndarray) -> np.ndarray:
        return np.ones(maps.shape, np.uint8)

    functions = {"draw": draw} if base is Method else {"decide": decide, "masks": masks}
    good = {"name": "own", **({"form": Form.BLEND} if base is Method else {}), **functions}
    kept = {name: value for name, value in {**good, **attributes}.items() if value is not None}
    made: Method = type("Own", (base,), kept)()
    return made


@pytest.mark.parametrize(
    ("attributes", "kind", "message"),
    [
        ({"name": None}, TypeError, "name=None, expected text, such as name = 'own' in the class"),
        ({"name": 3}, TypeError, "name=3, expected text"),
        ({"name": ""}, ValueError, "name='' is empty, expected text"),
        ({"name": " "}, ValueError, "name=' ' is empty"),
        (
            {"form": None},
            TypeError,
            "form=None, expected one of Form.BLEND, Form.PASTE, Form.RESIZE, Form.MASK",
        ),
        ({"form": "blend"}, TypeError, "form='blend', expected one of Form.BLEND"),
        ({"form": 1}, TypeError, "form=1, expected one of Form.BLEND"),
        ({"form": Form.NONE}, ValueError, "form=Form.NONE mixes nothing; expected one of Form.BLEND"),
        ({"columns": 1}, ValueError, "columns=1, expected an integer >= 2"),
        ({"columns": 0}, ValueError, "columns=0, expected an integer >= 2"),
        ({"columns": 2.0}, TypeError, "columns=2.0 is a float, expected an integer >= 2"),
        ({"columns": True}, TypeError, "columns=True is a bool"),
        ({"columns": lambda self: 3}, TypeError, "is a method, expected an integer >= 2"),
        (
            {"columns": 3, "form": Form.MASK},
            ValueError,
            "columns=3 with form=Form.MASK.*expected 2, or form=Form.BLEND",
        ),
        ({"columns": 3, "form": Form.SEPARABLE}, ValueError, "columns=3 with form=Form.SEPARABLE"),
        ({"inset_count": 0, "form": Form.RESIZE}, ValueError, "inset_count=0, expected an integer >= 1"),
        ({"hard": "yes", "form": Form.MASK}, TypeError, "hard='yes' is a str, expected True or False"),
        ({"hard": lambda self: False, "form": Form.MASK}, TypeError, "is a method, expected True or False"),
        ({"averages": 1}, TypeError, "averages=1 is a int, expected True or False"),
        ({"extrapolates": "pixel_weights"}, TypeError, "extrapolates='pixel_weights', expected a set"),
        (
            {"extrapolates": frozenset({"labels"})},
            ValueError,
            "expected a set of 'weights' and 'pixel_weights'",
        ),
        ({"draw": 3}, TypeError, "draw=3, expected a method"),
    ],
)
def test_a_method_that_a_policy_cannot_use_is_refused(
    attributes: dict[str, Any], kind: type[Exception], message: str
) -> None:
    method = own(**attributes)
    for methods in (method, [MixUp(), method]):
        with pytest.raises(kind, match=f"^Own: .*{message}"):
            MixPolicy(methods)


@pytest.mark.parametrize(
    ("attributes", "kind", "message"),
    [
        (
            {"form": Form.BLEND},
            ValueError,
            "form=Form.BLEND with masks made of maps; expected one of Form.MASK",
        ),
        ({"columns": 3}, ValueError, "columns=3 with form=Form.MASK"),
        ({"masks": 3}, TypeError, "masks=3, expected a method"),
        ({"decide": 3}, TypeError, "decide=3, expected a method"),
    ],
)
def test_a_method_by_map_too(attributes: dict[str, Any], kind: type[Exception], message: str) -> None:
    with pytest.raises(kind, match=f"^Own: {message}"):
        MixPolicy(own(MapMethod, **attributes))


@pytest.mark.parametrize(
    "attributes",
    [
        {},
        {"columns": 3},
        {"columns": np.int64(4), "form": Form.PASTE},
        {"form": Form.RESIZE, "columns": 3, "inset_count": 2},
        {"form": Form.MASK, "hard": True},
        {"extrapolates": {"weights"}},
    ],
)
def test_a_method_with_the_interface_is_taken(attributes: dict[str, Any]) -> None:
    assert MixPolicy(own(**attributes)).all_methods[0].name == "own"


def test_the_packages_own_have_it() -> None:
    MixPolicy([kind() for kind in REGISTRY.values()])
    MixPolicy(ClassMix())
    MixPolicy(own(MapMethod))
