"""Single-image operations as numbers: the effect of each named operation, before any image is touched.

NumPy only. An operation ("Rotate", "Color", ...) and its value become a kernel, which the graph can run
(`kernels.py`), and that kernel's parameters. Several operations share a kernel: every shear, shift and rotation is one
affine map, every change of saturation and hue one colour matrix.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import IntEnum

import numpy as np

from dali_mixup._checks import choice

MOST_OPERATIONS = 100
"""In a row on one image, each of which is a pass over its pixels."""

# Pillow and torchvision truncate a blend, DALI rounds to the nearest. Whole numbers survive this shift on every
# backend, and other values are truncated unless their fraction is above 0.999.
TRUNCATE = 0.499

LUMA = np.array([0.299, 0.587, 0.114])  # ITU-R 601, as Pillow's "L"

# DALI's window has 2 ceil(3 sigma) + 1 pixels, and its GPU kernel takes at most 169 for three channels.
MOST_SIGMA = 28.0


class Kernel(IntEnum):
    """The operations that the graph can apply to an image. The comment names the parameter."""

    NONE = 0
    AFFINE = 1  # affine
    COLOUR = 2  # colour
    CONTRAST = 3  # amount: factor
    SHARPNESS = 4  # amount: factor
    POSTERIZE = 5  # amount: mask of the bits that stay
    SOLARIZE = 6  # amount: first value that is inverted
    SOLARIZE_ADD = 7  # amount: added to values below 128
    AUTOCONTRAST = 8
    EQUALIZE = 9
    BLUR = 10  # amount: sigma in pixels
    BRIGHTNESS = 11  # amount: factor. A tenth of a colour matrix's time on the CPU
    JPEG = 12  # amount: quality


PARAMETER = {
    Kernel.AFFINE: "affine",
    Kernel.COLOUR: "colour",
    Kernel.CONTRAST: "amount",
    Kernel.SHARPNESS: "amount",
    Kernel.POSTERIZE: "amount",
    Kernel.SOLARIZE: "amount",
    Kernel.SOLARIZE_ADD: "amount",
    Kernel.BLUR: "amount",
    Kernel.BRIGHTNESS: "amount",
    Kernel.JPEG: "amount",
}
"""The field of `Actions` that holds a kernel's parameter, for the kernels that have one."""


@dataclass
class Actions:
    """One kernel and its parameters for each of N images.

    Attributes:
        kernel: (N,) int32.
        affine: (N, 2, 3) float32, from output to input coordinates (x, y); (0, 0) is the corner of the first pixel.
        colour: (N, 3, 4) float32, output = [M T] (r, g, b, 1) in 0..255.
        amount: (N,) float32.
    """

    kernel: np.ndarray
    affine: np.ndarray
    colour: np.ndarray
    amount: np.ndarray

    @classmethod
    def none(cls, rows: int) -> Actions:
        """Every image left alone."""
        return cls(
            np.zeros(rows, np.int32),
            np.tile(np.eye(2, 3, dtype=np.float32), (rows, 1, 1)),
            np.tile(np.eye(3, 4, dtype=np.float32), (rows, 1, 1)),
            np.ones(rows, np.float32),
        )

    def put(
        self, where: np.ndarray, operation: str, values: np.ndarray | float, height: int, width: int
    ) -> None:
        """Set the operation of some images.

        Args:
            where: (N,) bool.
            operation: a name of `OPERATIONS`.
            values: the operation's value, (N,) for each image, read where `where` is True, or one for all.
            height, width: of the images.

        Raises:
            ValueError: another operation, other shapes, or `where` of another type.
        """
        kernel, parameter = OPERATIONS[choice("Actions.put", "operation", operation, tuple(OPERATIONS))]
        where = np.asarray(where)
        if (
            where.dtype != bool
            or where.shape != self.kernel.shape
            or np.shape(values) not in ((), where.shape)
        ):
            raise ValueError(
                f"Actions.put: where of {where.dtype}, shape {where.shape}, and values of shape {np.shape(values)}; "
                f"expected bool and numbers, {self.kernel.shape}, one of each for an image"
            )
        self.kernel[where] = int(kernel)
        if parameter is not None:
            target = {Kernel.AFFINE: self.affine, Kernel.COLOUR: self.colour}.get(kernel, self.amount)
            each = np.broadcast_to(np.asarray(values, np.float64), where.shape)
            target[where] = parameter(each[where], height, width)


def kernels_of(operations: Iterable[str]) -> frozenset[Kernel]:
    """The kernels that these operations, names of `OPERATIONS`, need. ValueError: another name."""
    names = tuple(OPERATIONS)
    return frozenset(OPERATIONS[choice("kernels_of", "operation", name, names)][0] for name in operations)


Parameter = Callable[[np.ndarray, int, int], np.ndarray]


def _affine(v: np.ndarray, a: object, b: object, c: object, d: object, e: object, f: object) -> np.ndarray:
    return np.stack(
        [np.broadcast_to(np.asarray(x, np.float64), v.shape) for x in (a, b, c, d, e, f)], axis=1
    ).reshape(-1, 2, 3)


def _rotate(degrees: np.ndarray, height: int, width: int) -> np.ndarray:
    c, s = np.cos(np.deg2rad(degrees)), np.sin(np.deg2rad(degrees))
    x, y = width / 2, height / 2
    return _affine(degrees, c, -s, x - c * x + s * y, s, c, y - s * x - c * y)


def _matrix(matrices: np.ndarray, shift: np.ndarray | float) -> np.ndarray:
    shifts = np.broadcast_to(np.reshape(shift, (-1, 1, 1)), (len(matrices), 3, 1))
    return np.concatenate([matrices, shifts], axis=2)


def _color(factor: np.ndarray, height: int, width: int) -> np.ndarray:
    """Blend of the image and its luma, which Pillow rounds; so at factor 0 nothing is truncated."""
    grey = np.tile(LUMA, (3, 1))
    f = factor[:, None, None]
    return _matrix(f * np.eye(3) + (1 - f) * grey, np.where(factor == 0, 0.0, -TRUNCATE))


def _hue(turns: np.ndarray, height: int, width: int) -> np.ndarray:
    """Rotation of (r, g, b) about the grey axis by `turns` of a full circle, red towards green (Rodrigues' formula).

    Linear, where torchvision's hue shift in HSV is not: the two agree at multiples of a third of a turn.
    """
    c, s = (f(2 * np.pi * turns)[:, None, None] for f in (np.cos, np.sin))
    cross = np.array([[0, -1, 1], [1, 0, -1], [-1, 1, 0]]) / np.sqrt(3)
    return _matrix(c * np.eye(3) + (1 - c) / 3 + s * cross, 0.0)


def _as_is(values: np.ndarray, height: int, width: int) -> np.ndarray:
    return values


OPERATIONS: dict[str, tuple[Kernel, Parameter | None]] = {
    "Identity": (Kernel.NONE, None),
    # factor: x of the input = x + factor * y of the output, as in Pillow's affine (1, factor, 0, 0, 1, 0)
    "ShearX": (Kernel.AFFINE, lambda v, h, w: _affine(v, 1, v, 0, 0, 1, 0)),
    "ShearY": (Kernel.AFFINE, lambda v, h, w: _affine(v, 1, 0, 0, v, 1, 0)),
    # pixels: how much further right or down the output reads
    "TranslateX": (Kernel.AFFINE, lambda v, h, w: _affine(v, 1, 0, v, 0, 1, 0)),
    "TranslateY": (Kernel.AFFINE, lambda v, h, w: _affine(v, 1, 0, 0, 0, 1, v)),
    "Rotate": (Kernel.AFFINE, _rotate),  # degrees counter-clockwise about the centre, as Image.rotate
    # factors as PIL.ImageEnhance: 0 the degenerate image, 1 the image
    "Brightness": (Kernel.BRIGHTNESS, _as_is),
    "Color": (Kernel.COLOUR, _color),
    "Hue": (Kernel.COLOUR, _hue),
    "Contrast": (Kernel.CONTRAST, _as_is),
    "Sharpness": (Kernel.SHARPNESS, _as_is),
    # bits that stay; part of a bit is none, as in torchvision and timm
    "Posterize": (Kernel.POSTERIZE, lambda v, h, w: 256 - 2.0 ** (8 - np.floor(np.clip(v, 0, 8)))),
    # threshold 0..256: values from it on are inverted
    "Solarize": (Kernel.SOLARIZE, lambda v, h, w: np.ceil(v)),
    # grey levels, whole ones as in timm
    "SolarizeAdd": (Kernel.SOLARIZE_ADD, lambda v, h, w: np.floor(np.clip(v, -255, 255))),
    "Invert": (Kernel.SOLARIZE, lambda v, h, w: np.zeros_like(v)),
    "AutoContrast": (Kernel.AUTOCONTRAST, None),
    "Equalize": (Kernel.EQUALIZE, None),
    "GaussianBlur": (Kernel.BLUR, _as_is),
    "JPEG": (Kernel.JPEG, lambda v, h, w: np.floor(v)),  # quality 1..100
}
