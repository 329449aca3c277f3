"""Every pixel that DALI's GPU kernel would read for `fn.multi_paste`, by DALI's own planning code, compiled here.

The planning is host code in a header of the wheel, so nvcc is enough; what it hands to the kernel says for each pixel
of the result where it is read from. It is compared with copying rectangle by rectangle, as the CPU operator does.
"""

from __future__ import annotations

import ctypes
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from dali_mixup._decide.policy import MixPolicy
from dali_mixup._graph.feed import PlanFeed
from dali_mixup.methods import (
    RICAP,
    CutMix,
    DCutMix,
    Form,
    Method,
    MixUp,
    Mosaic,
    ResizeMix,
    SpecMix,
    StackMix,
)

pytestmark = pytest.mark.skipif(shutil.which("nvcc") is None, reason="needs nvcc (the CUDA toolkit), no GPU")

H, W, ROWS = 40, 56, 24
Planning = Callable[..., np.ndarray]


@pytest.fixture(scope="module")
def read_from(tmp_path_factory: pytest.TempPathFactory) -> Planning:
    """(H, W, 3) int: input, sample and offset in it that each pixel of a row is read from."""
    import nvidia.dali

    library = tmp_path_factory.mktemp("planning") / "planning.so"
    include = Path(nvidia.dali.__file__).parent / "include"
    source = Path(__file__).with_name("paste_planning.cu")
    command = [
        "nvcc",
        "-std=c++17",
        "-O1",
        "-shared",
        "-Xcompiler",
        "-fPIC",
        "-I",
        include,
        source,
        "-o",
        library,
    ]
    subprocess.run(list(map(str, command)), check=True, capture_output=True)
    function = ctypes.CDLL(str(library)).read_from

    def call(inputs: np.ndarray, samples: np.ndarray, start: np.ndarray, to: np.ndarray, shape: np.ndarray):  # type: ignore[no-untyped-def]
        out = np.zeros((H, W, 3), np.int32)
        tables = [np.ascontiguousarray(t, np.int32) for t in (inputs, samples, start, to, shape)]
        own = np.array([H, W], np.int32)
        pointers = [t.ctypes.data_as(ctypes.POINTER(ctypes.c_int)) for t in (*tables, own, out)]
        function(H, W, len(samples), *pointers[:5], ROWS, *pointers[5:])
        return out

    return call


def copied(inputs, samples, start, to, shape, widths=None):  # type: ignore[no-untyped-def]
    """The same from copying one rectangle after the other; `widths` of the inputs in pixels."""
    out = np.full((H, W, 3), -1, np.int32)
    for source, sample, (y, x), (top, left), (h, w) in zip(inputs, samples, start, to, shape, strict=True):
        rows, columns = np.mgrid[y : y + h, x : x + w]
        offsets = rows * (widths[source] if widths else W) + columns
        out[top : top + h, left : left + w] = np.stack(
            [np.full((h, w), source), np.full((h, w), sample), offsets], 2
        )
    return out


@pytest.mark.parametrize("granularity", ["batch", "sample"])
@pytest.mark.parametrize(
    "methods",
    [
        [CutMix(1.0)],
        [CutMix(1.0, minmax=(0.01, 0.2))],
        [RICAP()],
        [DCutMix()],
        [CutMix(), DCutMix(), SpecMix()],
        [CutMix(1.0), Mosaic()],
        [CutMix(1.0), RICAP()],
        [MixUp(), CutMix(), Mosaic()],
    ],
    ids=str,
)
def test_the_gpu_pastes_what_the_plan_says(
    read_from: Planning, methods: list[Method], granularity: str
) -> None:
    policy = MixPolicy(methods, granularity=granularity)
    feed = PlanFeed(policy, (0.0,) * 3, (1.0,) * 3, H, W)
    pasted = 0
    for step in range(12):
        plan = policy.plan(ROWS, H, W, seed=0, epoch=0, step=step)
        names = ("paste_ids", "paste_from", "paste_to", "paste_shape")
        tables = dict(zip(names, feed.arrays(plan, names), strict=True))
        for i in np.flatnonzero(np.isin(plan.form, (Form.PASTE, Form.NONE))):
            row = [np.zeros(len(tables["paste_ids"][i]), np.int32), *(tables[name][i] for name in names)]
            np.testing.assert_array_equal(read_from(*row), copied(*row))
            pasted += plan.form[i] == Form.PASTE
    assert pasted


@pytest.mark.parametrize(
    "methods", [[ResizeMix()], [StackMix()], [ResizeMix("openmixup"), StackMix()]], ids=str
)
def test_the_gpu_pastes_resized_images_from_canvases(read_from: Planning, methods: list[Method]) -> None:
    policy = MixPolicy(methods, granularity="sample", partners="derangement")
    feed = PlanFeed(policy, (0.0,) * 3, (1.0,) * 3, H, W)
    for step in range(4):
        plan = policy.plan(ROWS, H, W, seed=0, epoch=0, step=step)
        names = ("resize_to", "resize_shape")
        tables = dict(zip(names, feed.arrays(plan, names), strict=True))
        for i in range(ROWS):
            to, shape = (tables[name][i] for name in names)
            row = (np.arange(len(to)), np.full(len(to), i), to, to, shape)
            np.testing.assert_array_equal(read_from(*row), copied(*row))


def test_what_dali_gets_wrong_is_still_so(read_from: Planning) -> None:
    """The two faults of DALI 2.4 that the feed goes around; where this fails, DALI has mended one: go straight."""
    empty_last = (
        np.zeros(3, int),
        np.array([0, 1, 0]),
        *_rectangles((0, 0, H, W), (4, 5, 6, 7), (0, 0, 0, 0)),
    )
    assert (read_from(*empty_last) != copied(*empty_last)).any()
    smaller = (np.array([0, 1]), np.zeros(2, int), *_rectangles((0, 0, H, W), (4, 5, 6, 7)))
    smaller[2][1] = 0  # from the top left of an image of 6 x 7
    assert (read_from(*smaller) != copied(*smaller, widths=[W, 7])).any()


def _rectangles(*given: tuple[int, int, int, int]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(from, to, shape) of rectangles (y, x, height, width) that stay where they are."""
    table = np.array(given)
    return table[:, :2].copy(), table[:, :2].copy(), table[:, 2:].copy()
