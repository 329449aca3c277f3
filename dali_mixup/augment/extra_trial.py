"""A trial of a user's functions, before the first batch: each in a small graph of its own, on two images of noise."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from nvidia.dali import Pipeline, fn, types

from dali_mixup._graph.added import fed_from_outside, fixed_seeds, runs_python
from dali_mixup._graph.decode import words
from dali_mixup._graph.pixel_kind import PixelKind
from dali_mixup.augment.extra import Extra
from dali_mixup.augment.extra_graph import node_of

log = logging.getLogger("dali_mixup")

DECODED = ((96, 128), (128, 80))
"""Sizes of the two images where images of one batch differ in size."""

UINT8 = (types.DALIDataType.UINT8, np.uint8)
UINT16 = (types.DALIDataType.UINT16, np.uint16)
FLOAT = (types.DALIDataType.FLOAT, np.float32)


Views = Iterable[tuple[Sequence[Extra], tuple[int, int], str]]
"""For each view its functions, (height, width) of its images after the crop, and their layout after mixing."""


def try_extras(views: Views, device_id: int | None, pixels: PixelKind) -> None:
    """Run each function of the graph, once for each size and layout.

    Args:
        device_id: GPU index; None: the CPU.
        pixels: that are decoded.

    Raises:
        TypeError, ValueError: a function that does not return a node of what it was given, or that reads batches of its
            own.
        RuntimeError: DALI refuses its operators, or they fail.
        Exception: whatever a function raises.
    """
    tried, said = set(), set()
    for extra, size, last in ((extra, size, layout) for extras, size, layout in views for extra in extras):
        sizes = DECODED if extra.place == "after_decode" else (size, size)
        layout = last if extra.place == "after_mix" else "HWC"
        if extra.place == "batch" or (id(extra), sizes, layout) in tried:
            continue
        pipe = _tried(extra, sizes, layout, device_id, pixels)
        if id(extra) not in said:
            _say_what_no_state_has(extra, pipe)
        tried.add((id(extra), sizes, layout))
        said.add(id(extra))


def _given(place: str, pixels: PixelKind) -> tuple[Any, Any]:
    """DALI's and NumPy's type of what a function gets at that place."""
    if place == "after_mix" or (pixels.bits == 16 and place != "after_decode"):
        return FLOAT
    return UINT8 if pixels.bits == 8 else UINT16


def _tried(
    extra: Extra,
    sizes: Sequence[tuple[int, int]],
    layout: str,
    device_id: int | None,
    pixels: PixelKind,
) -> Pipeline:
    what = f"extra {extra.name} at {extra.place!r}"
    kind, numpy_kind = _given(extra.place, pixels)
    given = _images([(*size, pixels.channels) for size in sizes], layout, numpy_kind)
    pipe = trial_graph(extra, given, layout, device_id)
    try:
        pipe.build()
    except Exception as error:  # DALI may raise anything
        raise RuntimeError(f"{what}: DALI refuses its operators ({words(str(error))})") from error
    if fed_from_outside(pipe) > 1:
        raise ValueError(
            f"{what} has a fn.external_source of its own, whose batches would not follow the loader's when it resumes "
            'or leaves out a file; make it a constant, or a function at place="batch"'
        )
    try:
        (made,) = pipe.run()
    except Exception as error:
        raise RuntimeError(f"{what} fails on images of noise of {sizes} pixels. {error}") from error
    expected = [image.shape for image in given]
    if made.dtype != kind or made.shape() != expected:
        only_type = made.shape() == expected
        raise ValueError(
            f"{what} returned {_said(made.dtype, made.shape())}, expected what it was given: {_said(kind, expected)}"
            + (f"; end it with fn.cast(..., dtype=types.{kind.name})" if only_type else "")
        )
    return pipe


def trial_graph(extra: Extra, given: Sequence[np.ndarray], layout: str, device_id: int | None) -> Pipeline:
    """The pipeline, not built: `given` once, then the function."""
    pipe = Pipeline(
        batch_size=len(given),
        num_threads=1,
        device_id=device_id,
        seed=0,
        prefetch_queue_depth=1,
        enable_checkpointing=True,
    )
    with pipe:
        images = fn.external_source(source=lambda info: given, batch=True, batch_info=True, layout=layout)
        pipe.set_outputs(node_of(extra, images if device_id is None else images.gpu()))
    return pipe


def _images(shapes: Sequence[tuple[int, int, int]], layout: str, kind: Any) -> list[np.ndarray]:
    noise = np.random.RandomState(0)
    images = [noise.randint(0, 256, shape).astype(kind) for shape in shapes]
    return images if layout == "HWC" else [np.ascontiguousarray(image.transpose(2, 0, 1)) for image in images]


def _say_what_no_state_has(extra: Extra, pipe: Pipeline) -> None:
    what = f"extra {extra.name} at {extra.place!r}"
    if runs_python(pipe):
        log.warning(
            "%s calls Python for every batch: its random numbers, and what else it keeps there, are part of no saved "
            "state, so a resumed run repeats its batches only if it has none",
            what,
        )
    fixed = fixed_seeds(pipe)
    if fixed:
        log.warning(
            "%s gives a seed to %s: every rank draws the same numbers, and so does every new pipeline; leave the seed "
            "out, and each operator has its own",
            what,
            ", ".join(fixed),
        )


def _said(kind: Any, shapes: Sequence[tuple[int, ...]]) -> str:
    return f"{kind.name.lower()} images of shapes {' and '.join(map(str, shapes))}"
