"""Masks in fewer bytes than a float32 per pixel: as bits, as bytes, or as curves down and across the image.

All give plain arrays when indexed, or by `numpy.asarray`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from dali_mixup._checks import integer
from dali_mixup._equality import EqualByContent

STEP = np.float32(1 / 255)


@dataclass(frozen=True, eq=False)
class Bits(EqualByContent):
    """n masks of 0 and 1, eight pixels to a byte.

    Attributes:
        packed: (n, H, ceil(W / 8)) uint8, the leftmost pixel in the highest bit, as `numpy.packbits` has it; or, with
            `line_of`, (n, L, ceil(W / 8)) of the lines that these masks are made of.
        width: W in pixels, >= 1.
        line_of: (n, H) int32 in [0, L), the line that each row of pixels has; None: every row has its own.

    Raises:
        TypeError, ValueError: anything else.
    """

    packed: np.ndarray
    width: int
    line_of: np.ndarray | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "width", integer("Bits", "width", self.width, at_least=1))
        packed, line_of = self.packed, self.line_of
        array("Bits", "packed", packed)
        if packed.dtype != np.uint8 or packed.ndim != 3 or packed.shape[2] != -(-self.width // 8):
            raise ValueError(
                f"Bits: packed of {packed.dtype} and shape {packed.shape} with width={self.width}; expected uint8 and "
                f"(n, H, {-(-self.width // 8)})"
            )
        if line_of is None:
            return
        array("Bits", "line_of", line_of)
        if line_of.dtype != np.int32 or line_of.ndim != 2 or len(line_of) != len(packed):
            raise ValueError(
                f"Bits: line_of of {line_of.dtype} and shape {line_of.shape} with packed of shape {packed.shape}; "
                f"expected int32 and ({len(packed)}, H)"
            )
        self.refuse_missing_lines()

    @classmethod
    def of(cls, masks: Iterable[np.ndarray]) -> Bits:
        """The masks, at least one, (H, W) each, of 0 and 1 in any type."""
        packed = []
        for mask in masks:
            width = mask.shape[1]
            packed.append(np.packbits(mask.astype(bool, copy=False), axis=1))
        return cls(np.stack(packed), width)

    def refuse_missing_lines(self) -> None:
        """Raise ValueError if a row refers to a line that `packed` does not have. Arrays can change after the object is
        made, so this is checked for every batch too."""
        line_of, lines = self.line_of, self.packed.shape[1]
        if line_of is not None and line_of.size and not 0 <= line_of.min() <= line_of.max() < lines:
            raise ValueError(
                f"Bits: line_of has numbers from {line_of.min()} to {line_of.max()}, but packed has {lines} lines; "
                "expected the number of one of them, counted from 0"
            )

    def __len__(self) -> int:
        return len(self.packed)

    def __getitem__(self, index: Any) -> np.ndarray:
        """(..., H, W) uint8."""
        lines = np.unpackbits(self.packed[index], axis=-1, count=self.width)
        return (
            lines if self.line_of is None else np.take_along_axis(lines, self.line_of[index][..., None], -2)
        )

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return self[:].astype(np.uint8 if dtype is None else dtype, copy=False)

    @property
    def rows(self) -> np.ndarray:
        """(n, H, ceil(W / 8)) uint8: `packed`, with a line for every row of pixels."""
        if self.line_of is None:
            return self.packed
        return np.take_along_axis(self.packed, self.line_of[..., None], -2)

    @property
    def shape(self) -> tuple[int, int, int]:
        """(n, H, W)."""
        n, height = self.packed.shape[:2] if self.line_of is None else self.line_of.shape
        return n, height, self.width


@dataclass(frozen=True, eq=False)
class Levels(EqualByContent):
    """n masks in steps of 1 / 255, float32 multiples of float32(1 / 255); 255 of these are exactly 1.

    Attributes:
        numbers: (n, H, W) uint8, of steps.

    Raises:
        TypeError, ValueError: anything else.
    """

    numbers: np.ndarray

    def __post_init__(self) -> None:
        array("Levels", "numbers", self.numbers)
        if self.numbers.dtype != np.uint8 or self.numbers.ndim != 3:
            raise ValueError(
                f"Levels: numbers of {self.numbers.dtype} and shape {self.numbers.shape}; expected uint8 and (n, H, W)"
            )

    @classmethod
    def of(cls, masks: np.ndarray) -> Levels:
        """The masks (n, H, W), of numbers in [0, 1], rounded to the nearest step, halves to even ones.

        Raises:
            ValueError: other numbers.
        """
        least, most = masks.min(initial=1), masks.max(initial=0)
        if not (least >= 0 and most <= 1):  # NaN neither
            raise ValueError(f"masks of numbers from {least} to {most}; expected [0, 1]")
        return cls(np.rint(masks * np.float32(255)).astype(np.uint8))

    def __len__(self) -> int:
        return len(self.numbers)

    def __getitem__(self, index: Any) -> np.ndarray:
        """(..., H, W) float32."""
        return self.numbers[index] * STEP

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return self[:].astype(np.float32 if dtype is None else dtype, copy=False)

    @property
    def shape(self) -> tuple[int, ...]:
        """(n, H, W)."""
        return self.numbers.shape

    @property
    def means(self) -> np.ndarray:
        """(n,) float64, the mean of each mask."""
        return self.numbers.sum((1, 2), dtype=np.int64) / (255.0 * self.numbers[0].size)


@dataclass(frozen=True, eq=False)
class Separable(EqualByContent):
    """n masks d(y) a(x) + u(y) + v(x), added up in this order in float32.

    Attributes:
        down: (n, 2, H) float32, u and d.
        across: (n, 2, W) float32, v and a.

    Raises:
        TypeError, ValueError: anything else.
    """

    down: np.ndarray
    across: np.ndarray

    def __post_init__(self) -> None:
        for name in ("down", "across"):
            array("Separable", name, getattr(self, name))
        shapes = self.down.shape, self.across.shape
        right = all(len(shape) == 3 and shape[:2] == (len(self.down), 2) for shape in shapes)
        if not right or not self.down.dtype == self.across.dtype == np.float32:
            raise ValueError(
                f"Separable: down of {self.down.dtype} and shape {shapes[0]}, across of {self.across.dtype} and shape "
                f"{shapes[1]}; expected float32, (n, 2, H) and (n, 2, W)"
            )

    @classmethod
    def of(
        cls,
        *,
        u: np.ndarray | float = 0.0,
        d: np.ndarray | float = 0.0,
        v: np.ndarray | float = 0.0,
        a: np.ndarray | float = 0.0,
        size: tuple[int, int, int],
    ) -> Separable:
        """Masks of `size` (n, H, W) from curves of shapes (n, H) for u and d, (n, W) for v and a, or that broadcast to
        these."""
        n, height, width = size
        down, across = np.empty((n, 2, height), np.float32), np.empty((n, 2, width), np.float32)
        down[:, 0], down[:, 1], across[:, 0], across[:, 1] = u, d, v, a
        return cls(down, across)

    def __len__(self) -> int:
        return len(self.down)

    def __getitem__(self, index: Any) -> np.ndarray:
        """(..., H, W) float32."""
        down, across = self.down[index], self.across[index]
        mask = down[..., 1, :, None] * across[..., 1, None, :]
        mask += down[..., 0, :, None]
        mask += across[..., 0, None, :]
        return mask

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return self[:].astype(np.float32 if dtype is None else dtype, copy=False)

    @property
    def shape(self) -> tuple[int, int, int]:
        """(n, H, W)."""
        return len(self.down), self.down.shape[2], self.across.shape[2]


def array(owner: str, name: str, value: Any) -> None:
    """Raise TypeError if a value is no NumPy array."""
    if not isinstance(value, np.ndarray):
        raise TypeError(f"{owner}: {name} is a {type(value).__name__}, expected a NumPy array")
