"""label_mixing="union": a row has every label of its images. The oracle is Python's sets."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from dali_mixup import MixedTargets, MixPlan, MixPolicy, MixUp, Pool, Remix, Schedule, Unlabelled
from dali_mixup.methods import REGISTRY, RICAP, CutMix, MapMethod, SpecMix

CLASSES = 5


def plan_of(rows: int, *methods: Any, **settings: Any) -> MixPlan:
    policy = MixPolicy(methods, granularity="sample", label_mixing="union", **settings)
    return policy.plan(
        rows, 8, 12, seed=settings.pop("seed", 0), epoch=0, step=0, labels=np.arange(rows) % CLASSES
    )


def united(plan: MixPlan, sets: list[set[int]]) -> np.ndarray:
    """(N, CLASSES) multi-hot: the union of the sets of the rows that have a share."""
    made = np.zeros((len(plan), CLASSES), np.float32)
    for i, (partners, weights) in enumerate(zip(plan.partners, plan.weights, strict=True)):
        made[i, list(set().union(*(sets[p] for p, w in zip(partners, weights, strict=True) if w > 0)))] = 1
    return made


labelled = st.lists(st.sets(st.integers(0, CLASSES - 1)), min_size=1, max_size=9)


@given(sets=labelled, method=st.sampled_from([MixUp(0.3), MixUp(1.0, k=3), CutMix(), RICAP(), SpecMix()]))
def test_multi_hot_labels_are_united(sets: list[set[int]], method: Any) -> None:
    plan = plan_of(len(sets), method, prob=0.8)
    labels = np.zeros((len(sets), CLASSES))
    for row, found in zip(labels, sets, strict=True):
        row[list(found)] = 1
    expected = united(plan, sets)
    for dtype in (np.float64, np.float32, np.uint8, bool):
        made = plan.targets(labels.astype(dtype))
        np.testing.assert_array_equal(made, expected)
        assert made.dtype == (np.float64 if dtype == np.float64 else np.float32)
        tensor = plan.targets(torch.from_numpy(labels.astype(dtype)))
        np.testing.assert_array_equal(tensor, expected)
        assert str(tensor.dtype) == f"torch.{made.dtype}"


@given(rows=st.integers(1, 9), method=st.sampled_from([MixUp(0.3), CutMix(), RICAP()]))
def test_class_ids_become_multi_hot(rows: int, method: Any) -> None:
    plan, ids = plan_of(rows, method), np.arange(rows) * 3 % CLASSES
    expected = united(plan, [{int(label)} for label in ids])
    for labels in (ids, torch.from_numpy(ids), ids.astype(np.int32)):
        np.testing.assert_array_equal(plan.targets(labels, CLASSES), expected)


def test_soft_values_give_the_largest() -> None:
    plan = MixPolicy(MixUp(lam=0.9), partners="roll", label_mixing="union").plan(2, seed=0, epoch=0, step=0)
    assert plan.targets(np.array([[0.2, 0.7], [0.5, 0.0]])).tolist() == [[0.5, 0.7], [0.5, 0.7]]


@pytest.mark.parametrize("granularity", ["batch", "pair", "sample"])
@pytest.mark.parametrize("name", sorted(REGISTRY))
def test_the_largest_may_be_negative(name: str, granularity: Any) -> None:
    """Of the rows with a share alone, each read from the plan: those without one have no say."""
    method = REGISTRY[name]()
    if granularity == "pair" and (method.columns > 2 or isinstance(method, MapMethod)):
        granularity = "sample"
    policy = MixPolicy(method, granularity=granularity, label_mixing="union", prob=0.8)
    labels = -np.random.RandomState(0).uniform(1, 9, (5, 3))
    maps = np.random.RandomState(1).randint(0, 4, (5, 4, 6)).astype(np.uint8)
    for step in range(20):
        plan = policy.plan(5, 4, 6, seed=0, epoch=0, step=step, maps=maps)
        has_share = zip(plan.partners, plan.weights > 0, strict=True)
        expected = np.array([labels[partners[share]].max(0) for partners, share in has_share])
        np.testing.assert_array_equal(plan.targets(labels), expected)
        np.testing.assert_array_equal(plan.targets(torch.from_numpy(labels)), expected)
        np.testing.assert_array_equal(plan.targets(labels[:, 0]), expected[:, 0])
        np.testing.assert_array_equal(plan.targets(torch.from_numpy(labels[:, 0])), expected[:, 0])


def test_a_row_that_is_pasted_over_has_the_labels_of_its_partner_alone() -> None:
    policy = MixPolicy(MixUp(lam=0.0), partners="roll", label_mixing="union")
    plan = policy.plan(2, seed=0, epoch=0, step=0)
    labels = np.array([[-1.0, np.nan], [-2.0, -3.0]])
    for made in (plan.targets(labels), plan.targets(torch.from_numpy(labels))):
        np.testing.assert_array_equal(made, labels[::-1])


def test_unmixed_rows_keep_their_labels_also_outside_the_schedule() -> None:
    policy = MixPolicy(MixUp(1.0), label_mixing="union", schedule=Schedule(start=1))
    for epoch in (0, 1):
        plan = policy.plan(1 if epoch else 4, seed=0, epoch=epoch, step=0)
        np.testing.assert_array_equal(
            plan.targets(np.arange(len(plan)), CLASSES), np.eye(CLASSES)[: len(plan)]
        )


def test_the_decisions_are_those_of_weighted_labels() -> None:
    weighted = MixPolicy([MixUp(0.8), CutMix()], granularity="sample").plan(8, 8, 12, seed=0, epoch=0, step=0)
    union = plan_of(8, MixUp(0.8), CutMix())
    np.testing.assert_array_equal(weighted.weights, union.weights)
    np.testing.assert_array_equal(weighted.partners, union.partners)
    assert (weighted.label_mixing, union.label_mixing) == ("weighted", "union")


def test_weighted_is_the_default_and_sums_to_one() -> None:
    plan = MixPolicy(MixUp(1.0), partners="roll").plan(4, seed=0, epoch=0, step=0)
    ids = torch.arange(4)
    dense = MixedTargets(ids[torch.from_numpy(plan.partners).long()], torch.from_numpy(plan.weights)).dense(4)
    assert torch.equal(plan.targets(ids, 4), dense)


@pytest.mark.parametrize(
    ("settings", "match"),
    [
        ({"label_mixing": "max"}, "label_mixing='max', expected one of 'weighted', 'union'"),
        ({"label_mixing": None}, "label_mixing=None"),
        ({"label_smoothing": 0.1}, "smooth in the loss"),
        ({"methods": MixUp(1.0, label_map="smoothstep")}, "leave out label_map"),
        ({"remix": Remix([5, 1], kappa=3.0, tau=0.5)}, "remix sets label weights"),
        ({"partners": "pool"}, "unlabelled samples of a Pool"),
    ],
    ids=lambda given: next(iter(given)) if isinstance(given, dict) else "",
)
def test_what_has_no_meaning_is_refused(settings: dict[str, Any], match: str, tmp_path: Any) -> None:
    if settings.get("partners") == "pool":
        settings = {"partners": Pool(Unlabelled(str(tmp_path)))}
    given = {"methods": MixUp(1.0), "label_mixing": "union"} | settings
    with pytest.raises(ValueError, match=f"MixPolicy: .*{match}|MixPolicy: {match}"):
        MixPolicy(**given)
