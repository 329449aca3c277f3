"""The auto-augmentation that a string describes."""

from __future__ import annotations

from dali_mixup._checks import did_you_mean
from dali_mixup.augment.auto_augment import AutoAugment, TorchvisionAutoAugment
from dali_mixup.augment.policies import TIMM
from dali_mixup.augment.rand_augment import RandAugment
from dali_mixup.augment.stage import Stage
from dali_mixup.augment.trivial_augment import TrivialAugmentWide

TIMM_FILL = (124, 116, 104)  # ImageNet's mean colour, which timm fills with
BLACK = (0, 0, 0)  # torchvision's fill


def auto_augmentation(text: str) -> tuple[Stage, tuple[int, int, int]]:
    """The augmentation described by `text`, and the colour (r, g, b) of pixels that its rotations, shears or shifts
    bring in.

    Args:
        text: "rand-..." (timm's RandAugment), "original", "originalr", "v0", "v0r", "3a", all with an optional
            "-mstd0.5" (timm's AutoAugment), "imagenet" (torchvision's AutoAugment), "ta_wide" (its
            TrivialAugmentWide).

    Raises:
        TypeError: not a string.
        ValueError: a part that is not understood; the message names it and the nearest spelling.
    """
    if not isinstance(text, str):
        raise TypeError(f"auto_augment={text!r}, expected a string such as 'rand-m9-mstd0.5-inc1' or None")
    first = text.split("-")[0]
    if first == "rand":
        return RandAugment.from_string(text), TIMM_FILL
    if first in TIMM:
        return AutoAugment.from_string(text), TIMM_FILL
    if text == "imagenet":
        return TorchvisionAutoAugment(), BLACK
    if text == "ta_wide":
        return TrivialAugmentWide(), BLACK
    known = ("rand-m9-mstd0.5-inc1", *TIMM, "imagenet", "ta_wide")
    expected = f"expected one of {', '.join(map(repr, known))}"
    hints = [hint for hint in (expected, did_you_mean(text, known)) if hint]
    raise ValueError(f"auto_augment={text!r}: {first!r} is not known; {'; '.join(hints)}")
