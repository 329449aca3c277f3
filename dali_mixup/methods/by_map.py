"""The interface of a method whose masks depend on the maps of class ids that belong to the images."""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar, NoReturn

import numpy as np

from dali_mixup.methods.base import Form, Method


class MapMethod(Method):
    """A method for segmentation: what it draws becomes masks when the partners and their maps are known.

    `MixPolicy.plan(maps=...)` asks it, as the loaders do for images with masks.

    Attributes:
        ignore_index: the value of pixels without a class, a field of every such method.
    """

    form: ClassVar[Form] = Form.MASK
    ignore_index: int

    @property
    def hard(self) -> bool:
        return True

    def draw(self, rng: np.random.RandomState, n: int, height: int, width: int) -> NoReturn:
        """Refused: a mask needs a map."""
        raise ValueError(
            f"{type(self).__name__}: its masks depend on the maps of the images; expected MixPolicy.plan"
        )

    @abstractmethod
    def decide(self, rng: np.random.RandomState, n: int) -> np.ndarray:
        """(n, ...) independent decisions, before any map is known."""

    @abstractmethod
    def masks(self, decided: np.ndarray, maps: np.ndarray) -> np.ndarray:
        """(m, H, W) uint8 masks: 1 where the row keeps its own image, 0 where it shows its partner's.

        Args:
            decided: (m, ...), one decision per row.
            maps: (m, H, W) uint8 class ids of the partners.
        """
