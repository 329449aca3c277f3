"""Venkataramanan et al. 2023: many interpolations of whole batches in the embedding space."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from benchmarks.claims.arms import Arm, through, unmixed
from benchmarks.claims.claim import Arms, Axes, Claim, Curve, Measured
from benchmarks.claims.digits import Digits
from benchmarks.claims.directions import Direction
from benchmarks.claims.evaluation import EMBEDDINGS, embedding_scores
from benchmarks.claims.losses import through_layers, tuples
from benchmarks.claims.networks import Perceptron
from benchmarks.claims.training import SCORES, Training, scores
from dali_mixup import Alternation, MixPolicy, MixUp, latent


@dataclass(frozen=True)
class MultiMixEffects(Claim):
    """MultiMix on the unmixed batches of one stream: alone, or alternating with input mixup at even odds.

    Args:
        training: training of every arm; B, the local batch, is its batch_size.
        n, m: rows per step and samples per row of the arms in which the other number changes; m = None is B.
        ns, ms: the other values that are tried.
    """

    training: Training = field(default_factory=Training)
    n: int = 1000
    ns: tuple[int, ...] = (10, 100)
    ms: tuple[int, ...] = (2, 10)

    name: ClassVar[str] = "multimix"
    source: ClassVar[str] = "Venkataramanan et al. 2023, arXiv 2206.14868"
    statement: ClassVar[str] = (
        "interpolating whole batches many times in the embedding space improves accuracy and calibration, and gives "
        "embeddings that are spread evenly and tight by class"
    )
    metrics: ClassVar[Mapping[str, str]] = SCORES | EMBEDDINGS
    curves: ClassVar[Mapping[str, Axes]] = {
        "rows": Axes("log10 of n, m = B", "test error, %"),
        "samples": Axes("m, largest n", "test error, %"),
    }

    @property
    def directions(self) -> tuple[Direction, ...]:
        default = f"m=B n={self.n}"
        return (
            Direction("test error", "ERM", default, 0.3, says="MultiMix has a lower test error than ERM"),
            Direction("test error", "mixup", default, 0.3, says="MultiMix has a lower test error than mixup"),
            Direction("test error", "last-layer pairs", default, 0.3),
            Direction("NLL", "ERM", default, 0.02),
            Direction("NLL", "mixup", default, 0.02),
            Direction("ECE", "ERM", default, 0.01),
            Direction("ECE", "mixup", default, 0.01, says="MultiMix is better calibrated than mixup"),
            Direction(
                "uniformity",
                "mixup",
                default,
                0.05,
                says="MultiMix spreads the embeddings more evenly than mixup does",
            ),
            Direction("uniformity", "ERM", default, 0.05),
            Direction("tightness", "ERM", default, 0.0),
            Direction("tightness", "mixup", default, 0.0),
            Direction("test error", f"m=B n={min(self.ns)}", default, 0.3),
            *(Direction("test error", f"m={m} n={self.n}", default, 0.3) for m in self.ms),
            Direction("test error", f"{default}, alone", default, 10.0),
        )

    def measure(self, seed: int, digits: Digits) -> Measured:
        samples, test = self.training.split(seed)
        stream = MixPolicy([MixUp(1.0)], granularity="sample")
        alternating = MixPolicy([MixUp(1.0)], granularity="sample", alternation=Alternation(0.5))
        steps = self.training.steps_per_epoch

        def arm(policy: MixPolicy | None, n: int = 0, m: int | None = None) -> Arm:
            see = unmixed if policy is None else through(policy, steps)
            model = self.training.network(seed)
            return self.training.arm(model, see, tuples(n, m)) if n else self.training.arm(model, see)

        arms = {"ERM": arm(None), "mixup": arm(stream)}
        pairs = self.training.network(seed)
        last = latent.ManifoldMixup(pairs, pairs.layers[-1:], alpha=1.0, include_input=False)
        arms["last-layer pairs"] = self.training.arm(pairs, unmixed, through_layers(last))
        arms |= {f"m=B n={n}": arm(alternating, n) for n in (*self.ns, self.n)}
        arms |= {f"m={m} n={self.n}": arm(alternating, self.n, m) for m in self.ms}
        arms |= {
            f"m=2 n={self.n}, alone": arm(None, self.n, 2),
            f"m=B n={self.n}, alone": arm(None, self.n),
        }
        self.training.fit(digits.loader(samples, stream, self.training.batch_size, seed), arms)
        found = scores(arms, digits, test)
        for name, trained in arms.items():
            assert isinstance(trained.model, Perceptron)
            embeddings = trained.model.eval().embed(digits.images[test]).detach()
            found[name] |= embedding_scores(embeddings, digits.labels[test])
        return Measured(found, self._curves(found))

    def _curves(self, found: Arms) -> dict[str, dict[str, Curve]]:
        """Test error by n and by m, beside the two arms that have neither."""
        rows = {n: found[f"m=B n={n}"] for n in sorted({*self.ns, self.n})}
        samples = {m: found[f"m={m} n={self.n}"] for m in self.ms}
        samples |= {self.training.batch_size: found[f"m=B n={self.n}"]}
        curves = {}
        for name, arms in (("rows", rows), ("samples", dict(sorted(samples.items())))):
            x = [math.log10(n) if name == "rows" else float(n) for n in arms]
            curves[name] = {
                "MultiMix": Curve(x, [scores["test error"] for scores in arms.values()]),
                **{arm: Curve(x, [found[arm]["test error"]] * len(x)) for arm in ("ERM", "mixup")},
            }
        return curves
