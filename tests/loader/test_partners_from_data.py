"""Partners from the whole of the data in a loader. Sample i is an image of red 20 i, so pixels tell who was mixed."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from scipy import stats

from dali_mixup import (
    Balanced,
    CorruptLabels,
    CutMix,
    HandOver,
    LabelDistance,
    LabelVectors,
    MixPolicy,
    MixUp,
    Runtime,
    UniMix,
    train_loader,
)
from tests.loader.pictures import RAW, WHOLE, Files, red

CLASSES = np.array([0] * 8 + [1] * 3 + [2])
VALUES = LabelVectors(np.linspace(0, 1.1, 12)[:, None])


@pytest.fixture(scope="module")
def files(files: tuple[Files, Files]) -> Files:
    """The labelled images, with a long tail of classes."""
    return [(path, int(c)) for (path, _), c in zip(files[0], CLASSES, strict=True)]


def loader(files: Files, policy: MixPolicy, **arguments: Any) -> Any:
    fixed = {
        "batch_size": 4,
        "transform": WHOLE,
        "output": RAW,
        "device": "cpu",
        "runtime": Runtime(num_threads=2),
        "handover": HandOver(),
    }
    return train_loader(files, policy=policy, **(fixed | arguments))


def partners(images: torch.Tensor, record: Any) -> torch.Tensor:
    """(N,) the sample in each image beside its own, from the pixels."""
    lam = record.pixel_weights[:, 0].double()
    return ((red(images) - lam * 20 * record.sample_ids) / (1 - lam) / 20).round().long()


@pytest.mark.parametrize("granularity", ["batch", "sample"])
def test_balanced_partners_come_from_all_classes_alike_with_their_pixels_and_labels(
    files: Files, granularity: Any
) -> None:
    """CMO: CutMix with a partner of a uniformly drawn class; and with the row's own weight first, MixUp."""
    policy = MixPolicy([MixUp(1.0), CutMix(1.0)], partners="balanced", granularity=granularity)
    made = loader(files, policy, seed=3)
    found = []
    for _ in range(25):
        for images, targets, record in made:
            who = partners(images, record)
            mixed = (record.method >= 0) & (record.pixel_weights[:, 0] < 0.95)
            assert (CLASSES[who[mixed]] == record.partner_labels[mixed, 1].numpy()).all()
            dense = torch.zeros(4, 3).scatter_add_(1, record.partner_labels, record.weights)
            assert torch.allclose(dense, targets)
            found += record.partner_labels[:, 1].tolist()
    assert stats.chisquare(np.bincount(found)).pvalue > 1e-3 and len(found) == 300


def test_corrupted_labels_are_balanced_as_they_are_trained_on(files: Files) -> None:
    swapped = CorruptLabels(1.0, scheme="other")
    made = loader(files, MixPolicy(MixUp(1.0), partners="balanced"), labels=swapped)
    trained = swapped(CLASSES, 3)
    for _ in range(3):
        for images, _, record in made:
            who = partners(images, record)
            sure = record.pixel_weights[:, 0] < 0.95
            assert (trained[who[sure]] == record.partner_labels[sure, 1].numpy()).all()


def test_ranks_draw_their_own_partners_from_all_samples(files: Files) -> None:
    ranks = [
        loader(files, MixPolicy(MixUp(1.0), partners=Balanced(0)), rank=r, world_size=2, batch_size=3)
        for r in (0, 1)
    ]
    seen: list[list[int]] = [[], []]
    for rank, made in enumerate(ranks):
        for _ in range(20):
            for images, _, record in made:
                seen[rank] += partners(images, record).tolist()
    assert seen[0] != seen[1] and set(seen[0]) == set(seen[1]) == set(range(12))


def test_unimix_with_balanced_partners_counts_the_classes_of_the_data(files: Files) -> None:
    policy = MixPolicy(MixUp(0.8), partners=Balanced(0.1), granularity="sample", unimix=UniMix())
    made = loader(files, policy, seed=2)
    assert made.spec.policies[0].unimix == UniMix(np.bincount(CLASSES))
    rare = []
    for _ in range(15):
        for images, targets, record in made:
            lam = record.pixel_weights[:, 0].double()
            who = partners(images, record)
            sure = (record.method >= 0) & (lam < 0.95)
            assert (CLASSES[who[sure]] == record.partner_labels[sure, 1].numpy()).all()
            dense = torch.zeros(4, 3).scatter_add_(1, record.partner_labels, record.weights)
            assert torch.allclose(dense, targets)
            mixed = (record.labels == 0) & (record.partner_labels[:, 1] == 2)
            rare += record.weights[mixed, 1].tolist()
    assert len(rare) > 3 and np.median(rare) > 0.5


@pytest.mark.parametrize("within", ["data", "batch"])
def test_c_mixup_mixes_values_with_those_of_similar_samples(files: Files, within: Any) -> None:
    policy = MixPolicy(MixUp(2.0), partners=LabelDistance(0.12, within=within), granularity="sample")
    made = loader(files, policy, labels=VALUES, batch_size=6)
    differences = []
    for _ in range(30):
        for images, targets, record in made:
            own = VALUES.vectors[record.sample_ids, 0]
            # One number for the colour and the label of a mix, both linear in the sample's number.
            red = images[:, 0].double().mean((1, 2)).numpy()
            assert np.allclose(targets[:, 0], red / 200, atol=1e-4)
            sure = (record.method >= 0).numpy() & (record.pixel_weights[:, 0] < 0.95).numpy()
            differences += (VALUES.vectors[partners(images, record)[sure], 0] - own[sure]).tolist()
    assert len(differences) > 100 and np.abs(differences).max() < 0.12 * 6
    if within == "data":  # inner samples 0.1 apart, the own one left out, which mixes nothing
        steps = np.arange(1, 5) * 0.1
        kernel = np.exp(-(steps**2) / (2 * 0.12**2))
        counts = np.array([np.isclose(np.abs(differences), step, atol=1e-3).sum() for step in steps])
        assert counts[0] > counts[1] > counts[2] >= counts[3]
        # the ends of the scale have neighbours on one side only: a coarse check, the law is tested elsewhere
        assert counts[1] / counts[0] == pytest.approx(kernel[1] / kernel[0], abs=0.15)


@pytest.mark.parametrize(
    "rule", [Balanced(), LabelDistance(0.2), LabelDistance(0.2, within="batch")], ids=repr
)
def test_a_run_continues_bit_for_bit(files: Files, rule: Any) -> None:
    def make() -> Any:
        return loader(files, MixPolicy(MixUp(2.0), partners=rule), labels=VALUES, seed=9)

    first = make()
    batches = iter(first)
    next(batches)
    second = make()
    second.load_state_dict(first.state_dict())
    for (x, y, _), (u, v, _) in zip([*batches, *first], [*second, *second], strict=True):
        assert torch.equal(x, u) and torch.equal(y, v)
    with pytest.raises(ValueError, match="policy"):
        loader(files, MixPolicy(MixUp(2.0)), labels=VALUES, seed=9).load_state_dict(first.state_dict())


@pytest.mark.parametrize("within", ["data", "batch"])
@pytest.mark.parametrize("labels", [None, CorruptLabels(0.5)])
def test_class_ids_have_no_distance(files: Files, within: Any, labels: Any) -> None:
    with pytest.raises(ValueError, match=r"give labels=LabelVectors\(array\), one line per sample"):
        loader(files, MixPolicy(MixUp(), partners=LabelDistance(1.0, within=within)), labels=labels)
