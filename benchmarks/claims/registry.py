"""The claims by name. A claim's module, and torch and DALI with it, is imported only when the claim is requested."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from benchmarks.claims.claim import Claim

CLASSES = {
    "memorisation": "Memorisation",
    "decoupled": "Decoupled",
    "rare_features": "RareFeatures",
    "early_stopping": "EarlyStopping",
    "linearity": "Linearity",
    "kway": "KWay",
    "ablation": "Ablation",
    "multimix": "MultiMixEffects",
    "long_tail": "LongTail",
}
"""Name, also of the module beside this one, -> class."""


def claim_named(name: str) -> Claim:
    """The claim with its default settings. ValueError with the known names otherwise."""
    if name not in CLASSES:
        raise ValueError(f"claims: {name!r} is not a claim; expected some of {', '.join(CLASSES)}")
    module = import_module(f"benchmarks.claims.{name}")
    claim: Claim = getattr(module, CLASSES[name])()
    return claim
