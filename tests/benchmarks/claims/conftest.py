"""The digits as files and as tensors, once for all tests, and claims made small."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from benchmarks.claims.claim import Claim
from benchmarks.claims.digits import Digits, digits
from benchmarks.claims.registry import CLASSES, claim_named
from tests.benchmarks.claims import tiny_chaudhry, tiny_multimix, tiny_zhang_a, tiny_zhang_b


@pytest.fixture(scope="session")
def all_digits(tmp_path_factory: pytest.TempPathFactory) -> Digits:
    return digits(tmp_path_factory.mktemp("digits"))


def _short(claim: Any) -> Any:
    training = replace(claim.training, train=60, epochs=5, batch_size=30, widths=(16, 16, 16))
    return replace(claim, training=training)


TINY: dict[str, Callable[[Any], Any]] = {
    "memorisation": lambda claim: replace(claim, train=100, widths=(16, 16), epochs=1, adam_epochs=2),
    "rare_features": lambda claim: replace(claim, steps=300, stops=(100, 200), fresh=100),
    **tiny_zhang_a.TINY,
    **tiny_zhang_b.TINY,
    **tiny_chaudhry.TINY,
    **tiny_multimix.TINY,
}
"""Claims that do not have one `training` alone."""


@pytest.fixture(params=CLASSES)
def tiny_claim(request: pytest.FixtureRequest) -> Claim:
    """The claim with all its arms and next to no training."""
    return TINY.get(request.param, _short)(claim_named(request.param))
