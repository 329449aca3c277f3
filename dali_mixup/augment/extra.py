"""A user's own functions, in the graph or on the finished batch. A description, which needs only NumPy; `extra_graph`
has the nodes, `_loader/batch_extra` the call on the batch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

from dali_mixup._checks import boolean, choice, takes
from dali_mixup.augment.told import name_of, told

Place = Literal["after_decode", "after_crop", "before_mix", "after_mix", "batch"]
ONLY_IN_PYTHON = {"in_file": False}
"""Metadata of a field that a recipe's file cannot hold."""

PLACES: tuple[Place, ...] = ("after_decode", "after_crop", "before_mix", "after_mix", "batch")


@dataclass(frozen=True)
class Extra:
    """A function of your own, for `TrainTransform(extra=[...])` and `ValTransform(extra=[...])`.

    In the graph, `function(images)` takes and returns a DALI node, on the device on which the loader works; it is
    called when a pipeline is built. At "after_decode", "after_crop" and "before_mix" the images are uint8 (H, W, C)
    HWC (with `Output(bits=16)` uint16 at "after_decode" and float32 at the others), at "after_mix" float32, normalised,
    in the memory order of the loader's output. Shape and type must be kept.
    Random operators of DALI need no seed: the pipeline gives each its own, another on every rank, and a saved state has
    where they stand.

    At "batch", `function(images, targets)` takes and returns what the loop receives, in the loop's thread. torch's
    random generators then start at a seed of that batch's own, and stand afterwards where they stood before; for other
    libraries' generators `torch.initial_seed()` is that seed.

    A saved state knows the function by its name and by the values bound to it: defaults, a closure's variables, the
    arguments of a `functools.partial`, the fields of a dataclass. It does not know the code.

    Args:
        function: has a name, so is no lambda.
        place: "after_decode", the window of crop="resized" before it is resized, else the whole image;
            "after_crop", resized and flipped; "before_mix", after all augmentation; "after_mix", at the end of the
            graph; "batch", the finished batch.
        moves_pixels: False promises that every pixel stays where it is. Images with masks take no other function before
            "batch", because their masks would not move with them.

    Raises:
        TypeError, ValueError: values outside the above.
    """

    function: Callable[..., Any]
    place: Place
    moves_pixels: bool = True

    def __post_init__(self) -> None:
        choice("Extra", "place", self.place, PLACES)
        object.__setattr__(self, "moves_pixels", boolean("Extra", "moves_pixels", self.moves_pixels))
        given = ("images", "targets") if self.place == "batch" else ("images",)
        expected = f"expected a function ({', '.join(given)})"
        if not callable(self.function):
            raise TypeError(f"Extra: function={self.function!r} is not callable; {expected}")
        innermost = self.function
        while isinstance(innermost, partial):
            innermost = innermost.func
        if getattr(innermost, "__name__", "") == "<lambda>":
            raise TypeError(
                f"Extra: function={self.function!r} has no name by which a saved state could know it; {expected} that "
                "is defined with def"
            )
        takes(f"Extra: function={self.name}", self.function, *given, expected=expected)

    @property
    def name(self) -> str:
        """The function's name, for messages."""
        return name_of(self.function)

    def describe(self) -> dict[str, Any]:
        """What a saved state knows of it."""
        return {"function": told(self.function), "place": self.place}


def checked_extras(owner: str, given: Any, places: Sequence[str]) -> tuple[Extra, ...]:
    """The extras as a tuple; TypeError for anything else, ValueError for a place that the owner does not have."""
    if not isinstance(given, tuple | list) or not all(isinstance(one, Extra) for one in given):
        raise TypeError(f"{owner}: extra={given!r}, expected a list of Extra(function, place)")
    for one in given:
        if one.place not in places:
            raise ValueError(
                f"{owner}: extra has {one.name} at place={one.place!r}, expected one of {', '.join(map(repr, places))}"
            )
    return tuple(given)


def refuse_moving_extras(owner: str, extras: Sequence[Extra], masks: bool) -> None:
    """Raise ValueError for a function that may move pixels, of images whose masks it would leave behind.

    Args:
        masks: whether the images have masks.
    """
    for one in extras:
        if masks and one.moves_pixels and one.place != "batch":
            raise ValueError(
                f"{owner}: the data have masks, and extra {one.name} at {one.place!r} may move pixels, which would "
                "leave the masks behind; if every pixel stays where it is, say so: Extra(..., moves_pixels=False)"
            )
