"""Zhang et al. 2018, section 3.4: mixup with a large alpha hardly memorises corrupted labels, ERM does."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from dali_mixup import CorruptLabels, HandOver, MixPolicy, MixUp
from dali_mixup.claims.arms import Arm, See, relabelled, sgd, train, unmixed
from dali_mixup.claims.arms import as_mixed as mixed
from dali_mixup.claims.claim import Arms, Claim, Tick
from dali_mixup.claims.digits import CLASSES, Digits, split
from dali_mixup.claims.directions import Direction
from dali_mixup.claims.evaluation import error, outputs
from dali_mixup.claims.networks import Perceptron


@dataclass(frozen=True)
class Memorisation(Claim):
    """A wide perceptron on 1000 digits of which a share has random labels, uniform over all ten classes.

    Beside the main arms, two with Adam and without weight decay. In so few epochs SGD with its strong decay hardly
    memorises anything, also without mixup, so the main arms cannot show the effect; those with Adam do.

    Args:
        fractions: of corrupted labels.
        alphas: of mixup.
        fragile_fraction, fragile_alpha: of the arms with Adam; members of the above.
        widths, train, epochs, batch_size, lr, weight_decay, adam_lr: of network and training.
    """

    fractions: tuple[float, ...] = (0.2, 0.5, 0.8)
    alphas: tuple[float, ...] = (1.0, 8.0, 32.0)
    fragile_fraction: float = 0.5
    fragile_alpha: float = 1.0
    widths: tuple[int, ...] = (512, 512)
    train: int = 1000
    epochs: int = 50
    batch_size: int = 128
    lr: float = 0.05
    weight_decay: float = 5e-3
    adam_lr: float = 1e-3

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
        adam = f"{self.fragile_fraction:.0%}"
        erm, ours = f"{adam} ERM, Adam", f"{adam} alpha={self.fragile_alpha:g}, Adam"
        found = [
            Direction("last test error", erm, ours, 3.0),
            Direction("not memorised", ours, erm, 15.0),
        ]
        for fraction in self.fractions:
            noise = f"{fraction:.0%}"
            for alpha in self.alphas:
                ours = f"{noise} alpha={alpha:g}"
                found.append(Direction("last test error", f"{noise} ERM", ours, 3.0, reproduces=False))
                found.append(Direction("not memorised", ours, f"{noise} ERM", 20.0, reproduces=False))
            found.append(
                Direction(
                    "not memorised",
                    f"{noise} alpha={max(self.alphas):g}",
                    f"{noise} alpha={min(self.alphas):g}",
                    0.5,
                    reproduces=False,
                )
            )
        return tuple(found)

    @property
    def ticks(self) -> int:
        return self.epochs * len(self.alphas)

    def measure(self, seed: int, digits: Digits, tick: Tick) -> Arms:
        samples, test = split(seed, self.train)
        truth = digits.labels[samples]
        noisy = {f: self._corrupted(truth, f, seed) for f in self.fractions}
        best: dict[str, float] = {}
        found: Arms = {}
        for number, alpha in enumerate(self.alphas):
            arms = {
                f"{f:.0%} alpha={alpha:g}": self._arm(seed, relabelled(labels)) for f, labels in noisy.items()
            }
            labels_of = dict(zip(arms, noisy.values(), strict=True))
            if number == 0:  # the unmixed images of the first stream serve ERM
                for f, labels in noisy.items():
                    arms[f"{f:.0%} ERM"] = self._arm(seed, relabelled(labels, unmixed))
                    labels_of[f"{f:.0%} ERM"] = labels
            if alpha == self.fragile_alpha:
                labels = noisy[self.fragile_fraction]
                for name, see in (("ERM", unmixed), (f"alpha={alpha:g}", mixed)):
                    fragile = f"{self.fragile_fraction:.0%} {name}, Adam"
                    arms[fragile] = self._arm(seed, relabelled(labels, see), adam=True)
                    labels_of[fragile] = labels
            # The loader corrupts too; the arms with smaller shares take their labels from the same rule.
            loader = digits.loader(
                samples,
                MixPolicy([MixUp(alpha)], granularity="sample"),
                self.batch_size,
                seed,
                corrupt=CorruptLabels(max(self.fractions), seed),
                handover=HandOver(clean=number == 0 or alpha == self.fragile_alpha),
            )
            for _ in train(loader, list(arms.values()), self.epochs):
                for name, arm in arms.items():
                    now = error(outputs(arm.model, digits.images[test]), digits.labels[test])
                    best[name] = min(now, best.get(name, 100.0))
                    found[name] = {"last test error": now}
                tick()
            for name, arm in arms.items():
                logits = outputs(arm.model, digits.images[samples])
                wrong = labels_of[name] != truth
                found[name] |= {
                    "best test error": best[name],
                    "not memorised": error(logits[wrong], labels_of[name][wrong]),
                    "train error": error(logits, truth),
                }
        return dict(sorted(found.items()))

    def _corrupted(self, truth: Tensor, fraction: float, seed: int) -> Tensor:
        return torch.from_numpy(CorruptLabels(fraction, seed)(truth.numpy(), CLASSES))

    def _arm(self, seed: int, see: See, adam: bool = False) -> Arm:
        model = Perceptron(self.widths, seed)
        steps = self.epochs * -(-self.train // self.batch_size)
        if not adam:
            return Arm(model, see, *sgd(model, steps, self.lr, self.weight_decay))
        optimizer = torch.optim.Adam(model.parameters(), lr=self.adam_lr)
        return Arm(model, see, optimizer, torch.optim.lr_scheduler.ConstantLR(optimizer, 1.0))
