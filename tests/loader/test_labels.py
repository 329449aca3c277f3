"""Labels that are changed, vectors, or rules for partners."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from dali_mixup import ClassGroups, Pool, Unlabelled
from dali_mixup._decide.policy import MixPolicy
from dali_mixup._decide.relabel import CorruptLabels, LabelVectors
from dali_mixup._loader.companions import HandOver
from dali_mixup.methods import MixUp
from tests.loader.companions import BOTH, loader


class TestLabels:
    def test_corrupted_labels_are_stable_and_the_true_ones_come_along(self, files: Any) -> None:
        corrupt = CorruptLabels(0.5, seed=1, scheme="other")
        expected = corrupt(np.arange(12) % 4, 4)
        assert (expected != np.arange(12) % 4).any()
        for _ in range(2):
            for _, targets, record in loader(
                files[0], MixPolicy(MixUp(1.0)), labels=corrupt, handover=HandOver()
            ):
                assert torch.equal(record.true_labels, record.sample_ids % 4)
                assert record.labels.tolist() == expected[record.sample_ids].tolist()
                dense = torch.zeros(4, 4).scatter_add_(1, record.partner_labels, record.weights)
                assert torch.allclose(targets, dense)

    def test_float_vectors_are_mixed_with_the_weights_of_the_labels(self, files: Any) -> None:
        vectors = np.random.RandomState(0).rand(12, 5)
        policy = MixPolicy(BOTH, granularity="sample")
        for _, targets, record in loader(files[0], policy, labels=LabelVectors(vectors), handover=HandOver()):
            rows = torch.from_numpy(vectors)[record.sample_ids][record.partners]
            expected = (record.weights.double()[..., None] * rows).sum(1)
            assert targets.shape == (4, 5) and torch.allclose(targets.double(), expected, atol=1e-6)

    def test_same_class_partners_have_the_label_of_the_row(self, files: Any) -> None:
        policy = MixPolicy(MixUp(1.0), partners="same_class", granularity="sample")
        for _, targets, record in loader(files[0], policy, handover=HandOver(), batch_size=12):
            assert torch.allclose(targets.max(1).values, torch.ones(12)) and record.unpartnered == 0
            assert (record.partners[:, 1] != record.partners[:, 0]).all()

    def test_class_groups_are_of_the_corrupted_labels(self, files: Any) -> None:
        corrupt = CorruptLabels(0.5, seed=1, scheme="other")
        labels = corrupt(np.arange(12) % 4, 4)
        made = loader(files[0], MixPolicy(MixUp(1.0)), labels=corrupt, order=ClassGroups(2))
        counts = np.bincount(labels, minlength=4)
        grouped = np.concatenate(list(made.batch_sampler))[: int((counts // 2 * 2).sum())]
        assert (labels[grouped[::2]] == labels[grouped[1::2]]).all()

    @pytest.mark.parametrize(
        ("bad", "message"),
        [
            (np.zeros((3, 5)), "the data have 12 samples; expected one line per sample"),
            (np.zeros(12), r"shape \(12,\)"),
            (np.array([["a"] * 2] * 12), "expected .* finite numbers"),
            (np.array([[0.0, 1.0]] * 11 + [[np.nan, 0.0]]), "line 11 of vectors"),
        ],
    )
    def test_bad_vectors_are_refused(self, files: Any, bad: Any, message: str) -> None:
        with pytest.raises(ValueError, match=message):
            loader(files[0], MixPolicy(MixUp()), labels=LabelVectors(bad))

    def test_masked_values_and_gradients_are_refused(self) -> None:
        values = np.ma.masked_array([[7.0, 1.0], [2.0, 3.0]], mask=[[1, 0], [0, 0]])
        with pytest.raises(ValueError, match="vectors has masked values"):
            LabelVectors(values)
        assert LabelVectors(values[1:]).vectors.tolist() == [[2.0, 3.0]]
        with pytest.raises(TypeError, match="vectors is not a table"):
            LabelVectors(torch.ones(2, 2, requires_grad=True))

    def test_unlabelled_partners_have_no_vectors(self, files: Any) -> None:
        policy = MixPolicy(MixUp(), partners=Pool(Unlabelled(files[1])))
        with pytest.raises(ValueError, match=r"Pool.* with labels=LabelVectors.*have no vector"):
            loader(files[0], policy, labels=LabelVectors(np.zeros((12, 5))))

    def test_vectors_are_not_smoothed_because_that_depends_on_their_meaning(self, files: Any) -> None:
        with pytest.raises(ValueError, match="use label_smoothing=0 and smooth the vectors before"):
            loader(files[0], MixPolicy(MixUp(), label_smoothing=0.1), labels=LabelVectors(np.zeros((12, 5))))
