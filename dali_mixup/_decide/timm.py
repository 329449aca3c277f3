"""Methods and weights from timm's arguments."""

from __future__ import annotations

from dali_mixup._checks import number
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
    methods: list[Method] = []
    if number(owner, "mixup_alpha", mixup_alpha, at_least=0) > 0:
        methods.append(MixUp(mixup_alpha))
    if cutmix_minmax is not None:
        methods.append(CutMix(minmax=cutmix_minmax))
    elif number(owner, "cutmix_alpha", cutmix_alpha, at_least=0) > 0:
        methods.append(CutMix(cutmix_alpha))
    if not methods:
        raise ValueError(
            f"{owner}: mixup_alpha={mixup_alpha!r} and cutmix_alpha={cutmix_alpha!r} leave nothing to mix; give one of "
            "them > 0, or cutmix_minmax (to switch mixing off use policy=None)"
        )
    return methods, (1.0 - switch, switch) if len(methods) == 2 else None
