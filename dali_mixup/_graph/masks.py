"""One mask of a sample, checked: the class ids in it, or the reason why the sample is unfit."""

from __future__ import annotations

import numpy as np

from dali_mixup._graph.look import Problem, UnfitError, decoding_problem, encoded_sample
from dali_mixup.sources.masks.pairs import ImagesWithMasks


def read_mask(
    source: ImagesWithMasks, index: int, size: tuple[int, int], classes: int, max_pixels: int
) -> np.ndarray:
    """(H, W) uint8 class ids, below `classes` or the source's ignore index.

    Args:
        size: (H, W) of the sample's image.

    Raises:
        UnfitError: the mask cannot be read or decoded, has another size or other classes.
        StorageError: it cannot be read at present, and it is not to blame.
    """
    encoded = encoded_sample(source.masks, index, max_pixels)
    try:
        ids = source.ids_in(encoded, classes, max_pixels)
    except ValueError as error:
        raise UnfitError(Problem.NO_MASK, str(error)) from None
    except Exception as error:  # Pillow's parsers raise all kinds of errors on damaged files
        raise UnfitError(decoding_problem(error), f"{type(error).__name__}: {error}") from None
    if ids.shape != size:
        raise UnfitError(
            Problem.OTHER_SIZE,
            f"{ids.shape[0]} x {ids.shape[1]} pixels; its image {source.name(index)} has {size[0]} x {size[1]}",
        )
    return ids
