"""Stages of one's own, and operations by chance: what they cannot mean is refused, with the stage's name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dali_mixup import Runtime, TrainTransform, train_loader
from dali_mixup.augment import Actions, Chance, kernels_of

ROWS = 4


class Blurred:
    """Blurs, by what `drawn` makes of the actions."""

    def __init__(self, drawn: Callable[[Actions], Any]) -> None:
        self.drawn = drawn

    layers = (kernels_of(["GaussianBlur"]),)

    def draw(self, rng: Any, rows: int, height: int, width: int) -> Any:
        return self.drawn(Actions.none(rows))


@dataclass(frozen=True)
class Own(TrainTransform):
    drawn: Any = None

    @property
    def stages(self) -> Any:
        return (Blurred(self.drawn),)


def put(operation: str, value: Any) -> Callable[[Actions], Any]:
    def drawn(actions: Actions) -> Any:
        actions.put(np.ones(ROWS, bool), operation, value, 8, 8)
        return [actions]

    return drawn


def of_rows(count: int) -> Callable[[Actions], Any]:
    return lambda actions: [Actions.none(count)]


REFUSED: list[tuple[Callable[[Actions], Any], str]] = [
    (put("Invert", 0.0), "Blurred: draw drew SOLARIZE, which the layer does not have"),
    (put("GaussianBlur", -3.0), "sigma of -3 to -3, expected 0 < sigma <= 28"),
    (put("GaussianBlur", 0.0), "expected 0 < sigma"),
    (put("GaussianBlur", 29.0), "sigma of 29 to 29"),
    (put("GaussianBlur", np.nan), "Blurred: draw returned amount with NaN"),
    (put("Blur", 1.0), "Actions.put: operation='Blur', expected one of 'Identity'"),
    (put("GaussianBlur", np.ones(ROWS + 1)), r"values of shape \(5,\)"),
    (of_rows(ROWS - 1), r"kernel of shape \(3,\), expected \(4,\)"),
    (lambda actions: None, "returned None, expected a list of Actions"),
    (lambda actions: actions, "expected a list of Actions"),
    (lambda actions: [actions, actions], "returned 2 Actions, expected one for each of 1 layers"),
]


@pytest.mark.parametrize("kernels", ["numba", "dali"])
@pytest.mark.parametrize(("drawn", "said"), REFUSED, ids=[said[:40] for _, said in REFUSED])
def test_what_no_kernel_can_do_is_refused(
    drawn: Callable[[Actions], Any], said: str, kernels: Any, image_folder: Path
) -> None:
    loader = train_loader(
        image_folder,
        batch_size=ROWS,
        transform=Own(8, drawn=drawn),
        runtime=Runtime(num_threads=1, cpu_kernels=kernels),
        device="cpu",
    )
    with loader, pytest.raises((TypeError, ValueError), match=said):
        next(iter(loader))


def test_one_value_is_for_all_rows() -> None:
    one, each = Actions.none(ROWS), Actions.none(ROWS)
    where = np.array([True, False, True, True])
    one.put(where, "Rotate", 12.5, 8, 8)
    each.put(where, "Rotate", np.full(ROWS, 12.5), 8, 8)
    assert (one.affine == each.affine).all() and (one.kernel == each.kernel).all()


@pytest.mark.parametrize("where", [np.arange(ROWS), np.ones(ROWS + 1, bool), [1, 0, 1, 0]])
def test_rows_are_chosen_by_booleans(where: Any) -> None:
    with pytest.raises(ValueError, match=r"expected bool and numbers, \(4,\)"):
        Actions.none(ROWS).put(where, "Rotate", 1.0, 8, 8)


def test_kernels_of_an_unknown_operation() -> None:
    with pytest.raises(ValueError, match="kernels_of: operation='Foo', expected one of 'Identity'"):
        kernels_of(["Rotate", "Foo"])


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (("Rotate", 0.5), "changes nothing"),
        (("Sharpness", 0.5, 1, 1), "changes nothing"),
        (("Posterize", 0.5, 8, 8), "changes nothing"),
        (("Invert", 0.5, 1.0, 2.0), "which has no value"),
        (("Equalize", 0.5, 0.0, 2.0), "which has no value"),
        (("Posterize", 0.5, -1, 9), "expected 0 <= low <= high <= 8"),
        (("Solarize", 0.5, 0, 257), "expected 0 <= low <= high <= 256"),
        (("JPEG", 0.5, 0, 50), "expected 1 <= low <= high <= 101"),
    ],
)
def test_values_that_an_operation_cannot_use(given: Any, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Chance(*given)


@pytest.mark.parametrize(
    "given",
    [
        ("Rotate", 0.0),
        ("Rotate", 0.5, 0, 1e-3),
        ("Color", 0.5),
        ("Posterize", 0.5, 0, 8),
        ("Posterize", 0.5, 4, 4),
        ("Solarize", 0.5, 0, 0),
        ("JPEG", 0.5, 1, 101),
        ("Identity", 0.5),
    ],
)
def test_values_that_it_can(given: Any) -> None:
    assert Chance(*given)
