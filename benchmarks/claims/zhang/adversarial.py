"""Zhang et al. 2018, section 3.5: adversarial images fool a network trained with mixup less often."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from torch import Tensor, nn

from benchmarks.claims.arms import Arm, Loss, See, as_mixed, cross_entropy, through, unmixed
from benchmarks.claims.claim import Arms, Axes, Claim, Curve, Curves, Measured
from benchmarks.claims.digits import Digits
from benchmarks.claims.directions import Direction
from benchmarks.claims.evaluation import error, outputs
from benchmarks.claims.losses import smoothed, tuples
from benchmarks.claims.networks import Convolutional, Perceptron
from benchmarks.claims.training import Training
from benchmarks.claims.zhang.attacks import fgsm, iterated_fgsm
from dali_mixup import Alternation, MixPolicy, MixUp

KINDS = ("MLP", "CNN")
SURROGATE = "surrogate"
OTHER = 10_000  # added to the seed of a surrogate's first weights
ATTACKS: Mapping[str, tuple[Callable[[nn.Module, Tensor, Tensor, float], Tensor], str | None]] = {
    "FGSM, white box": (fgsm, None),
    "I-FGSM, white box": (iterated_fgsm, None),
    "FGSM from ERM": (fgsm, "ERM"),
    "I-FGSM from ERM": (iterated_fgsm, "ERM"),
    "I-FGSM from mixup": (iterated_fgsm, "alpha=1"),
}
"""Name -> attack, and the training of the surrogate that makes the images; None: the network under attack."""
DRAWN = ("ERM", "alpha=1", "MultiMix")
"""The arms of each kind that have curves."""


@dataclass(frozen=True)
class Adversarial(Claim):
    """Test digits changed by FGSM and by ten steps of it, made with a network itself (white box) or with another one of
    its kind that has other first weights (black box), trained without mixup or with it. MultiMix alternates with input
    mixup at even odds; label smoothing is a control that is less confident too.

    Args:
        training: of every arm; widths are those of the perceptron, MLP.
        channels: of the convolutional network, CNN.
        alphas: mixup's, with one lam per sample; the others' stream is that of alpha = 1, which must be among them.
        smoothing: label smoothing's epsilon.
        tuples: MultiMix's rows per step.
        epsilons: largest changes of a pixel, as shares of the pixels' range.
        white, black: the one of them at which the metrics of white and of black box are taken.
    """

    training: Training = field(default_factory=lambda: Training(train=1000, epochs=30, widths=(256, 256)))
    channels: tuple[int, ...] = (16, 32, 64)
    alphas: tuple[float, ...] = (0.2, 1.0, 8.0)
    smoothing: float = 0.1
    tuples: int = 1000
    epsilons: tuple[float, ...] = (0.0, 0.05, 0.1, 0.15, 0.2, 0.3)
    white: float = 0.1
    black: float = 0.2

    name: ClassVar[str] = "adversarial"
    source: ClassVar[str] = "Zhang et al. 2018, arXiv 1710.09412, section 3.5"
    statement: ClassVar[str] = (
        "networks trained with mixup are fooled less by FGSM and I-FGSM, white box and black box"
    )
    metrics: ClassVar[Mapping[str, str]] = {"test error": "%"} | dict.fromkeys(ATTACKS, "% wrong")
    curves: ClassVar[Mapping[str, Axes]] = dict.fromkeys(
        ATTACKS, Axes("epsilon, share of the pixels' range", "wrong, %")
    )

    @property
    def directions(self) -> tuple[Direction, ...]:
        found: list[Direction] = []
        for kind in KINDS:
            erm, ours = f"{kind}, ERM", f"{kind}, alpha=1"
            says = {
                "I-FGSM, white box": f"white box, I-FGSM fools mixup less often than ERM ({kind})",
                "I-FGSM from ERM": f"black box, I-FGSM from an ERM network fools mixup less often than ERM ({kind})",
            }
            found += [Direction(attack, erm, ours, 3.0, says=says.get(attack, "")) for attack in ATTACKS]
            found += [
                Direction("I-FGSM, white box", f"{kind}, smoothing {self.smoothing:g}", ours, 0.0),
                Direction("I-FGSM, white box", erm, f"{kind}, MultiMix", 3.0),
                Direction("I-FGSM, white box", ours, f"{kind}, MultiMix", 0.0),
            ]
        return tuple(found)

    def measure(self, seed: int, digits: Digits) -> Measured:
        samples, test = self.training.split(seed)
        networks: dict[str, nn.Module] = {}
        for alpha in self.alphas:
            arms = self._of_stream(alpha, seed)
            policy = MixPolicy([MixUp(alpha)], granularity="sample")
            self.training.fit(digits.loader(samples, policy, self.training.batch_size, seed), arms)
            networks |= {name: arm.model for name, arm in arms.items()}
        images, labels = digits.images[test], digits.labels[test]
        found: Arms = {
            name: {"test error": error(outputs(network, images), labels)}
            for kind in KINDS
            for name, network in self._attacked(kind, networks).items()
        }
        curves: Curves = {attack: {} for attack in ATTACKS}
        for attack, (_, maker) in ATTACKS.items():
            for kind in KINDS:
                for name, wrong in self._wrong(attack, kind, networks, images, labels).items():
                    found[name][attack] = wrong[self.white if maker is None else self.black]
                    if name.partition(", ")[2] in DRAWN:
                        curves[attack][name] = Curve(list(wrong), list(wrong.values()))
        return Measured(found, curves)

    def _attacked(self, kind: str, networks: Mapping[str, nn.Module]) -> dict[str, nn.Module]:
        """All networks of the kind but the surrogates, in the order of the table."""
        mixed = (f"alpha={alpha:g}" for alpha in self.alphas)
        names = (f"{kind}, {how}" for how in ("ERM", f"smoothing {self.smoothing:g}", *mixed, "MultiMix"))
        return {name: networks[name] for name in names}

    def _wrong(
        self, attack: str, kind: str, networks: Mapping[str, nn.Module], images: Tensor, labels: Tensor
    ) -> dict[str, dict[float, float]]:
        """Arm -> epsilon -> percent of the attack's images that it gets wrong, for the networks of one kind."""
        method, maker = ATTACKS[attack]
        attacked = self._attacked(kind, networks)
        found: dict[str, dict[float, float]] = {name: {} for name in attacked}
        for epsilon in self.epsilons:
            common = None
            if maker is not None:
                common = method(networks[f"{kind}, {maker}, {SURROGATE}"], images, labels, epsilon)
            for name, network in attacked.items():
                changed = method(network, images, labels, epsilon) if common is None else common
                found[name][epsilon] = error(outputs(network, changed), labels)
        return found

    def _of_stream(self, alpha: float, seed: int) -> dict[str, Arm]:
        """The arms of both kinds that see the pixels mixed with this alpha; with alpha = 1, the unmixed ones too."""
        arms: dict[str, Arm] = {}
        for kind in KINDS:
            arms[f"{kind}, alpha={alpha:g}"] = self._arm(kind, seed)
            if alpha == 1.0:
                alternating = MixPolicy([MixUp(1.0)], granularity="sample", alternation=Alternation(0.5))
                see = through(alternating, self.training.steps_per_epoch)
                arms |= {
                    f"{kind}, ERM": self._arm(kind, seed, unmixed),
                    f"{kind}, smoothing {self.smoothing:g}": self._arm(
                        kind, seed, unmixed, smoothed(self.smoothing)
                    ),
                    f"{kind}, MultiMix": self._arm(kind, seed, see, tuples(self.tuples, None)),
                    f"{kind}, ERM, {SURROGATE}": self._arm(kind, seed + OTHER, unmixed),
                    f"{kind}, alpha=1, {SURROGATE}": self._arm(kind, seed + OTHER),
                }
        return arms

    def _arm(self, kind: str, seed: int, see: See = as_mixed, loss: Loss = cross_entropy) -> Arm:
        model: nn.Module = (
            Perceptron(self.training.widths, seed) if kind == "MLP" else Convolutional(self.channels, seed)
        )
        return self.training.arm(model, see, loss)
