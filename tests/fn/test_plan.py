"""The decisions of fn.mix: returned as nodes, and by the labels of the batch."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from nvidia.dali import fn, pipeline_def

from dali_mixup import CutMix, LabelDistance, MixPolicy, MixUp, Remix, UniMix
from dali_mixup.fn import PlanNodes, mix
from tests.fn.rows import SEED, mixed

ROWS, H, W = 8, 20, 34
IMAGES = np.random.RandomState(0).randint(0, 256, (ROWS, H, W, 3)).astype(np.uint8)
SIZE = {"image_size": (H, W)}
LABELS = np.array([0, 1, 2, 0, 1, 2, 3, 0], np.int64)


@pytest.mark.parametrize(
    "methods", [[MixUp(0.8), CutMix(1.0)], [MixUp(k=3)], [MixUp(label_map="majority")]], ids=str
)
@pytest.mark.parametrize("targets", ["dense", "compact"])
def test_the_plan_comes_as_nodes(methods: Any, targets: str) -> None:
    policy = MixPolicy(methods, granularity="sample", prob=0.7)
    for step, made in enumerate(
        mixed(IMAGES, policy, 3, targets=targets, return_plan=True, layout="HWC", **SIZE)
    ):
        plan = policy.plan(ROWS, H, W, seed=SEED, epoch=0, step=step)
        for name, got in zip(PlanNodes._fields, made[-3:], strict=True):
            expected = getattr(plan, name)
            assert got.dtype == expected.dtype
            np.testing.assert_array_equal(got, expected)


@pytest.mark.parametrize("conditionals", [False, True])
def test_further_nodes_are_mixed_by_the_plan(conditionals: bool) -> None:
    """Such as a second label of each image."""
    second = np.random.RandomState(1).rand(ROWS, 5).astype(np.float32)
    policy = MixPolicy([MixUp(0.8), CutMix(1.0)], granularity="sample")

    @pipeline_def(batch_size=ROWS, num_threads=2, device_id=None, enable_conditionals=conditionals)
    def graph():  # type: ignore[no-untyped-def]
        x, y, z = fn.external_source(
            source=lambda i: (IMAGES, LABELS, second), num_outputs=3, batch=True, batch_info=True
        )
        _, targets, plan = mix(x, y, policy, num_classes=4, return_plan=True, **SIZE)
        return z * plan.weights[0] + fn.permute_batch(z, indices=plan.partners[1]) * plan.weights[1], targets

    soft, _ = (np.array(out.as_tensor()) for out in graph().run())
    plan = policy.plan(ROWS, H, W, seed=0, epoch=0, step=0)
    np.testing.assert_allclose(soft, plan.targets(second), atol=1e-6)


@pytest.mark.parametrize("partners", ["same_class", "other_class"])
@pytest.mark.parametrize("shape", [(ROWS,), (ROWS, 1)], ids=["scalars", "vectors"])
def test_partners_are_chosen_by_the_labels_of_the_batch(partners: Any, shape: tuple[int, ...]) -> None:
    policy = MixPolicy(MixUp(0.8), partners=partners)
    labels = LABELS.reshape(shape)
    for step, made in enumerate(
        mixed(IMAGES, policy, 3, labels=labels, num_classes=4, return_plan=True, **SIZE)
    ):
        plan = policy.plan(ROWS, H, W, seed=SEED, epoch=0, step=step, labels=LABELS)
        np.testing.assert_array_equal(made[2], plan.partners)
        np.testing.assert_allclose(made[1], plan.targets(LABELS, 4), atol=1e-6)
        same = LABELS[made[2][:, 1]] == LABELS
        alone = made[2][:, 1] == np.arange(ROWS)
        assert (same if partners == "same_class" else ~same | alone).all() and not alone.all()


def test_remix_weighs_the_labels_by_their_classes() -> None:
    policy = MixPolicy(MixUp(1.0), granularity="sample", remix=Remix([1000, 10, 1000, 10], kappa=3, tau=0.5))
    for step, made in enumerate(mixed(IMAGES, policy, 3, labels=LABELS, num_classes=4, **SIZE)):
        plan = policy.plan(ROWS, H, W, seed=SEED, epoch=0, step=step, labels=LABELS)
        np.testing.assert_allclose(made[1], plan.targets(LABELS, 4), atol=1e-6)
        assert (plan.weights != plan.pixel_weights).any()


def test_unimix_weighs_pixels_and_labels_by_their_classes() -> None:
    policy = MixPolicy(MixUp(0.8), granularity="sample", unimix=UniMix([1000, 10, 1000, 10]))
    for step, made in enumerate(mixed(IMAGES, policy, 3, labels=LABELS, num_classes=4, layout="HWC", **SIZE)):
        plan = policy.plan(ROWS, H, W, seed=SEED, epoch=0, step=step, labels=LABELS)
        np.testing.assert_allclose(made[0], plan.apply(IMAGES), atol=1e-3)
        np.testing.assert_allclose(made[1], plan.targets(LABELS, 4), atol=1e-6)


@pytest.mark.parametrize(
    "settings",
    [{"partners": "same_class"}, {"remix": Remix([3, 4])}, {"unimix": UniMix([3, 4])}],
    ids=["partners", "remix", "unimix"],
)
def test_rules_by_class_need_class_ids(settings: Any) -> None:
    vectors = np.eye(ROWS, dtype=np.float32)
    with pytest.raises(ValueError, match="need class ids; give num_classes"):
        mixed(IMAGES, MixPolicy(MixUp(), **settings), labels=vectors, num_classes=None, **SIZE)


def test_partners_are_chosen_by_the_distance_of_the_vectors() -> None:
    vectors = np.random.RandomState(4).rand(ROWS, 2).astype(np.float32)
    policy = MixPolicy(MixUp(2.0), partners=LabelDistance(0.2, within="batch"), granularity="sample")
    for step, made in enumerate(
        mixed(IMAGES, policy, 3, labels=vectors, num_classes=None, return_plan=True, **SIZE)
    ):
        plan = policy.plan(ROWS, H, W, seed=SEED, epoch=0, step=step, labels=vectors)
        np.testing.assert_array_equal(made[2], plan.partners)
        np.testing.assert_allclose(made[1], plan.targets(vectors), atol=1e-6)
    with pytest.raises(ValueError, match="is for class ids; leave num_classes out"):
        mixed(IMAGES, policy, labels=LABELS, num_classes=4, **SIZE)


@pytest.mark.parametrize("rule", ["balanced", LabelDistance(1.0)], ids=repr)
def test_partners_beyond_the_batch_are_the_loaders(rule: Any) -> None:
    with pytest.raises(ValueError, match="which only the loaders do; expected partners of the batch"):
        mixed(IMAGES, MixPolicy(MixUp(), partners=rule), labels=LABELS, num_classes=4, **SIZE)
