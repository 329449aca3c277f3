"""Methods of one's own that draw what their form cannot use: an error when planned, which names the method."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
import pytest

from dali_mixup import MixPlan, MixPolicy
from dali_mixup._apply.validity import refuse_invalid
from dali_mixup.methods import REGISTRY, Bits, CutMix, Draws, Form, Levels, MapMethod, Method, Separable

H, W, ROWS = 6, 8, 3
HALF = np.full((ROWS, 2), 0.5)
LEFT = np.repeat((np.arange(W) < W // 2)[None], H, axis=0)[None].repeat(ROWS, axis=0)
REGION = np.tile([1, 0, 0, 0, 0, H, W // 2], (ROWS, 1, 1))
INSET = np.tile([1, 0, 0, H, W // 2], (ROWS, 1, 1))
CURVES = Separable.of(u=0.5, size=(ROWS, H, W))
NAN = np.full((ROWS, 2), np.nan)
TOO_FAR = np.tile([1.5, -0.5], (ROWS, 1))


class Own(Method):
    """Draws what it is told to."""

    name: ClassVar[str] = "own"

    def __init__(
        self, form: Form, drawn: Any, hard: bool = False, extrapolates: frozenset[str] = frozenset()
    ) -> None:
        self.__dict__.update(form=form, drawn=drawn, is_hard=hard, beyond=extrapolates)

    @property
    def hard(self) -> bool:
        return bool(self.__dict__["is_hard"])

    @property
    def extrapolates(self) -> frozenset[str]:
        return frozenset(self.__dict__["beyond"])

    def draw(self, rng: np.random.RandomState, n: int, height: int, width: int) -> Any:
        return self.__dict__["drawn"]


def planned(method: Method, rows: int = ROWS) -> MixPlan:
    policy = MixPolicy(method, granularity="sample", partners="roll")
    return policy.plan(rows, H, W, seed=0, epoch=0, step=0)


BLEND, PASTE, RESIZE, MASK, SEPARABLE = Form.BLEND, Form.PASTE, Form.RESIZE, Form.MASK, Form.SEPARABLE
FAULTS: dict[str, tuple[tuple[Any, ...], type[Exception], str]] = {
    "nothing": ((BLEND, None), TypeError, r"returned None, expected Draws\(weights=\.\.\.\)"),
    "an array": ((BLEND, HALF), TypeError, "returned an array of float64, expected Draws"),
    "no regions": ((PASTE, Draws(HALF)), ValueError, "returned no regions, which form PASTE needs"),
    "no insets": ((RESIZE, Draws(HALF)), ValueError, "returned no insets, which form RESIZE needs"),
    "no masks": ((MASK, Draws(HALF)), ValueError, "returned no masks, which form MASK needs"),
    "no curves": ((SEPARABLE, Draws(HALF)), ValueError, "returned no masks, which form SEPARABLE needs"),
    "a list": ((BLEND, Draws(HALF.tolist())), TypeError, "weights of a list, expected a NumPy array"),
    "weights that are text": ((BLEND, Draws(HALF.astype(str))), TypeError, "weights of an array of <U32"),
    "one axis": ((BLEND, Draws(HALF[:, 0])), ValueError, r"weights of shape \(3,\), expected \(3, 2\)"),
    "a column too many": ((BLEND, Draws(np.full((3, 3), 1 / 3))), ValueError, r"\(3, 3\).*Own.columns says"),
    "a row too few": ((BLEND, Draws(HALF[1:])), ValueError, r"\(2, 2\), expected \(3, 2\)"),
    "more than 1": ((BLEND, Draws(HALF * 1.5)), ValueError, r"weights \[0.75, 0.75\] in row 0.*a sum of 1"),
    "NaN": ((BLEND, Draws(NAN)), ValueError, r"weights \[nan, nan\] in row 0, expected a sum of 1"),
    "below 0": ((BLEND, Draws(TOO_FAR)), ValueError, r"\[0, 1\], unless Own.extrapolates names 'weights'"),
    "pixels below 0": ((BLEND, Draws(HALF, TOO_FAR)), ValueError, "names 'pixel_weights'"),
    "pasted below 0": ((PASTE, Draws(TOO_FAR, regions=REGION)), ValueError, r"numbers in \[0, 1\]$"),
    "a row of pixels": ((BLEND, Draws(HALF, HALF[:1])), ValueError, r"pixel_weights of shape \(1, 2\)"),
    "boxes of floats": (
        (PASTE, Draws(HALF, boxes=np.zeros((3, 4)), regions=REGION)),
        TypeError,
        "boxes of an",
    ),
    "boxes of 3": (
        (PASTE, Draws(HALF, boxes=REGION[:, 0, :3], regions=REGION)),
        ValueError,
        r"boxes.*\(3, 4\)",
    ),
    "flat regions": ((PASTE, Draws(HALF, regions=REGION[:, 0])), ValueError, r"\(3, any number, 7\)"),
    "regions of floats": ((PASTE, Draws(HALF, regions=REGION * 1.0)), TypeError, "regions.*of integers"),
    "an inset too many": (
        (RESIZE, Draws(HALF, insets=INSET.repeat(2, axis=1))),
        ValueError,
        r"insets of shape \(3, 2, 5\), expected \(3, 1, 5\).*Own.inset_count says",
    ),
    "masks of another size": (
        (MASK, Draws(HALF, masks=LEFT[:, 1:])),
        ValueError,
        r"masks of shape \(3, 5, 8\)",
    ),
    "too few masks": ((MASK, Draws(HALF, masks=LEFT[1:])), ValueError, r"\(n, height, width\) = \(3, 6, 8\)"),
    "curves as a mask": (
        (MASK, Draws(HALF, masks=CURVES)),
        TypeError,
        "masks of a Separable, expected an array",
    ),
    "masks as curves": ((SEPARABLE, Draws(HALF, masks=LEFT)), TypeError, "of bool, expected Separable.of"),
    "curves of another size": (
        (SEPARABLE, Draws(HALF, masks=Separable.of(u=0.5, size=(ROWS, W, H)))),
        ValueError,
        r"shape \(3, 8, 6\)",
    ),
    "curves above 1": (
        (SEPARABLE, Draws(HALF, masks=Separable.of(u=1.5, size=(ROWS, H, W)))),
        ValueError,
        "from 1.5 to 1.5 in row 0",
    ),
    "soft masks above 1": ((MASK, Draws(HALF, masks=LEFT * 1.5)), ValueError, "from 0.0 to 1.5 in row 0"),
    "soft masks of NaN": ((MASK, Draws(HALF, masks=LEFT * np.nan)), ValueError, "from nan to nan in row 0"),
    "bytes as soft masks": ((MASK, Draws(HALF, masks=LEFT * np.uint8(255))), ValueError, "from 0 to 255"),
    "hard masks of halves": ((MASK, Draws(HALF, masks=LEFT * 0.5), True), ValueError, "an array of 0 and 1"),
    "hard masks of 255": ((MASK, Draws(HALF, masks=LEFT * np.uint8(255)), True), ValueError, "from 0 to 255"),
    "levels as hard masks": (
        (MASK, Draws(HALF, masks=Levels(LEFT * np.uint8(51))), True),
        TypeError,
        "masks of a Levels, expected an array of 0 and 1, Bits or Contours",
    ),
}


@pytest.mark.parametrize("case", FAULTS)
def test_draws_that_do_not_fit_the_form_are_refused_by_name(case: str) -> None:
    given, kind, message = FAULTS[case]
    with pytest.raises(kind, match=f"^Own.*{message}"):
        planned(Own(*given))


GOOD: dict[str, tuple[Any, ...]] = {
    "float32": (BLEND, Draws(HALF.astype(np.float32))),
    "whole numbers": (BLEND, Draws(np.tile([0, 1], (ROWS, 1)))),
    "rounding below 0": (BLEND, Draws(np.tile([1 + 1e-15, -1e-15], (ROWS, 1)))),
    "extrapolated pixels": (BLEND, Draws(HALF, TOO_FAR), False, frozenset({"pixel_weights"})),
    "extrapolated labels": (BLEND, Draws(TOO_FAR), False, frozenset({"weights"})),
    "a region": (PASTE, Draws(HALF, regions=REGION.astype(np.int16))),
    "an inset": (RESIZE, Draws(HALF, insets=INSET)),
    "soft": (MASK, Draws(HALF, masks=LEFT.astype(np.float16))),
    "soft, of 0 and 1": (MASK, Draws(HALF, masks=Bits.of(LEFT))),
    "bool": (MASK, Draws(HALF, masks=LEFT), True),
    "floats of 0 and 1": (MASK, Draws(HALF, masks=LEFT.astype(np.float64)), True),
    "curves": (SEPARABLE, Draws(HALF, masks=CURVES)),
}


@pytest.mark.parametrize("case", GOOD)
def test_draws_that_fit_the_form_are_planned(case: str) -> None:
    plan = planned(Own(*GOOD[case]))
    assert plan.form.tolist() == [GOOD[case][0]] * ROWS
    assert plan.apply(np.ones((ROWS, H, W, 3), np.float32)).shape == (ROWS, H, W, 3)


@dataclass(frozen=True)
class Mapped(MapMethod):
    """A method for segmentation of one's own."""

    decided: Any = field(default_factory=lambda: np.zeros(ROWS))
    made: Any = None
    ignore_index: int = 255

    name: ClassVar[str] = "mapped"

    def decide(self, rng: np.random.RandomState, n: int) -> Any:
        return self.decided

    def masks(self, decided: np.ndarray, maps: np.ndarray) -> Any:
        return self.made


@pytest.mark.parametrize(
    ("given", "kind", "message"),
    [
        ({"decided": None}, TypeError, "Mapped.decide returned None, expected a NumPy array"),
        (
            {"decided": np.zeros(2)},
            ValueError,
            r"Mapped.decide returned an array of shape \(2,\), expected \(3",
        ),
        ({"made": None}, TypeError, "Mapped.masks returned masks of None, expected an array of 0 and 1"),
        ({"made": LEFT[1:]}, ValueError, r"Mapped.masks returned masks of shape \(2, 6, 8\), expected"),
        (
            {"made": LEFT * 0.5},
            ValueError,
            "Mapped.masks returned masks with numbers from 0.0 to 0.5 in row 0",
        ),
    ],
    ids=["no decisions", "few decisions", "no masks", "few masks", "soft masks"],
)
def test_masks_from_maps_are_checked_too(given: dict[str, Any], kind: type[Exception], message: str) -> None:
    policy = MixPolicy(Mapped(**given), granularity="sample", partners="roll")
    with pytest.raises(kind, match=message):
        policy.plan(ROWS, H, W, seed=0, epoch=0, step=0, maps=np.zeros((ROWS, H, W), np.uint8))


def test_a_plan_that_pastes_nothing_is_refused() -> None:
    plan = planned(CutMix())
    plan.__dict__["regions"] = None
    with pytest.raises(ValueError, match=f"form PASTE, but no regions, first in row . of {ROWS}"):
        refuse_invalid(plan, H, W)


def test_the_packages_own_numbers_are_not_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    """That would cost more than drawing them."""
    looked: list[Method] = []
    for name in ("_refuse_weights", "_refuse_values"):
        monkeypatch.setattr(f"dali_mixup._decide.drawn.{name}", lambda method, *_: looked.append(method))
    maps = np.zeros((ROWS, H, W), np.uint8)
    for kind in REGISTRY.values():
        MixPolicy(kind()).plan(ROWS, H, W, seed=0, epoch=0, step=0, maps=maps)
    assert [method for method in looked if type(method).__module__.startswith("dali_mixup.")] == []
    planned(Own(BLEND, Draws(HALF)))
    assert len(looked) == 1
