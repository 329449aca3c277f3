"""timm's scales: the meaning of a magnitude of 0..10 for each of its operations. NumPy only.

Each entry of `LEVELS` turns (fraction, sign, uniform, height, width) into the operation's values: fraction is
magnitude / 10, sign is +1 or -1 with equal probability, uniform is in [0, 1); (N,) arrays all three.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

Level = Callable[[np.ndarray, np.ndarray, np.ndarray, int, int], np.ndarray]


def _zero(f: np.ndarray, sign: np.ndarray, u: np.ndarray, h: int, w: int) -> np.ndarray:
    return np.zeros_like(f)


def _enhance(f: np.ndarray, sign: np.ndarray, u: np.ndarray, h: int, w: int) -> np.ndarray:
    return 0.1 + 1.8 * f


def _enhance_more(f: np.ndarray, sign: np.ndarray, u: np.ndarray, h: int, w: int) -> np.ndarray:
    return np.maximum(0.1, 1 + sign * 0.9 * f)


def _shear(f: np.ndarray, sign: np.ndarray, u: np.ndarray, h: int, w: int) -> np.ndarray:
    return sign * 0.3 * f


def _bits(f: np.ndarray) -> np.ndarray:
    return np.floor(4 * f)


def _threshold(f: np.ndarray) -> np.ndarray:
    return np.minimum(256, np.floor(256 * f))


LEVELS: dict[str, tuple[str, Level]] = {
    "AutoContrast": ("AutoContrast", _zero),
    "Equalize": ("Equalize", _zero),
    "Invert": ("Invert", _zero),
    "Rotate": ("Rotate", lambda f, sign, u, h, w: sign * 30 * f),
    "Posterize": ("Posterize", lambda f, sign, u, h, w: _bits(f)),
    "PosterizeIncreasing": ("Posterize", lambda f, sign, u, h, w: 4 - _bits(f)),
    "PosterizeOriginal": ("Posterize", lambda f, sign, u, h, w: 4 + _bits(f)),
    "Solarize": ("Solarize", lambda f, sign, u, h, w: _threshold(f)),
    "SolarizeIncreasing": ("Solarize", lambda f, sign, u, h, w: 256 - _threshold(f)),
    "SolarizeAdd": ("SolarizeAdd", lambda f, sign, u, h, w: np.minimum(128, np.floor(110 * f))),
    "Color": ("Color", _enhance),
    "ColorIncreasing": ("Color", _enhance_more),
    "Contrast": ("Contrast", _enhance),
    "ContrastIncreasing": ("Contrast", _enhance_more),
    "Brightness": ("Brightness", _enhance),
    "BrightnessIncreasing": ("Brightness", _enhance_more),
    "Sharpness": ("Sharpness", _enhance),
    "SharpnessIncreasing": ("Sharpness", _enhance_more),
    "ShearX": ("ShearX", _shear),
    "ShearY": ("ShearY", _shear),
    "TranslateXRel": ("TranslateX", lambda f, sign, u, h, w: sign * 0.45 * f * w),
    "TranslateYRel": ("TranslateY", lambda f, sign, u, h, w: sign * 0.45 * f * h),
    "Desaturate": ("Color", lambda f, sign, u, h, w: 1 - np.clip(0.5 + 0.5 * f, 0.5, 1)),
    "GaussianBlur": ("GaussianBlur", lambda f, sign, u, h, w: np.clip(0.1 + 1.9 * f, 0.1, 2)),
    "GaussianBlurRand": ("GaussianBlur", lambda f, sign, u, h, w: 0.1 + u * (2 * np.clip(f, 0, 1) - 0.1)),
}


def magnitudes(
    rng: np.random.RandomState, centre: float, std: float, highest: float, rows: int
) -> np.ndarray:
    """(rows,) fractions magnitude / 10: the magnitude is `centre`, or normal around it with `std`, or, with an
    infinite std, uniform between 0 and it; then clipped to [0, highest]."""
    if std == float("inf"):
        return np.minimum(rng.random_sample(rows) * centre, highest) / 10
    return np.clip(centre + std * rng.standard_normal(rows), 0, highest) / 10


def signs(rng: np.random.RandomState, rows: int) -> np.ndarray:
    """(rows,) +1 or -1 with equal probability."""
    return np.where(rng.random_sample(rows) > 0.5, -1.0, 1.0)
