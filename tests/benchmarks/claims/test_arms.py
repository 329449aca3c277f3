"""An arm that shares another's stream sees what a loader of its own would have shown it."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from benchmarks.claims.arms import as_mixed, relabelled, through, unmixed
from benchmarks.claims.digits import CLASSES, Digits
from dali_mixup import Alternation, CorruptLabels, MixedTargets, MixPolicy, MixUp, Schedule
from dali_mixup.losses import dense_targets

SAMPLES = np.arange(100, 170)
SHARED = MixPolicy([MixUp(1.0)], granularity="sample")
POLICIES = {
    "polynomial": MixPolicy([MixUp(1.0, label_map=("polynomial", 0.0, 0.0, 1.0))], granularity="sample"),
    "independent": MixPolicy([MixUp(1.0, label_map=("independent", 1.0))], granularity="sample"),
    "majority": MixPolicy([MixUp(1.0, label_map="majority")], granularity="sample"),
    "stopped": MixPolicy([MixUp(1.0)], granularity="sample", schedule=Schedule(stop=1.5)),
    "alternating": MixPolicy([MixUp(1.0)], granularity="sample", alternation=Alternation(0.5)),
    "smoothed": MixPolicy([MixUp(1.0)], granularity="sample", label_smoothing=0.1),
}


@pytest.mark.parametrize("name", POLICIES)
def test_a_shared_stream_shows_what_an_own_loader_shows(all_digits: Digits, name: str) -> None:
    policy = POLICIES[name]
    regimes = set()
    with (
        all_digits.loader(SAMPLES, SHARED, 20, seed=3) as shared,
        all_digits.loader(SAMPLES, policy, 20, seed=3) as own,
    ):
        see = through(policy, len(shared))
        for _ in range(3):
            for batch, (images, targets, record) in zip(shared, own, strict=True):
                view = see(*batch)
                assert torch.equal(view.images, images)
                assert torch.equal(dense_targets(view.targets, CLASSES), dense_targets(targets, CLASSES))
                assert view.mixed == (record.regime == "mixed")
                regimes.add(record.regime)
    assert len(regimes) == (2 if name in ("stopped", "alternating") else 1)


def test_a_policy_of_other_pixels_is_refused(all_digits: Digits) -> None:
    with all_digits.loader(SAMPLES, SHARED, 20, seed=3) as shared:
        batch = next(iter(shared))
        with pytest.raises(ValueError, match="other pixels"):
            through(MixPolicy([MixUp(0.5)], granularity="sample"), len(shared))(*batch)


def test_labels_replaced_are_those_of_a_loader_that_corrupts(all_digits: Digits) -> None:
    rule = CorruptLabels(0.5, seed=7)
    noisy = torch.from_numpy(rule(all_digits.labels[SAMPLES].numpy(), CLASSES))
    with (
        all_digits.loader(SAMPLES, SHARED, 20, seed=3, labels=CorruptLabels(0.8, seed=7)) as shared,
        all_digits.loader(SAMPLES, SHARED, 20, seed=3, labels=rule) as own,
    ):
        for batch, (images, targets, record) in zip(shared, own, strict=True):
            view = relabelled(noisy)(*batch)
            assert isinstance(view.targets, MixedTargets)
            assert torch.equal(view.images, images)
            assert torch.equal(view.targets.labels, targets.labels)
            assert torch.equal(view.targets.weights, targets.weights)
            plain = relabelled(noisy, unmixed)(*batch)
            assert isinstance(plain.targets, torch.Tensor)
            assert torch.equal(plain.targets, record.labels)
            assert torch.equal(plain.images, batch[2].clean)
            assert as_mixed(*batch).images is batch[0]
