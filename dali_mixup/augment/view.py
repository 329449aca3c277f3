"""View: one of several images that are made of each sample. A description."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from dali_mixup._checks import choice, instance, integer
from dali_mixup._decide.policy import MixPolicy, as_policy
from dali_mixup._graph.options import Output
from dali_mixup.augment.sizes import ImageSize, checked_size
from dali_mixup.augment.train import TrainTransform
from dali_mixup.methods import Method

OF_THE_WINDOW = ("crop", "scale", "ratio", "padding", "hflip", "vflip")
"""Fields of a transform that say where a window lies and whether it is flipped."""


@dataclass(frozen=True)
class View:
    """One image, or several of a kind, that is made of each sample of a stream beside the others. The sample is decoded
    once for all of them.

    Args:
        transform: crop, flip and augmentation; None: the loader's.
        size: of the result in pixels, as `TrainTransform.image_size`, which it replaces; None: the transform's.
        window: "own": a window and flip of its own; "shared": those of the stream's first view, as AugMix has them.
        count: images of this kind, 1 to 100, with draws of their own (but for a shared window).
        policy: how the images of a batch are mixed with each other; None: not at all.
        output: mean, std, dtype and memory format; None: the loader's.

    Raises:
        TypeError, ValueError: values outside the above.
    """

    transform: TrainTransform | None = None
    size: ImageSize | None = None
    window: Literal["own", "shared"] = "own"
    count: int = 1
    policy: MixPolicy | Method | Sequence[Method] | None = None
    output: Output | None = None

    def __post_init__(self) -> None:
        owner = "View"
        instance(owner, "transform", self.transform, TrainTransform)
        instance(owner, "output", self.output, Output)
        choice(owner, "window", self.window, ("own", "shared"))
        object.__setattr__(self, "count", integer(owner, "count", self.count, at_least=1, at_most=100))
        as_policy(owner, self.policy)
        if isinstance(self.policy, list):  # the caller's, who may change it
            object.__setattr__(self, "policy", tuple(self.policy))
        if self.size is not None:
            object.__setattr__(self, "size", checked_size(owner, self.size, "size"))
            self.transformed(TrainTransform())  # a transform may refuse the size

    @property
    def mixing(self) -> MixPolicy | None:
        """The policy, of whatever was given for it."""
        return as_policy("View", self.policy)

    def transformed(self, default: TrainTransform) -> TrainTransform:
        """The transform of its images."""
        chosen = self.transform or default
        return chosen if self.size is None else replace(chosen, image_size=self.size)


def as_views(owner: str, given: Any) -> tuple[View, ...]:
    """The views of an argument `views=`.

    Raises:
        TypeError, ValueError: not a sequence of at least one `View`; a shared window with nobody to share it with.
    """
    if not isinstance(given, list | tuple) or not all(isinstance(view, View) for view in given):
        raise TypeError(
            f"{owner}: views={given!r}, expected a list of View(...), for example [View(count=2)]"
        )
    if not given:
        raise ValueError(f"{owner}: views=[], expected at least one View(...)")
    if given[0].window == "shared":
        raise ValueError(
            f"{owner}: the first view has window='shared', but it is the one whose window the others share; give it "
            "window='own'"
        )
    return tuple(given)


def refuse_other_window(owner: str, number: int, mine: TrainTransform, first: TrainTransform) -> None:
    """Raise ValueError for a view that shares the first one's window, and describes another."""
    names = (*OF_THE_WINDOW, *(("image_size",) if first.crop != "resized" else ()))
    for name in names:
        own, theirs = getattr(mine.resolved, name), getattr(first.resolved, name)
        if own != theirs:
            raise ValueError(
                f"{owner}: view {number} has window='shared' and {name}={own!r}, but the first view, whose window it "
                f"shares, has {name}={theirs!r}; give it the same, or window='own'"
            )


def refuse_labels_of_unlabelled(policy: MixPolicy) -> None:
    """Raise ValueError for a policy of unlabelled samples that depends on their labels, or on other samples."""
    if policy.needs_ids or policy.needs_maps or policy.rule.by_value or policy.rule.beyond_batch:
        raise ValueError(
            f"Unlabelled: a view has {policy!r}, which needs the labels of its samples, or other samples; expected "
            "partners among the batch's own unlabelled samples, such as 'permutation' or 'flip'"
        )
