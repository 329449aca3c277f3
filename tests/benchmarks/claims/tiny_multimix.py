"""The claims of Venkataramanan et al. with all their arms and next to no training."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any


def _multimix(claim: Any) -> Any:
    training = replace(claim.training, train=60, epochs=5, batch_size=30, widths=(16, 16, 16))
    return replace(claim, training=training, n=40, ns=(10,))


def _dense(claim: Any) -> Any:
    training = replace(claim.training, train=60, epochs=4, batch_size=30)
    return replace(claim, training=training, channels=(4, 8), n=10)


TINY: dict[str, Callable[[Any], Any]] = {"multimix": _multimix, "dense_multimix": _dense}
