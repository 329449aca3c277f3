"""The claims by name. A claim's module, and torch and DALI with it, is imported only when the claim is requested."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from benchmarks.claims.claim import Claim

CLASSES = {
    "memorisation": "zhang.memorisation:Memorisation",
    "kway": "zhang.kway:KWay",
    "ablation": "zhang.ablation:Ablation",
    "weight_decay": "zhang.weight_decay:WeightDecay",
    "capacity": "zhang.capacity:Capacity",
    "in_between": "zhang.in_between:InBetween",
    "toy": "zhang.toy:Toy",
    "adversarial": "zhang.adversarial:Adversarial",
    "tabular": "zhang.tabular:Tabular",
    "regression": "zhang.regression:Regression",
    "extrapolation": "zhang.extrapolation:Extrapolation",
    "gan": "zhang.gan:Gan",
    "speech": "zhang.speech:Speech",
    "decoupled": "zou.decoupled:Decoupled",
    "rare_features": "zou.rare_features:RareFeatures",
    "rare_digits": "zou.rare_digits:RareDigits",
    "early_stopping": "zou.early_stopping:EarlyStopping",
    "linearity": "chaudhry.linearity:Linearity",
    "consistency": "chaudhry.consistency:Consistency",
    "two_moons": "chaudhry.two_moons:TwoMoons",
    "mixmatch": "chaudhry.mixmatch:MixMatch",
    "multimix": "venkataramanan.multimix:MultiMixEffects",
    "dense_multimix": "venkataramanan.dense_multimix:DenseMultiMixEffects",
    "long_tail": "long_tails.long_tail:LongTail",
}
"""Name -> paper's package, module and class, in the order of docs/claims.md."""

PACKAGES = {"speech": "espeakng_loader", "tabular": "river"}
"""What a claim imports beyond the others' packages; river needs Python 3.11."""


def claim_named(name: str) -> Claim:
    """The claim with its default settings. ValueError with the known names otherwise."""
    if name not in CLASSES:
        raise ValueError(f"claims: {name!r} is not a claim; expected some of {', '.join(CLASSES)}")
    module, _, kind = CLASSES[name].partition(":")
    claim: Claim = getattr(import_module(f"benchmarks.claims.{module}"), kind)()
    return claim
