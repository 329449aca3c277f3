"""Checks of the inputs of `fn.mix`, batch by batch: a graph knows neither shapes nor types when it is built.

DALI would mix something else without an error: boxes would be outside the images, a grey image would be added to each
channel of a coloured one, the GPU's crop_mirror_normalize would begin again with the first mean where there are more
channels than means, and one_hot would give a row of off values for a class it does not have.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

import numpy as np

from dali_mixup._graph.feed import PlanFeed
from dali_mixup._graph.layout import Layout
from dali_mixup.methods import Form


def check_shapes(shapes: np.ndarray, layout: Layout, size: tuple[int, int] | None, means: int) -> None:
    """Raise ValueError for rows that cannot be mixed with each other, or not by plans of this size.

    Args:
        shapes: (N, dimensions), one line per row.
        size: (height, width) for which the plans are made; None: for any.
        means: number of means of the normalisation; 1 is for any number of channels.
    """
    if layout.given is not None and shapes.shape[1] != len(layout.given):
        raise ValueError(
            f"{_noun(layout)} of {shapes.shape[1]} dimensions; expected {layout.given}, which has {len(layout.given)}; "
            "give the layout that the rows have, one letter for each axis"
        )
    if size is not None:
        _check_size(shapes, layout, size)
    if layout.images:
        _check_one_number_of_channels(shapes, layout)
    different = np.flatnonzero((shapes != shapes[0]).any(1))
    if len(different):
        raise ValueError(
            f"rows of shapes {_shape(shapes[0])} and {_shape(shapes[different[0]])} in one batch; rows that are mixed "
            "need one shape: pad or crop them before, for example with fn.pad or fn.slice"
        )
    if layout.given is not None and "C" in layout.given and means > 1:
        channels = shapes[0, layout.given.index("C")]
        if channels != means:
            raise ValueError(
                f"{_noun(layout)} of {channels} channels, but output has {means} means and deviations; give one for "
                "each channel, or one for all"
            )


def check_row_type(dtype: np.dtype | None, forms: Collection[Form]) -> None:
    """Raise TypeError for rows of a type that DALI's operators do not mix in these forms; None: it is not known."""
    taken = _types(forms)
    if dtype is not None and dtype.name not in taken:
        half = " or, for float16, half_images=True" if dtype == np.float16 else ""
        raise TypeError(
            f"rows of type {dtype}; with the methods of this policy expected {_listed(taken)}: give them as "
            f"fn.cast(images, dtype=types.FLOAT){half}"
        )


def check_maps(shapes: np.ndarray, dtype: np.dtype | None, layout: Layout, feed: PlanFeed) -> None:
    """Raise TypeError or ValueError for segmentation maps that cannot be mixed like their images.

    Args:
        shapes: (N, dimensions), one line per map.
        dtype: of the maps; None if it is not known.
    """
    size = (feed.height, feed.width)
    expected = [size, (*size, 1), *([(1, *size)] if layout.given == "CHW" else [])]
    wrong = next((shape for shape in map(_shape, shapes) if shape not in expected), None)
    if wrong is not None:
        raise ValueError(
            f"a segmentation map of shape {wrong} with image_size={size}; expected {_listed(map(str, expected))}, as "
            "its image has: resize and crop maps like their images"
        )
    taken = _types(feed.forms)
    if dtype is not None and dtype.name not in taken:
        raise TypeError(
            f"segmentation maps of type {dtype}; with the methods of this policy expected {_listed(taken)}: give them "
            "as fn.cast(maps, dtype=types.INT16)"
        )


def check_ids(labels: Sequence[np.ndarray], num_classes: int) -> np.ndarray:
    """(N,) int64 class ids of the labels; ValueError for other labels, or ids outside [0, num_classes)."""
    wrong = next((label for label in labels if label.size != 1 or label.dtype.kind not in "iu"), None)
    if wrong is not None:
        raise ValueError(
            f"a label of shape {wrong.shape} and type {wrong.dtype} with num_classes={num_classes}; expected one "
            "integer class id per image (for one-hot, multi-hot or regression vectors leave num_classes out)"
        )
    values = np.array([int(label.reshape(())) for label in labels], np.int64)
    refuse_ids_outside(values, num_classes)
    return values


def refuse_ids_outside(ids: np.ndarray, num_classes: int, owner: str = "") -> None:
    """Raise ValueError for class ids (N,) outside [0, num_classes); `owner` begins its message."""
    bad = ids[(ids < 0) | (ids >= num_classes)]
    if len(bad):
        raise ValueError(
            f"{owner}label {int(bad[0])} is outside [0, {num_classes}); {len(bad)} of {len(ids)} labels in this batch "
            f"are. Give num_classes >= {int(ids.max()) + 1}, or correct the labels"
        )


def check_vectors(labels: Sequence[np.ndarray]) -> None:
    """Raise ValueError for labels that are not vectors of one length, or are class ids."""
    if labels[0].ndim != 1 or any(label.shape != labels[0].shape for label in labels):
        raise ValueError(
            f"labels of shapes {sorted({label.shape for label in labels})} without num_classes; expected one vector "
            "(C,) per image, all of one length (for class ids give num_classes)"
        )
    if labels[0].dtype.kind in "iu" and labels[0].size == 1:
        raise ValueError(
            f"labels of one {labels[0].dtype} number each without num_classes; give num_classes for class ids, or "
            "float32 vectors for regression targets"
        )


def _types(forms: Collection[Form]) -> list[str]:
    """The types that DALI's operators of these forms take: it pastes no uint16 and resizes no int32."""
    taken = ["uint8", "int16", "float32"]
    if Form.RESIZE not in forms:
        taken.insert(2, "int32")
        if Form.PASTE not in forms:
            taken.insert(2, "uint16")
    return taken


def _listed(names: Iterable[str]) -> str:
    *others, last = names
    return f"{', '.join(others)} or {last}"


def _check_size(shapes: np.ndarray, layout: Layout, size: tuple[int, int]) -> None:
    assert layout.given is not None
    given = layout.given
    axes = [given.index(axis) for axis in "HW" if axis in given]
    expected = size[-len(axes) :]
    wrong = np.flatnonzero((shapes[:, axes] != expected).any(1))
    if not len(wrong):
        return
    shape = shapes[wrong[0]]
    found = " x ".join(str(shape[axis]) for axis in axes)
    raise ValueError(
        f"{_noun(layout, one=True)} of {found} pixels ({given} shape {_shape(shape)}), but image_size={size}; give the "
        f"size that the images have{_hint(given, shape)}"
    )


def _hint(given: str, shape: np.ndarray) -> str:
    if given in ("HWC", "CHW"):
        other = "CHW" if given == "HWC" else "HWC"
        if shape[given.index("C")] not in (1, 3, 4) and shape[other.index("C")] in (1, 3, 4):
            return f", and layout='{other}', which their shape looks like"
    return ", or resize them before"


def _check_one_number_of_channels(shapes: np.ndarray, layout: Layout) -> None:
    assert layout.given is not None
    channels = np.unique(shapes[:, layout.given.index("C")]).tolist()
    if len(channels) > 1:
        raise ValueError(
            f"images of {' and '.join(map(str, channels))} channels in one batch; give all of them the same "
            "number, for example by decoding to types.RGB"
        )


def _noun(layout: Layout, one: bool = False) -> str:
    if layout.images:
        return "an image" if one else "images"
    return "a row" if one else "rows"


def _shape(line: np.ndarray) -> tuple[int, ...]:
    return tuple(map(int, line))
