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
from benchmarks.claims.claim import Arms, Claim, Tick
from benchmarks.claims.digits import CLASSES, Digits, split
from benchmarks.claims.directions import Direction
from benchmarks.claims.evaluation import error, outputs
from benchmarks.claims.networks import Perceptron
from dali_mixup import CorruptLabels, HandOver, MixPolicy, MixUp
from dali_mixup._decide.policy import Granularity

STRONG = "strong decay"
UNSEEN = (STRONG, "pixels 0 to 1")
"""With these ERM memorises little, and mixup has nothing to resist."""


@dataclass(frozen=True)
class Memorisation(Claim):
    """A wide perceptron on 1000 digits of which a share has random labels, uniform over all ten classes.

    Pixels are standardised with the training digits' mean and standard deviation, as is usual for images: the
    memorisation of ERM depends on their scale, and without memorisation there is nothing to resist. At one share of
    corrupted labels some arms show the conditions of the effect: a strong weight decay, the same with pixels in [0, 1],
    and Adam without decay, for long and with one lam per batch, with which mixup memorises too.

    Args:
        fractions: shares of corrupted labels.
        alphas: mixup's alphas, with one lam per sample.
        example: the member of `fractions` at which the arms of the last sentence are trained; their alpha is the
            largest one.
        widths, train, epochs, batch_size, lr, weight_decay: of network and training, SGD with momentum 0.9.
        strong_decay: the strong weight decay.
        adam_lr, adam_epochs: learning rate and epochs of Adam.
    """

    fractions: tuple[float, ...] = (0.2, 0.5, 0.8)
    alphas: tuple[float, ...] = (1.0, 8.0, 32.0)
    example: float = 0.5
    widths: tuple[int, ...] = (512, 512)
    train: int = 1000
    epochs: int = 100
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
        "train error": "%, against the true labels",
    }
    seeds: ClassVar[int] = 3

    @property
    def directions(self) -> tuple[Direction, ...]:
        found = []
        for fraction in self.fractions:
            erm = named(fraction)
            for alpha in self.alphas:
                ours = named(fraction, alpha)
                found.append(Direction("last test error", erm, ours, 3.0))
                found.append(Direction("not memorised", ours, erm, 20.0))
            large, small = (named(fraction, alpha) for alpha in (max(self.alphas), min(self.alphas)))
            found.append(Direction("not memorised", large, small, 0.5))
        f, large_alpha = self.example, max(self.alphas)
        erm, ours = named(f, None, "Adam"), named(f, large_alpha, "Adam")
        return (
            *found,
            Direction("not memorised", named(f, None, *UNSEEN), named(f, None, STRONG), 20.0),
            Direction("not memorised", named(f, large_alpha, STRONG), named(f, large_alpha), 0.5),
            Direction("not memorised", ours, erm, 20.0, reproduces=False),
        )

    @property
    def ticks(self) -> int:
        return self.epochs * len(self.alphas) + self.adam_epochs

    def measure(self, seed: int, digits: Digits, tick: Tick) -> Arms:
        run = Run(self, seed, digits, tick)
        for alpha in self.alphas:
            arms = {named(f, alpha): run.arm(f, as_mixed) for f in self.fractions}
            if alpha == min(self.alphas):  # the unmixed images of one stream serve ERM
                arms |= {named(f): run.arm(f, unmixed) for f in self.fractions}
                arms |= {
                    named(self.example, None, STRONG): run.arm(self.example, unmixed, strong=True),
                    named(self.example, None, *UNSEEN): run.arm(self.example, unmixed, strong=True, raw=True),
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
        return {name: run.found[name] for name in sorted(run.found, key=in_order)}


def named(fraction: float, alpha: float | None = None, *more: str) -> str:
    """An arm's name; alpha None: ERM."""
    return ", ".join([f"{fraction:.0%} " + ("ERM" if alpha is None else f"alpha={alpha:g}"), *more])


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
    """

    def __init__(self, claim: Memorisation, seed: int, digits: Digits, tick: Tick) -> None:
        self.claim, self.seed, self.digits, self.tick = claim, seed, digits, tick
        self.samples, self.test = split(seed, claim.train)
        self.truth = digits.labels[self.samples]
        self.found: Arms = {}

    def arm(
        self, fraction: float, see: See, *, strong: bool = False, raw: bool = False, by_adam: bool = False
    ) -> Noisy:
        """An arm on labels of which a share is corrupted.

        Args:
            strong: the strong weight decay.
            raw: pixels in [0, 1] instead of standardised ones.
            by_adam: Adam without weight decay instead of SGD.
        """
        claim = self.claim
        labels = torch.from_numpy(CorruptLabels(fraction, self.seed)(self.truth.numpy(), CLASSES))
        model: nn.Module = Perceptron(claim.widths, self.seed)
        if not raw:
            pixels = self.digits.images[self.samples]
            model = nn.Sequential(Normalize([float(pixels.mean())] * 3, [float(pixels.std())] * 3), model)
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
        curves: dict[str, list[float]] = {name: [] for name in arms}
        for _ in train(loader, [noisy.arm for noisy in arms.values()], epochs):
            for name, noisy in arms.items():
                curves[name].append(self._error(noisy.arm.model, self.test, digits.labels[self.test]))
            self.tick()
        for name, noisy in arms.items():
            wrong = (noisy.labels != self.truth).numpy()
            model = noisy.arm.model
            self.found[name] = {
                "last test error": curves[name][-1],
                "best test error": min(curves[name]),
                "not memorised": self._error(model, self.samples[wrong], noisy.labels[wrong]),
                "train error": self._error(model, self.samples, self.truth),
            }

    def _error(self, model: nn.Module, samples: np.ndarray, labels: Tensor) -> float:
        return error(outputs(model, self.digits.images[samples]), labels)
