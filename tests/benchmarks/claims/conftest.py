"""The digits as files and as tensors, once for all tests, and claims made small."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from benchmarks.claims.claim import Claim
from benchmarks.claims.digits import Digits, digits
from benchmarks.claims.registry import CLASSES, claim_named


@pytest.fixture(scope="session")
def all_digits(tmp_path_factory: pytest.TempPathFactory) -> Digits:
    return digits(tmp_path_factory.mktemp("digits"))


@pytest.fixture(params=CLASSES)
def tiny_claim(request: pytest.FixtureRequest) -> Claim:
    """The claim with all its arms and next to no training."""
    name = request.param
    claim: Any = claim_named(name)
    if name == "rare_features":
        return replace(claim, steps=300, stops=(100, 200), fresh=100)
    if name == "memorisation":
        return replace(claim, train=100, widths=(16, 16), epochs=1, adam_epochs=2)
    short = {"training": replace(claim.training, train=60, epochs=2, batch_size=30, widths=(16, 16, 16))}
    if name == "linearity":
        short["few"] = replace(claim.few, train=20, epochs=1, batch_size=10, widths=(16, 16, 16))
    return replace(claim, **short)
