"""The interface of a mixing method: a law that draws independent decisions, and the form in which they act on
pixels."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from enum import IntEnum
from typing import ClassVar

import numpy as np

from dali_mixup._equality import EqualByContent
from dali_mixup.methods.contours import Contours
from dali_mixup.methods.masks import Bits, Levels, Separable

MOST_IMAGES = 1024
"""That take part in one mixed row."""


class Form(IntEnum):
    """The way in which a method changes pixels. The DALI graph knows these forms, never a method's name."""

    NONE = 0  # the row is left alone
    BLEND = 1  # sum_j pixel_weights[j] * x_j
    PASTE = 2  # rectangles of the columns' images copied over the row's own
    RESIZE = 3  # whole images, each resized into a rectangle of the row's own
    MASK = 4  # mask * x_0 + (1 - mask) * x_1, one weight per pixel
    SEPARABLE = 5  # as MASK, where curves down and across the image make up the mask

    def rows(self, forms: np.ndarray) -> np.ndarray:
        """(N,) bool: which of `forms`, (N,) int32, are this one."""
        # Not `forms == self`: NumPy and torch look for attributes of what is no plain number and drop every error of
        # that, and before Python 3.12 an enum answers in Python, where Ctrl-C may arrive.
        found: np.ndarray = forms == int(self)
        return found


@dataclass(frozen=True, eq=False)
class Draws(EqualByContent):
    """n independent decisions of one method on images of one size. Column 0 is the row itself, 1..k-1 its partners.

    Attributes:
        weights: (n, k) float64 label weights, rows sum to 1; in [0, 1], unless the method `extrapolates`.
        pixel_weights: (n, k) float64 share of each column in the pixels; None where it equals `weights`.
        boxes: (n, 4) int y0, x0, y1, x1 of the pasted box (end exclusive); None if the method pastes nothing.
        regions: (n, r, 7) int (column, source y, source x, target y, target x, height, width) of PASTE methods,
            applied in order over the row's own image.
        insets: (n, t, 5) int (column, y, x, height, width) of RESIZE methods: the column's whole image, resized, at
            that place, in order over the row's own image. Of each row the first is not empty; t is `inset_count`.
        masks: (n, height, width) in [0, 1], the own image's weight per pixel: of SEPARABLE methods `Separable`; of MASK
            methods an array, `Levels` or, if the method is `hard`, an array of any type, `Bits` or `Contours`. Arrays
            of methods that are not hard are rounded to steps of 1 / 255, and the weight of a mask changes as its mean
            does.
    """

    weights: np.ndarray
    pixel_weights: np.ndarray | None = None
    boxes: np.ndarray | None = None
    regions: np.ndarray | None = None
    insets: np.ndarray | None = None
    masks: np.ndarray | Bits | Contours | Levels | Separable | None = None


class Method(ABC):
    """A mixing method: a frozen dataclass whose fields are its parameters, each with a default, checked when made.
    `MixPolicy` checks what follows.

    Attributes:
        name: its name in recipes, in lower case.
        form: the way in which the graph applies the draws, any but `Form.NONE`.
    """

    name: ClassVar[str]
    form: ClassVar[Form]

    @property
    def uses_alpha(self) -> bool:
        """True if the law depends on `alpha`: a schedule's curve for one that does not is refused."""
        return hasattr(self, "alpha")

    @property
    def columns(self) -> int:
        """k >= 2: images that take part in one mixed row, its own included; 2 of MASK and SEPARABLE methods."""
        return 2

    @property
    def inset_count(self) -> int:
        """Of a RESIZE method, the images that are resized for one row, >= 1."""
        return 1

    @property
    def hard(self) -> bool:
        """True if every pixel of a mask comes from one image: masks of 0 and 1."""
        return False

    @property
    def averages(self) -> bool:
        """True if pixels of the result can be averages of two images' pixels. A resized image is not one of these."""
        return self.form in (Form.BLEND, Form.SEPARABLE) or (self.form == Form.MASK and not self.hard)

    @property
    def extrapolates(self) -> frozenset[str]:
        """Which of the weights of a BLEND method can be outside of [0, 1]: "weights" and "pixel_weights"."""
        return frozenset()

    @abstractmethod
    def draw(self, rng: np.random.RandomState, n: int, height: int, width: int) -> Draws:
        """n independent decisions for images of height x width pixels. Pure except for the stream's position."""


def two(lam: np.ndarray) -> np.ndarray:
    """(n, 2) weights of a row and its one partner, from lam (n,), the weight of the row's own sample."""
    return np.stack([lam, 1.0 - lam], axis=1)
