"""Whatever a public constructor is given: a valid object, or an error of ours that names the argument."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dali_mixup import CutMix, MixPolicy, MixUp, Schedule, TrainTransform, ValTransform, methods
from dali_mixup import train_loader as make_train_loader
from dali_mixup import val_loader as make_val_loader
from dali_mixup._decide.alternation import Alternation
from dali_mixup._decide.relabel import CorruptLabels
from dali_mixup._decide.remix import Remix
from dali_mixup._epochs.layout import EpochLayout
from dali_mixup._loader.companions import HandOver
from dali_mixup.methods.base import Method
from dali_mixup.sources import open_source

numbers = (
    st.integers(-3, 400)
    | st.sampled_from([10**9, -(10**30), 10**30, True, False])
    | st.floats(allow_nan=True, allow_infinity=True)
    | st.sampled_from([0.0, 0.5, 1.0, np.float32(0.25), np.int64(3), np.float64("nan"), 2 + 1j])
)
things = (
    numbers
    | st.none()
    | st.text(max_size=4)
    | st.sampled_from(
        ["batch", "pair", "sample", "epoch", "step", "auto", "cpu", "cuda", "cuda:9", "dense", "skip"]
    )
    | st.sampled_from([b"cpu", object(), len, lambda epoch: 0.5, MixUp, MixUp(0.3), CutMix(1.0), Schedule()])
    | st.sampled_from([torch.float16, torch.int32, torch.device("cpu"), torch.zeros(3), float, Path("x")])
)
junk = (
    things
    | st.lists(things, max_size=4)
    | st.lists(things, max_size=3).map(tuple)
    | st.lists(st.tuples(numbers, numbers), max_size=3).map(tuple)
    | st.dictionaries(st.text(max_size=2), things, max_size=2)
    | st.lists(numbers.filter(lambda n: not isinstance(n, complex) and abs(n) < 10**12), max_size=4).map(
        np.array
    )
)


def check(make: Callable[..., Any], base: dict[str, Any], changed: dict[str, Any]) -> None:
    try:
        made = make(**{**base, **changed})
    except (TypeError, ValueError, FileNotFoundError) as error:
        said = str(error)
        # from_timm's cutmix_minmax may be refused as the minmax of CutMix.
        named = [part for name in changed for part in (name, name.split("_", 1)[-1])]
        if "data" in changed:  # its errors name the file, or say what samples may look like
            named += ["samples?", "file", "label", "path", "list", "entry"]
        assert any(re.search(rf"\b{name}\b", said) for name in named), (type(error), said, changed)
        assert "unexpected keyword" not in said
    else:
        assert made is not None


def some_of(names: list[str]) -> st.SearchStrategy[dict[str, Any]]:
    chosen = st.lists(st.sampled_from(names), min_size=1, max_size=2, unique=True)
    return chosen.flatmap(lambda keys: st.fixed_dictionaries(dict.fromkeys(keys, junk)))


POLICY = {"methods": [MixUp(0.2), CutMix(1.0)]}
LAYOUT = {"samples": 50, "batch_size": 4}
PURE: dict[str, tuple[Callable[..., Any], dict[str, Any], list[str]]] = {
    "MixPolicy": (
        MixPolicy,
        POLICY,
        [
            "methods",
            "weights",
            "prob",
            "granularity",
            "partners",
            "label_smoothing",
            "schedule",
            "alternation",
            "remix",
        ],
    ),
    "Alternation": (Alternation, {}, ["clean"]),
    "Remix": (Remix, {"counts": [5, 3]}, ["counts", "kappa", "tau"]),
    "CorruptLabels": (CorruptLabels, {"fraction": 0.5}, ["fraction", "seed", "scheme"]),
    "HandOver": (
        HandOver,
        {"unlabelled": []},
        ["views", "unlabelled_batch_size", "unlabelled_views"],
    ),
    "MixPolicy.from_timm": (
        MixPolicy.from_timm,
        {"mixup_alpha": 0.8},
        [
            "mixup_alpha",
            "cutmix_alpha",
            "cutmix_minmax",
            "prob",
            "switch_prob",
            "mode",
            "label_smoothing",
            "schedule",
        ],
    ),
    "Schedule": (Schedule, {}, ["start", "stop", "unit", "total_epochs", "prob", "weights", "alpha"]),
    "TrainTransform": (
        TrainTransform,
        {},
        ["image_size", "scale", "ratio", "interpolation", "antialias", "hflip"],
    ),
    "ValTransform": (ValTransform, {}, ["image_size", "resize_size", "interpolation", "antialias"]),
    "EpochLayout": (EpochLayout, LAYOUT, ["samples", "batch_size", "world_size"]),
}


@pytest.mark.parametrize("name", PURE)
@given(data=st.data())
@settings(max_examples=300)
def test_constructors(name: str, data: st.DataObject) -> None:
    make, base, names = PURE[name]
    check(make, base, data.draw(some_of(names)))


METHODS = [
    kind
    for kind in vars(methods).values()
    if isinstance(kind, type) and issubclass(kind, Method) and kind is not Method
]


@pytest.mark.parametrize("kind", METHODS, ids=lambda kind: kind.__name__)
@given(data=st.data())
@settings(max_examples=60)
def test_methods(kind: type, data: st.DataObject) -> None:
    fields = [field.name for field in dataclasses.fields(kind) if field.init]
    if fields:
        check(kind, {}, data.draw(some_of(fields)))


SHARED = [
    "batch_size",
    "image_size",
    "num_classes",
    "device",
    "rank",
    "world_size",
    "mean",
    "std",
    "dtype",
    "num_threads",
    "prefetch",
    "read_ahead",
    "hw_decoder_load",
    "memory_padding",
    "transform",
    "data",
]
TRAIN = [
    "policy",
    "seed",
    "targets",
    "roi_decoding",
    "cpu_kernels",
    "on_error",
    "max_errors",
    "repeats",
    "class_groups",
    "sampler",
    "handover",
    "neighbours",
    "corrupt",
    "label_vectors",
]


@pytest.mark.parametrize(
    ("make", "names"),
    [(make_train_loader, [*SHARED, *TRAIN]), (make_val_loader, [*SHARED, "resize_size"])],
    ids=["train_loader", "val_loader"],
)
@given(data=st.data())
@settings(max_examples=400, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_loaders(make: Callable[..., Any], names: list[str], image_folder: Path, data: st.DataObject) -> None:
    base = {"data": open_source(image_folder), "batch_size": 4, "device": "cpu", "num_threads": 1}
    check(make, base, data.draw(some_of(names)))
