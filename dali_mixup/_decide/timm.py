"""Methods and weights from timm's arguments."""

from __future__ import annotations

from dali_mixup._checks import boolean, number
from dali_mixup.methods import CutMix, Method, MixUp


def methods_of_timm(
    mixup_alpha: float,
    cutmix_alpha: float,
    cutmix_minmax: tuple[float, float] | None,
    switch_prob: float,
) -> tuple[list[Method], tuple[float, float] | None]:
    """The methods and weights that the arguments of timm's `Mixup` describe; see `MixPolicy.from_timm`.

    Raises:
        TypeError, ValueError: both methods left out, or values that the methods refuse.
    """
    owner = "MixPolicy.from_timm"
    switch = number(owner, "switch_prob", switch_prob, at_least=0, at_most=1)
    cutmix = number(owner, "cutmix_alpha", cutmix_alpha, at_least=0)
    methods: list[Method] = []
    if number(owner, "mixup_alpha", mixup_alpha, at_least=0) > 0:
        methods.append(MixUp(mixup_alpha))
    if cutmix_minmax is not None:
        methods.append(CutMix(minmax=cutmix_minmax))
    elif cutmix > 0:
        methods.append(CutMix(cutmix_alpha))
    if not methods:
        raise ValueError(
            f"{owner}: mixup_alpha={mixup_alpha!r} and cutmix_alpha={cutmix_alpha!r} leave nothing to mix; give one of "
            "them > 0, or cutmix_minmax (to switch mixing off use policy=None)"
        )
    return methods, (1.0 - switch, switch) if len(methods) == 2 else None


def refuse_other_labels(correct_lam: bool, multi_label: bool, label_smoothing: float) -> None:
    """TypeError or ValueError for labels of timm's `Mixup` that no policy has."""
    owner = "MixPolicy.from_timm"
    if not boolean(owner, "correct_lam", correct_lam):
        raise ValueError(
            f"{owner}: correct_lam=False would weigh labels by the drawn lam instead of the pasted box's share of the "
            "pixels; labels follow the pixels here, expected correct_lam=True"
        )
    if boolean(owner, "multi_label", multi_label) and label_smoothing:
        raise ValueError(
            f"{owner}: multi_label=True with label_smoothing={label_smoothing!r}; smooth the vectors themselves, as "
            "labels=LabelVectors(vectors * (1 - eps) + eps / 2), and give label_smoothing=0"
        )
