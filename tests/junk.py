"""Values of every kind for arguments, and whether an object says what it was given."""

from __future__ import annotations

from numbers import Number
from pathlib import Path
from typing import Any

import numpy as np
import torch
from hypothesis import strategies as st

from dali_mixup import (
    Balanced,
    ClassGroups,
    CorruptLabels,
    CutMix,
    Extra,
    HandOver,
    LabelDistance,
    LabelVectors,
    MixPolicy,
    MixUp,
    Neighbours,
    Output,
    Pool,
    Repeated,
    Runtime,
    SameClass,
    Schedule,
    Sequential,
    Skip,
    TrainTransform,
    Unlabelled,
    ValTransform,
    View,
)
from dali_mixup.augment import Cutout, MultiScale, PhotometricDistort, RandomErasing, SizeSchedule
from tests.extras import invert

numbers = (
    st.integers(-3, 400)
    | st.sampled_from(
        [
            10**9,
            2**32 + 16,
            2**63,
            -(10**30),
            10**30,
            10**400,
            1e308,
            1e-320,
            True,
            False,
            np.True_,
            np.False_,
        ]
    )
    | st.floats(allow_nan=True, allow_infinity=True)
    | st.sampled_from([0.0, 0.5, 1.0, np.float32(0.25), np.int64(3), np.float64("nan"), 2 + 1j])
)
names = st.sampled_from(
    [
        *(
            "batch",
            "pair",
            "sample",
            "epoch",
            "step",
            "auto",
            "cpu",
            "cuda",
            "cuda:9",
            "dense",
            "skip",
            "raise",
        ),
        *("float16", "uint8", "flip", "pool", "bilinear", "pixel", "numba", "elem", "identity", "uniform"),
    ]
)
objects = st.sampled_from(
    [
        *(b"cpu", object(), len, MixUp, Path("x"), float, range(24)),
        *(MixUp(0.3), CutMix(1.0), Schedule(), MixPolicy(MixUp(0.2)), SameClass(), Neighbours([[0]])),
        *(Balanced(0.5), LabelDistance(0.3)),
        *(Output(), Runtime(), Skip(3), Skip, Sequential(), Repeated(2), ClassGroups(2), HandOver()),
        *(CorruptLabels(0.5), LabelVectors([[1.0]]), Pool(Unlabelled([])), Unlabelled([])),
        *(View(), [View(count=2)], [View(), View(size=32, policy=MixUp())]),
        *(
            TrainTransform(32),
            ValTransform(32),
            Extra(invert, "after_mix"),
            Cutout(3),
            PhotometricDistort(),
            RandomErasing(),
            MultiScale(),
            SizeSchedule(((0, 64),)),
        ),
        *(torch.float16, torch.int32, torch.device("cpu"), torch.zeros(3), torch.ones(()), np.array(2)),
    ]
)
things = numbers | st.none() | st.text(max_size=4) | names | objects
pairs = st.tuples(st.floats(0, 1), st.floats(0, 4)).map(sorted)
arrays = st.lists(numbers.filter(lambda n: not isinstance(n, complex) and abs(n) < 10**12), max_size=4).map(
    np.array
)
junk = (
    things
    | st.lists(things, max_size=4)
    | st.lists(things, max_size=3).map(tuple)
    | pairs
    | st.lists(st.tuples(numbers, numbers), max_size=3).map(tuple)
    | st.dictionaries(st.text(max_size=2), things, max_size=2)
    | st.dictionaries(st.integers(0, 3), st.floats(0, 1), min_size=1, max_size=4)
    | st.sets(st.floats(0, 4) | st.integers(0, 4), min_size=1, max_size=3)
    | arrays
)


def says(got: Any, given: Any) -> bool:
    """Whether an attribute holds the value that was given: the same object, or plain Python numbers, text and tuples
    that mean the same. One thing may stand for a tuple of one."""
    if isinstance(given, (bool, np.bool_)) or isinstance(got, (bool, np.bool_)):
        return type(got) is bool and isinstance(given, (bool, np.bool_)) and got == bool(given)
    if isinstance(given, Number):
        if isinstance(got, tuple) and len(got) == 1:
            return says(got[0], given)
        return got == given if type(got) is int else type(got) is float and got == float(given)
    if isinstance(given, (list, tuple, np.ndarray)):
        if isinstance(got, np.ndarray):
            return np.array_equal(got, np.asarray(given, dtype=got.dtype))
        return isinstance(got, tuple) and len(got) == len(given) and all(map(says, got, given))
    if isinstance(given, torch.dtype):
        return got == str(given).removeprefix("torch.")
    return got is given or got == given or (isinstance(got, tuple) and len(got) == 1 and got[0] is given)
