"""Zhang et al.'s claims about tables, regression, extrapolation, GANs and speech, made small."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from benchmarks.claims.claim import Claim


def tabular(claim: Any) -> Claim:
    small: Claim = replace(claim, fit=replace(claim.fit, epochs=2), sets=("iris", "wine"))
    return small


def regression(claim: Any) -> Claim:
    small: Claim = replace(claim, fit=replace(claim.fit, epochs=2))
    return small


def extrapolation(claim: Any) -> Claim:
    short = replace(claim.training, train=60, epochs=2, batch_size=30, widths=(16, 16, 16))
    small: Claim = replace(claim, training=short)
    return small


def gan(claim: Any) -> Claim:
    short = replace(claim.training, train=100, epochs=2, batch_size=50, widths=(16, 16))
    small: Claim = replace(claim, training=short, steps=6, every=1, batch_size=50, widths=(16,), drawn=100)
    return small


def speech(claim: Any) -> Claim:
    small: Claim = replace(claim, warm_up=1, epochs=2, batch_size=4, voices=1, words=("go", "stop"))
    return small


TINY: Mapping[str, Callable[[Any], Claim]] = {
    "tabular": tabular,
    "regression": regression,
    "extrapolation": extrapolation,
    "gan": gan,
    "speech": speech,
}
