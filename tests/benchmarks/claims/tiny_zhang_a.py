"""Zhang et al.'s claims about networks, made small."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any


def _training(claim: Any, widths: tuple[int, ...] = (16, 16, 16)) -> Any:
    return replace(claim.training, train=60, epochs=2, batch_size=30, widths=widths)


TINY: dict[str, Callable[[Any], Any]] = {
    "in_between": lambda claim: replace(claim, training=_training(claim), steps=2),
    "toy": lambda claim: replace(
        claim, fit=replace(claim.fit, epochs=2, widths=(8, 8)), points=40, fresh=50, grid=5, stations=5
    ),
    "adversarial": lambda claim: replace(
        claim, training=_training(claim, (16, 16)), channels=(4, 8), tuples=10, epsilons=(0.0, 0.1, 0.2)
    ),
    "capacity": lambda claim: replace(claim, training=_training(claim), widths=(8, 12, 16), lengths=(1, 2)),
    "weight_decay": lambda claim: replace(
        claim, training=_training(claim), decays=(1e-4, 2e-2), chosen_by=100
    ),
}
