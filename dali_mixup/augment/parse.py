"""The auto-augmentation that a string describes."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from dali_mixup._checks import did_you_mean
from dali_mixup.augment.augmix import AugMix, PaperAugMix, TorchvisionAugMix
from dali_mixup.augment.auto_augment import AutoAugment
from dali_mixup.augment.policies import TIMM, TORCHVISION
from dali_mixup.augment.rand_augment import RandAugment
from dali_mixup.augment.stage import Stage
from dali_mixup.augment.torchvision_augment import TorchvisionAutoAugment, TorchvisionRandAugment
from dali_mixup.augment.trivial_augment import TrivialAugmentWide

TIMM_FILL = (124, 116, 104)  # ImageNet's mean colour, which timm fills with
BLACK = (0, 0, 0)  # torchvision's fill

Reader = Callable[[str], Stage]


def _alone(make: Callable[[], Stage]) -> Reader:
    """Reads a word that has no parts after it."""

    def read(text: str) -> Stage:
        first, *parts = text.split("-")
        if parts:
            raise ValueError(
                f"auto_augment={text!r}: the part {parts[0]!r} is not understood; {first!r} has no parts"
            )
        return make()

    return read


AUGMENTATIONS: dict[str, tuple[Reader, tuple[int, int, int]]] = {
    "rand": (RandAugment.from_string, TIMM_FILL),
    **dict.fromkeys(TIMM, (AutoAugment.from_string, TIMM_FILL)),
    "ra": (_alone(TorchvisionRandAugment), BLACK),
    "ta_wide": (_alone(TrivialAugmentWide), BLACK),
    "augmix": (_alone(TorchvisionAugMix), BLACK),
    "augmix-": (AugMix.from_string, TIMM_FILL),
    "augmix_paper": (PaperAugMix.from_string, BLACK),
    **{name: (_alone(partial(TorchvisionAutoAugment, name)), BLACK) for name in TORCHVISION},
}
"""By the first word of a string: what reads the string, and the colour of pixels from outside. A word that ends with a
dash is that of strings with parts."""
EXAMPLES = {"rand": "rand-m9-mstd0.5-inc1", "augmix-": "augmix-m3-w3"}


def auto_augmentation(text: str) -> tuple[Stage, tuple[int, int, int]]:
    """The augmentation described by `text`, and the colour (r, g, b) of pixels that its rotations, shears or shifts
    bring in.

    Args:
        text: "rand-..." (timm's RandAugment), "original", "originalr", "v0", "v0r", "3a", all with an optional
            "-mstd0.5" (timm's AutoAugment); "ra" (torchvision's RandAugment), "ta_wide" (its TrivialAugmentWide),
            "imagenet", "cifar10", "svhn" (its AutoAugment), "augmix" (its AugMix); "augmix-m3" and longer (timm's
            AugMix); "augmix_paper", also with parts (its authors').

    Raises:
        TypeError: not a string.
        ValueError: a part that is not understood; the message names it and the nearest spelling.
    """
    if not isinstance(text, str):
        raise TypeError(f"auto_augment={text!r}, expected a string such as 'rand-m9-mstd0.5-inc1' or None")
    first, dash, _ = text.partition("-")
    for word in (first + dash, first):
        if word in AUGMENTATIONS:
            read, fill = AUGMENTATIONS[word]
            return read(text), fill
    known = tuple(EXAMPLES.get(word, word) for word in AUGMENTATIONS)
    expected = f"expected one of {', '.join(map(repr, known))}"
    hints = [hint for hint in (expected, did_you_mean(text, known)) if hint]
    raise ValueError(f"auto_augment={text!r}: {first!r} is not known; {'; '.join(hints)}")
