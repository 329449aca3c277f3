"""Mixing in one's own loop or DataLoader: the decisions are those of a loader with the same seed."""

from __future__ import annotations

import copy
import gc
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.utils.data import DataLoader

from dali_mixup import (
    Alternation,
    CutMix,
    LabelDistance,
    MixedTargets,
    Mixer,
    MixPolicy,
    MixUp,
    Output,
    Remix,
    Schedule,
    train_loader,
)
from tests.integrations.noise import CLASSES, SAMPLES, Noise

BATCH = 4  # 6 batches, the last of 2
POLICY = MixPolicy([MixUp(0.8), CutMix(1.0)], granularity="sample", label_smoothing=0.1)


def expected(number: int, epoch: int, policy: MixPolicy = POLICY, **address: Any) -> tuple[Tensor, Tensor]:
    """The mixed batch of that number, samples in their order."""
    rows = range(number * BATCH, min((number + 1) * BATCH, SAMPLES))
    images = torch.stack([Noise()[i][0] for i in rows])
    labels = torch.tensor([i % CLASSES for i in rows])
    plan = policy.plan(len(rows), 6, 7, seed=3, epoch=epoch, step=number, **address)
    return plan.apply(images), plan.targets(labels, CLASSES)


def same(got: Any, number: int, epoch: int, **address: Any) -> None:
    for mine, theirs in zip(got, expected(number, epoch, **address), strict=True):
        torch.testing.assert_close(mine, theirs, rtol=0, atol=0)


@pytest.fixture(autouse=True)
def no_dead_pipelines() -> None:
    """Workers are forked: one that collects a DALI pipeline which an earlier test left in a cycle waits for good for
    its threads."""
    gc.collect()


def test_in_the_loop() -> None:
    mixer = Mixer(POLICY, num_classes=CLASSES, seed=3)
    for epoch in range(2):
        mixer.set_epoch(epoch)
        for number, (images, labels) in enumerate(DataLoader(Noise(), BATCH)):
            assert (mixer.epoch, mixer.step) == (epoch, number)
            same(mixer(images, labels), number, epoch)
            assert mixer.last_plan is not None and len(mixer.last_plan) == len(images)


@pytest.mark.parametrize(
    "given",
    [
        {"num_workers": 0},
        {"num_workers": 2},
        {"num_workers": 2, "persistent_workers": True},
        {"num_workers": 1, "multiprocessing_context": "spawn", "persistent_workers": True},
        {"num_workers": 2, "persistent_workers": True, "copied": copy.deepcopy},
        {"num_workers": 2, "persistent_workers": True, "copied": lambda m: pickle.loads(pickle.dumps(m))},
    ],
    ids=["none", "forked", "persistent", "spawned", "deep-copied", "pickled"],
)
def test_in_the_workers_of_a_dataloader(given: dict[str, Any]) -> None:
    copied = given.get("copied", lambda mixer: mixer)
    mixer = copied(Mixer(POLICY, num_classes=CLASSES, seed=3))
    given = {name: value for name, value in given.items() if name != "copied"}
    batches = DataLoader(Noise(), BATCH, collate_fn=mixer.collate_fn, **given)
    for epoch in (0, 1, 5):
        mixer.set_epoch(epoch)
        for number, batch in enumerate(batches):
            same(batch, number, epoch)


@pytest.mark.parametrize("workers", [0, 2])
def test_resumed_within_an_epoch(workers: int) -> None:
    mixer = Mixer(POLICY, num_classes=CLASSES, seed=3)
    mixer.set_epoch(4, step=3)
    left = torch.utils.data.Subset(Noise(), range(3 * BATCH, SAMPLES))
    rest = DataLoader(left, BATCH, collate_fn=mixer.collate_fn, num_workers=workers)
    for number, batch in enumerate(rest, 3):
        same(batch, number, 4)


def test_workers_start_at_the_first_batch_after_calls_in_the_loop() -> None:
    mixer = Mixer(POLICY, num_classes=CLASSES, seed=3)
    mixer(torch.rand(4, 3, 6, 7), torch.arange(4))
    batches = DataLoader(Noise(), BATCH, collate_fn=mixer.collate_fn, num_workers=2)
    for number, batch in enumerate(batches):
        same(batch, number, 0)


def test_every_rank_draws_for_itself() -> None:
    images, labels = torch.rand(4, 3, 6, 7), torch.arange(4)
    drawn = [Mixer(POLICY, num_classes=5, rank=rank, world_size=2)(images, labels)[1] for rank in range(2)]
    assert not torch.equal(*drawn)


def test_a_loader_of_the_same_seed_decides_the_same(imagenet_root: Path) -> None:
    """Its images before mixing, mixed, are its images; partners by class and counts follow the labels."""
    counts = [6] * 4
    policies = [
        POLICY,
        MixPolicy(MixUp(1.0), partners="other_class", granularity="sample"),
        MixPolicy(CutMix(), remix=Remix(counts)),
        MixPolicy(MixUp(), schedule=Schedule(start=3, stop=8, unit="step"), alternation=Alternation(0.3)),
    ]
    plain = {"image_size": 12, "device": "cpu", "output": Output(0.0, 1.0), "drop_last": False}
    for policy in policies:
        with (
            train_loader(imagenet_root / "train", policy=policy, batch_size=5, seed=7, **plain) as mixed,
            train_loader(imagenet_root / "train", batch_size=5, seed=7, targets="labels", **plain) as unmixed,
        ):
            mixer = Mixer(policy, num_classes=4, seed=7, steps_per_epoch=len(mixed))
            for epoch in range(2):
                mixer.set_epoch(epoch)
                for theirs, (images, labels) in zip(mixed, unmixed, strict=True):
                    ours = mixer(images, labels)
                    torch.testing.assert_close(ours[0], theirs[0], rtol=0, atol=1e-4)
                    torch.testing.assert_close(ours[1], theirs[1], rtol=0, atol=0)


def test_compact_targets() -> None:
    images, labels = torch.rand(6, 3, 6, 7), torch.arange(6) % 5
    dense = Mixer(POLICY, num_classes=5)(images, labels)[1]
    compact = Mixer(POLICY, targets="compact")(images, labels)[1]
    assert isinstance(compact, MixedTargets)
    torch.testing.assert_close(compact.dense(5), dense, rtol=0, atol=0)


@pytest.mark.parametrize("kind", [torch.from_numpy, np.asarray])
def test_vectors_values_and_arrays(kind: Any) -> None:
    x, y = np.random.RandomState(0).random_sample((2, 8, 3)).astype(np.float32)
    mixer = Mixer(MixUp(1.0, k=3))
    for labels in (y, y[:, 0]):
        features, targets = mixer(kind(x), kind(labels))
        plan = mixer.last_plan
        assert plan is not None
        expected = np.einsum("nk,nk...->n...", plan.weights, x[plan.partners])
        np.testing.assert_allclose(features, expected, rtol=1e-5)
        assert type(features) is type(targets) is type(kind(x)) and targets.shape == labels.shape


def test_a_layout_other_than_torchs() -> None:
    images, labels = torch.rand(4, 6, 7, 3), torch.arange(4)
    ours = Mixer(CutMix(), num_classes=4, axes=(1, 2))(images, labels)[0]
    torchs = Mixer(CutMix(), num_classes=4)(images.movedim(3, 1), labels)[0]
    torch.testing.assert_close(ours.movedim(3, 1), torchs, rtol=0, atol=0)
    sound = torch.rand(4, 50)
    pasted = Mixer(CutMix(), num_classes=4, axes=(1,))(sound, labels)[0]
    assert torch.isin(pasted, sound).all() and not torch.equal(pasted, sound)


@pytest.mark.parametrize("columns", [None, 2])
def test_partners_by_the_distance_of_labels(columns: int | None) -> None:
    policy = MixPolicy(MixUp(2.0), partners=LabelDistance(0.3, within="batch"), granularity="sample")
    mixer = Mixer(policy, seed=5)
    shape = (6,) if columns is None else (6, columns)
    images, values = torch.rand(6, 3, 6, 7), torch.rand(shape)
    mixed, targets = mixer(images, values)
    plan = policy.plan(6, seed=5, epoch=0, step=0, labels=values.numpy())
    torch.testing.assert_close(mixed, plan.apply(images))
    torch.testing.assert_close(targets, plan.targets(values))
    assert (plan.partners[:, 1] != np.arange(6)).any()


def test_it_can_be_pickled() -> None:
    mixer = Mixer(POLICY, num_classes=CLASSES, seed=3)
    mixer.set_epoch(2, 1)
    other = pickle.loads(pickle.dumps(mixer))
    images, labels = torch.rand(4, 3, 6, 7), torch.arange(4)
    torch.testing.assert_close(other(images, labels), mixer(images, labels), rtol=0, atol=0)


@pytest.mark.parametrize("targets", ["dense", "compact"])
def test_torchs_default_device_does_not_matter(targets: Any) -> None:
    given = {"num_classes": CLASSES, "seed": 3, "targets": targets}
    images, labels = torch.rand(4, 3, 6, 7), torch.arange(4)
    expected = Mixer(POLICY, **given)
    expected.set_epoch(2, 1)
    with torch.device("meta"):  # as torch.set_default_device("cuda")
        mixer = Mixer(POLICY, **given)
        mixer.set_epoch(2, 1)
        mixed, made = mixer(images, labels)
    assert (mixer.epoch, mixer.step) == (2, 2)
    for found, wanted in zip((mixed, made), expected(images, labels), strict=True):
        dense = [each.dense(CLASSES) if isinstance(each, MixedTargets) else each for each in (found, wanted)]
        torch.testing.assert_close(*dense, rtol=0, atol=0)


@pytest.mark.parametrize("dynamic", [None, True])
def test_in_a_compiled_step(dynamic: bool | None) -> None:
    """The mixer is called between two graphs, in the first step and in every later one."""
    mixer = Mixer(POLICY, num_classes=CLASSES, seed=3)

    def step(images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        images, targets = mixer(images + 0, labels)
        return images + 0, targets

    torch._dynamo.reset()
    compiled = torch.compile(step, backend="eager", dynamic=dynamic)
    for epoch in range(2):
        mixer.set_epoch(epoch)
        for number, (images, labels) in enumerate(DataLoader(Noise(), BATCH)):
            same(compiled(images, labels), number, epoch)


def test_a_plan_in_a_compiled_step() -> None:
    def step(images: Tensor, labels: Tensor, number: int) -> Any:
        plan = POLICY.plan(len(images), 6, 7, seed=3, epoch=0, step=number)
        return plan.apply(images + 0), plan.targets(labels, CLASSES)

    torch._dynamo.reset()
    compiled = torch.compile(step, backend="eager")
    for number, (images, labels) in enumerate(DataLoader(Noise(), BATCH)):
        same(compiled(images, labels, number), number, 0)


def test_without_a_compiler_none_is_loaded() -> None:
    """It takes a second to load."""
    code = (
        "import sys, torch; from dali_mixup import Mixer, MixUp; Mixer(MixUp())(torch.zeros(4, 3), torch.zeros(4)); "
        "sys.exit('torch._dynamo' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
