"""Functions of a user's, for `Extra`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from nvidia.dali import fn, types

UINT8 = types.DALIDataType.UINT8
FLOAT = types.DALIDataType.FLOAT
NUMBERS = np.random.RandomState(0)


def invert(images: Any) -> Any:
    return images ^ types.Constant(255, dtype=UINT8)


def halve(images: Any) -> Any:
    return images // types.Constant(2, dtype=UINT8)


def speckle(images: Any) -> Any:
    """Noise, of which each image gets another share."""
    share = fn.random.uniform(range=[0.0, 60.0])
    return fn.cast(images + fn.random.normal(images, stddev=1.0) * share, dtype=UINT8)


def double(images: Any) -> Any:
    return images * 2.0


def jitter(images: Any) -> Any:
    return images + fn.random.normal(images, stddev=0.1)


@dataclass(frozen=True)
class Speckle:
    """`speckle` with a setting."""

    deviation: float

    def __call__(self, images: Any) -> Any:
        return fn.cast(images + fn.random.normal(images, stddev=self.deviation), dtype=UINT8)


def noisy(images: torch.Tensor, targets: Any) -> tuple[torch.Tensor, Any]:
    """Of the batch: torch's numbers, and NumPy's from torch's seed."""
    mine = np.random.default_rng(torch.initial_seed()).random(len(images), dtype=np.float32)
    scale = torch.from_numpy(mine).to(images.device)
    return images + torch.randn_like(images) * scale[:, None, None, None], targets


def keep(images: torch.Tensor, targets: Any) -> tuple[torch.Tensor, Any]:
    return images, targets


# At fault.
def narrow(images: Any) -> Any:
    return fn.crop(images, crop=[8, 8])


def turned(images: Any) -> Any:
    """Another shape, and the same number of pixels."""
    return fn.transpose(images, perm=[1, 0, 2])


def as_float(images: Any) -> Any:
    return fn.cast(images, dtype=FLOAT)


def as_double(images: Any) -> Any:
    return fn.cast(images, dtype=types.DALIDataType.FLOAT64)


def comparison(images: Any) -> Any:
    return images > 127


def flat(images: Any) -> Any:
    return fn.reshape(images, shape=[-1], layout="")


def nothing(images: Any) -> None:
    pass


def two(images: Any) -> Any:
    return images, images


def raising(images: Any) -> Any:
    raise ZeroDivisionError("a slip of the user's")


def stopping(images: Any) -> Any:
    return next(iter(()))


def wrong_operator(images: Any) -> Any:
    return fn.jpeg_compression_distortion(images, quality=fn.random.uniform(range=[10.0, 90.0]))


def uncheckpointed(images: Any) -> Any:
    fn.experimental.inputs.video(name="unused", sequence_length=1, device="cpu")
    return images + fn.experimental.inputs.video(name="film", sequence_length=1, device="cpu")


def fed_by_itself(images: Any) -> Any:
    return images + fn.external_source(source=lambda: [np.uint8(0)] * 2, batch=True)


def fixed(images: Any) -> Any:
    return fn.cast(images + fn.random.normal(images, stddev=5.0, seed=42), dtype=UINT8)


def in_python(images: Any) -> Any:
    return fn.python_function(images, function=_roll)


def _roll(image: np.ndarray) -> np.ndarray:
    return np.roll(image, NUMBERS.randint(3), axis=0)


def refusing_black(images: Any) -> Any:
    return fn.python_function(images, function=_refuse_black)


def _refuse_black(image: np.ndarray) -> np.ndarray:
    if not image.any():
        raise ValueError("nothing to see")
    return image


def shrinking_dark_images(images: Any) -> Any:
    """Keeps the shape of noise, but not that of dark images."""
    return fn.python_function(images, function=_without_dark_rows)


def _without_dark_rows(image: np.ndarray) -> np.ndarray:
    return image[image.mean((1, 2)) > 50]
