"""Remix: the rare class takes the label."""

from __future__ import annotations

import numpy as np
import pytest

from dali_mixup._decide.policy import MixPolicy
from dali_mixup._decide.remix import Remix
from dali_mixup.methods import MixUp
from tests.plans import plan


class TestRemix:
    def test_the_rare_class_takes_the_label_unless_its_image_is_faint(self) -> None:
        remix = Remix(counts=[900, 100])
        lam = np.array([0.4, 0.6, 0.4, 0.6, 0.4])
        own, partner = np.array([0, 0, 1, 1, 0]), np.array([1, 1, 0, 0, 0])
        assert remix(lam, own, partner).tolist() == [0.0, 0.6, 0.4, 1.0, 0.4]

    def test_labels_change_and_pixels_do_not(self) -> None:
        labels = np.array([0, 1, 0, 1])
        policy = MixPolicy(MixUp(1.0), granularity="sample", partners="flip", remix=Remix([900, 100]))
        plain = MixPolicy(MixUp(1.0), granularity="sample", partners="flip")
        for step in range(20):
            got, expected = plan(policy, 4, step, labels=labels), plan(plain, 4, step)
            assert np.array_equal(got.pixel_weights, expected.pixel_weights)
            pair = labels[expected.partners]
            wanted = policy.remix(expected.weights[:, 0], pair[:, 0], pair[:, 1])
            assert np.allclose(got.weights[:, 0], wanted) and np.allclose(got.weights.sum(1), 1)

    @pytest.mark.parametrize(
        "bad", [{"counts": []}, {"counts": [0]}, {"counts": [1], "kappa": 0.5}, {"counts": [1], "tau": 2}]
    )
    def test_bad_rules_are_refused(self, bad: dict) -> None:
        with pytest.raises(ValueError, match="Remix"):
            Remix(**bad)

    def test_without_counts_they_are_the_datas(self) -> None:
        labels = np.array([0, 0, 0, 2, 2])
        rule = Remix(kappa=2.0)
        assert rule.counted("test", labels, 4) == Remix([3, 1, 2, 1], kappa=2.0)
        given = Remix([9, 9, 9, 9])
        assert given.counted("test", labels, 4) is given
        with pytest.raises(ValueError, match="4 counts, but the data have 3 classes"):
            given.counted("test", labels, 3)

    def test_a_plan_without_counts_is_refused(self) -> None:
        with pytest.raises(ValueError, match=r"Remix\(\) without counts, which only the loaders find out"):
            plan(MixPolicy(MixUp(), remix=Remix()), 4, labels=np.zeros(4, int))
