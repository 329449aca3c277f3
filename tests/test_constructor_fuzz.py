"""Whatever a public constructor is given: an object that holds it, or an error of ours that names the argument.

The arguments are those of the signatures, so a new one is tested by itself.
"""

from __future__ import annotations

import dataclasses
import inspect
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import dali_mixup
from dali_mixup import (
    CutMix,
    MixPolicy,
    MixUp,
    Unlabelled,
    augment,
    methods,
    sources,
    train_loader,
    val_loader,
)
from dali_mixup._epochs.layout import EpochLayout
from dali_mixup._epochs.orders import Order
from dali_mixup.sources import open_source
from tests.extras import invert
from tests.junk import junk, says

# What the library makes and users only read.
RESULTS = {"Actions", "BadFile", "Chance", "Draws", "MixPlan", "MixRecord", "MixedTargets", "Remark"}
NEEDED: dict[str, dict[str, Any]] = {
    "Bits": {"packed": np.zeros((2, 1, 1), np.uint8), "width": 8, "line_of": np.zeros((2, 4), np.int32)},
    "Contours": {
        "heights": np.zeros((2, 2, 3), np.int16),
        "counts": np.array([3, 8]),
        "stride": 4,
        "height": 2,
        "width": 8,
    },
    "CorruptLabels": {"fraction": 0.5},
    "Cutout": {"size": 4},
    "EpochLayout": {"samples": 50, "batch_size": 4},
    "Extra": {"function": invert, "place": "after_crop"},
    "LabelDistance": {"bandwidth": 0.5},
    "LabelVectors": {"vectors": [[1.0, 2.0]]},
    "Levels": {"numbers": np.zeros((2, 4, 8), np.uint8)},
    "Masks": {"files": "masks"},
    "MixPolicy": {"methods": [MixUp(0.2), CutMix(1.0)]},
    "Neighbours": {"table": [[0, 1], [1, 0]]},
    "Pool": {"unlabelled": Unlabelled([])},
    "Remix": {"counts": [5, 3]},
    "Separable": {"down": np.zeros((2, 2, 4), np.float32), "across": np.zeros((2, 2, 6), np.float32)},
    "SizeSchedule": {"knots": ((0, 64), (5, 96))},
    "Table": {"data": "train.csv"},
    "Unlabelled": {"data": []},
}


def public_dataclasses() -> list[type]:
    found = {EpochLayout.__name__: EpochLayout}
    for room in (dali_mixup, augment, methods, sources):
        for name in room.__all__:
            kind = getattr(room, name)
            if dataclasses.is_dataclass(kind) and name not in RESULTS:
                found[name] = kind
    return sorted(found.values(), key=lambda kind: kind.__name__)


def arguments(make: Callable[..., Any]) -> list[str]:
    return list(inspect.signature(make).parameters)


KINDS = [kind for kind in public_dataclasses() if arguments(kind)]


def made(make: Callable[..., Any], base: dict[str, Any], changed: dict[str, Any]) -> Any:
    """The object, or None where it was refused with an error that names one of the arguments."""
    try:
        return make(**{**base, **changed})
    except (TypeError, ValueError, FileNotFoundError) as error:
        said = str(error)
        # from_timm's cutmix_minmax may be refused as the minmax of CutMix.
        named = [part for name in changed for part in (name, name.split("_", 1)[-1])]
        if "data" in changed:  # its errors name the file, or say what samples may look like
            named += ["samples?", "file", "label", "path", "list", "entry"]
        assert any(re.search(rf"\b{name}\b", said) for name in named), (type(error), said, changed)
        assert "unexpected keyword" not in said and "is not an argument" not in said
        return None


def some_of(named: list[str]) -> st.SearchStrategy[dict[str, Any]]:
    chosen = st.lists(st.sampled_from(named), min_size=1, max_size=2, unique=True)
    return chosen.flatmap(lambda keys: st.fixed_dictionaries(dict.fromkeys(keys, junk)))


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
@given(data=st.data())
@settings(max_examples=120)
def test_an_object_holds_what_it_was_given(kind: type, data: st.DataObject) -> None:
    changed = data.draw(some_of(arguments(kind)))
    thing = made(kind, NEEDED.get(kind.__name__, {}), changed)
    if thing is None:
        return
    defaults = {field.name: field.default for field in dataclasses.fields(kind)}
    for name, value in changed.items():
        got = getattr(thing, name)
        chosen_for_the_user = value is None and defaults[name] is None
        named_rule = name == "partners" and getattr(value, "name", "") == got
        opaque = name == "data" and got is value
        assert chosen_for_the_user or named_rule or opaque or says(got, value), (name, value, got)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_a_default_of_none_stays_none(kind: type) -> None:
    """What is chosen in its place may follow another field: written down here, `dataclasses.replace` would keep it."""
    needed = NEEDED.get(kind.__name__, {})
    thing = kind(**needed)
    unset = [field.name for field in dataclasses.fields(kind) if field.default is None]
    assert {name: getattr(thing, name) for name in unset if name not in needed} == dict.fromkeys(
        set(unset) - set(needed)
    )


def of_methods(policy: MixPolicy, kind: type) -> Any:
    return next((method for method in policy.all_methods if isinstance(method, kind)), None)


TIMM: dict[str, Callable[[MixPolicy, Any], bool]] = {
    "mixup_alpha": lambda p, x: says(getattr(of_methods(p, MixUp), "alpha", 0), x),
    "cutmix_alpha": lambda p, x: (
        of_methods(p, CutMix).minmax is not None if x == 0 and len(p.methods) == 2 else True
    ),
    "cutmix_minmax": lambda p, x: says(getattr(of_methods(p, CutMix), "minmax", None), x),
    "prob": lambda p, x: says(p.prob, x),
    "switch_prob": lambda p, x: p.weights is None or says(p.weights[1], x),
    "mode": lambda p, x: p.granularity == {"elem": "sample"}.get(x, x),
    "correct_lam": lambda p, x: bool(x) is True and isinstance(x, (bool, np.bool_)),
    "label_smoothing": lambda p, x: says(p.label_smoothing, x),
    "num_classes": lambda p, x: says(p.num_classes, x),
    "multi_label": lambda p, x: isinstance(x, (bool, np.bool_)) and not (x and p.label_smoothing),
    "schedule": lambda p, x: p.schedule is x or says(p.schedule, x),
}


@given(data=st.data())
@settings(max_examples=200)
def test_from_timm(data: st.DataObject) -> None:
    assert list(TIMM) == arguments(MixPolicy.from_timm)
    changed = data.draw(some_of(list(TIMM)))
    policy = made(MixPolicy.from_timm, {"mixup_alpha": 0.8, "cutmix_alpha": 1.0}, changed)
    for name, value in changed.items() if policy is not None else ():
        assert TIMM[name](policy, value), (name, value, policy)


def pair(size: Any) -> Any:
    return tuple(size) if isinstance(size, (tuple, list)) else size if hasattr(size, "at") else (size, size)


def classes_of(given: Any) -> tuple[str, ...]:
    if hasattr(given, "classes"):
        return tuple(given.classes)
    return tuple(sorted(given, key=given.get)) if isinstance(given, dict) else tuple(given)


# What a loader says of each argument that was not None.
TOLD: dict[str, Callable[[Any, Any], bool]] = {
    "data": lambda loader, x: len(loader.dataset) >= 4,
    "policy": lambda loader, x: loader.spec.policy == (x if isinstance(x, MixPolicy) else MixPolicy(x)),
    "batch_size": lambda loader, x: says(loader.batch_size, x),
    "image_size": lambda loader, x: pair(loader.spec.pipeline.first.transform.image_size) == pair(x),
    "transform": lambda loader, x: loader.spec.pipeline.first.transform is x,
    "classes": lambda loader, x: loader.classes == classes_of(x),
    "num_classes": lambda loader, x: says(loader.num_classes, x),
    "targets": lambda loader, x: loader.spec.targets == x,
    "device": lambda loader, x: (
        loader.device == torch.device("cpu" if isinstance(x, str) and x == "auto" else x)
    ),
    "seed": lambda loader, x: says(loader.spec.seed, x),
    "rank": lambda loader, x: says(loader.spec.rank.rank, x),
    "world_size": lambda loader, x: says(loader.spec.rank.world_size, x),
    "drop_last": lambda loader, x: says(loader.drop_last, x),
    "order": lambda loader, x: (
        loader.spec.order is x if isinstance(x, Order) else loader.spec.order.sampler is x
    ),
    "labels": lambda loader, x: loader.spec.vectors is getattr(x, "vectors", None),
    "output": lambda loader, x: (
        (loader.spec.pipeline.first.dtype, loader.spec.pipeline.first.channels_last)
        == (x.dtype, x.channels_last)
    ),
    "runtime": lambda loader, x: (
        loader.spec.pipeline.prefetch == x.prefetch and loader.spec.read_ahead == (x.read_ahead or 0)
    ),
    "bad_files": lambda loader, x: loader.spec.skip is (None if isinstance(x, str) else x),
    "views": lambda loader, x: loader.spec.labelled_views == sum(view.count for view in x),
    "handover": lambda loader, x: loader.spec.records,
    "elastic": lambda loader, x: says(loader.spec.elastic, x),
}


@pytest.mark.parametrize("make", [train_loader, val_loader], ids=lambda make: make.__name__)
@given(data=st.data())
@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_loaders(make: Callable[..., Any], image_folder: Path, data: st.DataObject) -> None:
    base = {"data": open_source(image_folder), "batch_size": 4, "device": "cpu"}
    changed = data.draw(some_of(arguments(make)))
    loader = made(make, base, changed)
    for name, value in changed.items() if loader is not None else ():
        assert value is None or TOLD[name](loader, value), (name, value, loader)
