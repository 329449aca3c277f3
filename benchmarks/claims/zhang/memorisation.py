"""Zhang et al. 2018, section 3.4: mixup with a large alpha hardly memorises corrupted labels; ERM does."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor, nn
from torchvision.transforms.v2 import Normalize

from benchmarks.claims.arms import Arm, See, adam, as_mixed, relabelled, sgd, train, unmixed
from benchmarks.claims.claim import Arms, Axes, Claim, Curve, Measured
from benchmarks.claims.digits import BLACK, CLASSES, RANGE, Digits, split
from benchmarks.claims.directions import Direction
from benchmarks.claims.evaluation import error, outputs
from benchmarks.claims.networks import Perceptron
from benchmarks.claims.training import BY_EPOCH, ErrorCurves
from dali_mixup import CorruptLabels, HandOver, MixPolicy, MixUp
from dali_mixup._decide.policy import Granularity

STRONG = "strong decay"
UNSEEN = (STRONG, "pixels 0 to 1")
"""With these ERM memorises little, and mixup has nothing to resist."""


@dataclass(frozen=True)
class Memorisation(Claim):
    """A wide perceptron on 1000 digits of which a share has random labels, uniform over all ten classes.

    At one share of corrupted labels some arms show the conditions of the effect: a strong weight decay, the same with
    pixels in [0, 1] instead of standardised ones, and Adam without decay, for long and with one lam per batch, with
    which mixup memorises too.

    Args:
        fractions: shares of corrupted labels.
        alphas: mixup's alphas, with one lam per sample.
        dropouts: rates of dropout after every hidden layer, without mixing; the first one also with mixup, at the
            second of `alphas`.
        example: the member of `fractions` at which the arms that show the conditions are trained; their alpha is the
            largest one.
        widths, train, epochs, batch_size, lr, weight_decay: of network and training, SGD with momentum 0.9.
        strong_decay: the strong weight decay.
        adam_lr, adam_epochs: learning rate and epochs of Adam.
    """

    fractions: tuple[float, ...] = (0.2, 0.5, 0.8)
    alphas: tuple[float, ...] = (1.0, 8.0, 32.0)
    dropouts: tuple[float, ...] = (0.5, 0.8)
    example: float = 0.5
    widths: tuple[int, ...] = (512, 512)
    train: int = 1000
    epochs: int = 60
    batch_size: int = 128
    lr: float = 0.05
    weight_decay: float = 1e-4
    strong_decay: float = 5e-3
    adam_lr: float = 1e-3
    adam_epochs: int = 200

    name: ClassVar[str] = "memorisation"
    source: ClassVar[str] = "Zhang et al. 2018, arXiv 1710.09412, section 3.4"
    statement: ClassVar[str] = "mixup with a large alpha resists the memorisation of corrupted labels"
    metrics: ClassVar[Mapping[str, str]] = {
        "last test error": "%, after training",
        "best test error": "%, of all epochs",
        "not memorised": "% of wrong labels not predicted",
        "missed": "% of right labels not predicted",
    }
    curves: ClassVar[Mapping[str, Axes]] = {
        BY_EPOCH: Axes("epoch", "test error, %, half of the labels random", log=True)
    }

    @property
    def directions(self) -> tuple[Direction, ...]:
        found = []
        for fraction in self.fractions:
            erm, ours = named(fraction), named(fraction, max(self.alphas))
            says = ""
            if fraction == self.example:
                says = f"mixup (alpha = {max(self.alphas):g}) leaves more wrong labels unlearned than ERM"
            found.append(Direction("not memorised", ours, erm, 20.0, says=says))
            found.append(Direction("last test error", erm, ours, 3.0))
            found.append(Direction("not memorised", ours, named(fraction, min(self.alphas)), 0.5))
        f, large, middle = self.example, max(self.alphas), self.alphas[1]
        both = named(f, middle, dropped(self.dropouts[0]))
        erm, ours = named(f, None, "Adam"), named(f, large, "Adam")
        return (
            *found,
            Direction(
                "last test error",
                named(f, None, dropped(max(self.dropouts))),
                named(f, large),
                0.0,
                says=f"mixup (alpha = {large:g}) has a lower test error than dropout of {max(self.dropouts):g}",
            ),
            Direction("last test error", named(f, middle), both, 0.0),
            Direction("best test error", named(f), named(f, large), 0.5),
            Direction("not memorised", named(f, None, *UNSEEN), named(f, None, STRONG), 20.0),
            Direction(
                "not memorised",
                ours,
                erm,
                20.0,
                says="with Adam, no decay and one lam a batch, mixup leaves more wrong labels unlearned, too",
            ),
        )

    def measure(self, seed: int, digits: Digits) -> Measured:
        run = Run(self, seed, digits)
        for alpha in self.alphas:
            arms = {named(f, alpha): run.arm(f, as_mixed) for f in self.fractions}
            if alpha == min(self.alphas):  # the unmixed images of one stream serve all arms without mixing
                arms |= self._unmixed(run)
            if alpha == self.alphas[1]:
                rate = self.dropouts[0]
                arms |= {
                    named(f, alpha, dropped(rate)): run.arm(f, as_mixed, dropout=rate) for f in self.fractions
                }
            if alpha == max(self.alphas):
                arms[named(self.example, alpha, STRONG)] = run.arm(self.example, as_mixed, strong=True)
            run.fit(arms, alpha, "sample", self.epochs)
        alpha = max(self.alphas)
        arms = {
            named(self.example, None, "Adam"): run.arm(self.example, unmixed, by_adam=True),
            named(self.example, alpha, "Adam"): run.arm(self.example, as_mixed, by_adam=True),
        }
        run.fit(arms, alpha, "batch", self.adam_epochs)
        return Measured(
            {name: run.found[name] for name in sorted(run.found, key=in_order)},
            {BY_EPOCH: {name: run.curves[name] for name in self._shown()}},
        )

    def _unmixed(self, run: Run) -> dict[str, Noisy]:
        arms = {named(f): run.arm(f, unmixed) for f in self.fractions}
        for rate in self.dropouts:
            arms |= {named(f, None, dropped(rate)): run.arm(f, unmixed, dropout=rate) for f in self.fractions}
        arms[named(self.example, None, STRONG)] = run.arm(self.example, unmixed, strong=True)
        arms[named(self.example, None, *UNSEEN)] = run.arm(self.example, unmixed, strong=True, raw=True)
        return arms

    def _shown(self) -> list[str]:
        """The arms whose curves are shown."""
        mixed = [named(self.example, alpha) for alpha in self.alphas]
        return [named(self.example), *mixed, *(named(self.example, None, dropped(x)) for x in self.dropouts)]


def named(fraction: float, alpha: float | None = None, *more: str) -> str:
    """An arm's name; alpha None: no mixing."""
    return ", ".join([f"{fraction:.0%} " + ("ERM" if alpha is None else f"alpha={alpha:g}"), *more])


def dropped(rate: float) -> str:
    return f"dropout {rate:g}"


def in_order(arm: str) -> tuple[str, str, float]:
    """Sort key of arms: the share of wrong labels, then the conditions, then alpha."""
    plain, _, more = arm.partition(", ")
    share, method = plain.split()
    return share, more, float(method.removeprefix("alpha=")) if "=" in method else 0.0


@dataclass(frozen=True)
class Noisy:
    """An arm and the labels (samples,) it is trained on."""

    arm: Arm
    labels: Tensor


class Run:
    """One seed: its data, and the results of the arms trained so far.

    Attributes:
        found: arm -> metric -> value.
        curves: arm -> test error over the epochs.
    """

    def __init__(self, claim: Memorisation, seed: int, digits: Digits) -> None:
        self.claim, self.seed, self.digits = claim, seed, digits
        self.samples, self.test = split(seed, claim.train)
        self.truth = digits.labels[self.samples]
        self.found: Arms = {}
        self.curves: dict[str, Curve] = {}

    def arm(
        self,
        fraction: float,
        see: See,
        *,
        dropout: float = 0.0,
        strong: bool = False,
        raw: bool = False,
        by_adam: bool = False,
    ) -> Noisy:
        """An arm on labels of which a share is corrupted.

        Args:
            dropout: rate after every hidden layer.
            strong: the strong weight decay.
            raw: pixels in [0, 1] instead of standardised ones.
            by_adam: Adam without weight decay instead of SGD.
        """
        claim = self.claim
        labels = torch.from_numpy(CorruptLabels(fraction, self.seed)(self.truth.numpy(), CLASSES))
        model: nn.Module = Perceptron(claim.widths, self.seed, dropout=dropout)
        if raw:
            model = nn.Sequential(Normalize([BLACK] * 3, [RANGE] * 3), model)
        if by_adam:
            how = adam(model, claim.adam_lr)
        else:
            steps = claim.epochs * -(-claim.train // claim.batch_size)
            how = sgd(model, steps, claim.lr, claim.strong_decay if strong else claim.weight_decay)
        return Noisy(Arm(model, relabelled(labels, see), *how), labels)

    def fit(self, arms: Mapping[str, Noisy], alpha: float, granularity: Granularity, epochs: int) -> None:
        """Train the arms on one stream and measure them."""
        claim, digits = self.claim, self.digits
        # The loader corrupts too; the arms with smaller shares take their labels from the same rule.
        loader = digits.loader(
            self.samples,
            MixPolicy([MixUp(alpha)], granularity=granularity),
            claim.batch_size,
            self.seed,
            labels=CorruptLabels(max(claim.fractions), self.seed),
            handover=HandOver(clean=any("ERM" in name for name in arms)),
        )
        models = {name: noisy.arm for name, noisy in arms.items()}
        watched = ErrorCurves(models, digits, self.test, every=1)
        for epoch in train(loader, list(models.values()), epochs):
            watched(epoch + 1)
        self.curves |= watched.curves
        for name, noisy in arms.items():
            wrong = (noisy.labels != self.truth).numpy()
            errors, model = watched.curves[name].y, noisy.arm.model
            self.found[name] = {
                "last test error": errors[-1],
                "best test error": min(errors),
                "not memorised": self._error(model, self.samples[wrong], noisy.labels[wrong]),
                "missed": self._error(model, self.samples[~wrong], noisy.labels[~wrong]),
            }

    def _error(self, model: nn.Module, samples: np.ndarray, labels: Tensor) -> float:
        return error(outputs(model, self.digits.images[samples]), labels)
