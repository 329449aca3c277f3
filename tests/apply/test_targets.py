"""The labels of a plan, against torch's and NumPy's own arithmetic, and bit by bit those of a loader."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from dali_mixup import MixedTargets
from dali_mixup._decide.plan import MixPlan
from dali_mixup._decide.policy import MixPolicy
from dali_mixup.methods import RICAP, CutMix, MixUp


def plan_of(rows: int, method: Any = None, **given: Any) -> MixPlan:
    policy = MixPolicy(method or MixUp(1.0), granularity="sample", **given)
    return policy.plan(rows, 8, 9, seed=0, epoch=0, step=0)


@given(
    st.lists(st.integers(0, 4), min_size=1, max_size=9),
    st.sampled_from([MixUp(1.0), MixUp(0.7, k=3), CutMix(), RICAP()]),
    st.sampled_from([0.0, 0.1]),
    st.sampled_from([np.int64, np.int32, np.uint8, np.int8]),
)
def test_ids_are_smoothed_one_hot_rows_times_their_weights(
    ids: list[int], method: Any, smoothing: float, dtype: Any
) -> None:
    plan = plan_of(len(ids), method, label_smoothing=smoothing)
    labels = np.array(ids, dtype)
    hot = torch.nn.functional.one_hot(torch.tensor(ids), 5).double().numpy()
    expected = smoothing / 5 + (1 - smoothing) * np.einsum("nk,nkc->nc", plan.weights, hot[plan.partners])
    arrays, tensors = plan.targets(labels, 5), plan.targets(torch.from_numpy(labels), 5)
    assert isinstance(arrays, np.ndarray) and arrays.dtype == np.float32 and arrays.shape == (len(ids), 5)
    np.testing.assert_allclose(arrays, expected, atol=1e-6)
    np.testing.assert_array_equal(arrays, tensors.numpy())
    compact = MixedTargets(torch.tensor(ids)[plan.partners], torch.from_numpy(plan.weights), smoothing)
    np.testing.assert_array_equal(compact.dense(5).numpy(), arrays)


@pytest.mark.parametrize("dtype", [torch.uint8, torch.uint16, torch.uint32, torch.uint64])
def test_unsigned_tensors(dtype: torch.dtype) -> None:
    """torch finds no least number of uint16 and wider types, which NumPy's arrays of them have."""
    plan, ids = plan_of(6), torch.arange(6)
    assert torch.equal(plan.targets(ids.to(dtype), 6), plan.targets(ids, 6))
    with pytest.raises(ValueError, match="class id 5, expected ids from 0 to 4"):
        plan.targets(ids.to(dtype), 5)
    vectors = torch.arange(12).reshape(6, 2)
    assert torch.equal(plan.targets(vectors.to(dtype)), plan.targets(vectors))


def test_equal_labels_add_up_to_exactly_one_row() -> None:
    plan = plan_of(6)
    np.testing.assert_array_equal(plan.targets([2] * 6, 3), np.eye(3, dtype=np.float32)[[2] * 6])


@pytest.mark.parametrize(
    ("shape", "dtype"),
    [
        ((6,), np.float16),
        ((6,), np.float64),
        ((6, 4), np.float32),
        ((6, 4), np.uint8),
        ((6, 4), np.bool_),
        ((6, 2, 3), np.int64),
    ],
)
def test_vectors_and_numbers_are_mixed_by_their_weights(shape: Any, dtype: Any) -> None:
    plan = plan_of(6, MixUp(1.0, k=3))
    labels = np.random.RandomState(0).randint(0, 5, shape).astype(dtype)
    expected = np.einsum("nk,nk...->n...", plan.weights.astype(float), labels[plan.partners].astype(float))
    arrays, tensors = plan.targets(labels), plan.targets(torch.from_numpy(labels))
    assert arrays.dtype == (np.float64 if dtype == np.float64 else np.float32)
    assert str(tensors.dtype).removeprefix("torch.") == arrays.dtype.name
    np.testing.assert_allclose(arrays, expected, rtol=1e-6)
    np.testing.assert_allclose(tensors.numpy(), expected, rtol=1e-6)


def test_labels_beyond_the_batch() -> None:
    plan = plan_of(2, MixUp(lam=0.75))
    partners = plan.partners.copy()
    partners[:, 1] = 3, 2
    weights = np.full((2, 2), (0.75, 0.25), np.float32)
    plan = replace(plan, partners=partners, weights=weights)
    expected = [[0.75, 0, 0.25], [0, 1, 0]]
    assert plan.targets(np.array([0, 1]), 3, others=np.array([1, 2])).tolist() == expected
    assert plan.targets(torch.tensor([0, 1]), 3, others=torch.tensor([1, 2])).tolist() == expected
    with pytest.raises(ValueError, match=r"class id -1.*Pool"):
        plan.targets(np.array([0, 1]), 3, others=np.array([1, -1]))
    with pytest.raises(ValueError, match=r"class id 3, .*correct the labels, or have at least 4"):
        plan.targets(np.array([0, 1]), 3, others=np.array([1, 3]))


@pytest.mark.parametrize(
    ("labels", "classes", "error", "message"),
    [
        (np.zeros(5, int), 3, ValueError, r"shape \(5,\).*\(6,\)"),
        (np.full(6, 3), 3, ValueError, "class id 3, expected ids from 0 to 2"),
        (torch.full((6,), -1), 3, ValueError, "class id -1, expected ids from 0 to 2"),
        (np.zeros(6), 3, TypeError, "float64 with num_classes=3"),
        (torch.zeros(6), 3, TypeError, "torch.float32 with num_classes=3"),
        (torch.zeros(6, dtype=torch.bool), 3, TypeError, "torch.bool"),
        (np.zeros((6, 3), int), 3, ValueError, r"shape \(6, 3\).*no num_classes for vectors"),
        (np.zeros(6, int), None, ValueError, "class ids, which have no average"),
        (torch.zeros(6, dtype=torch.bool), None, ValueError, "give num_classes"),
        (np.zeros(6, int), 0, ValueError, "num_classes=0"),
        (np.zeros(6, int), 2.5, TypeError, "num_classes=2.5"),
        (np.zeros(()), None, ValueError, r"shape \(\)"),
        (["a"] * 6, 3, TypeError, "type <U1, expected class ids"),
        ([[1], [2, 3]] * 3, None, ValueError, "different lengths"),
        (None, 3, TypeError, "labels is a NoneType"),
        (np.full(6, 1 + 2j), None, TypeError, "type complex128, expected .* of real numbers"),
        ([[1 + 2j]] * 6, None, TypeError, "type complex128, expected .* of real numbers"),
        (torch.full((6,), 1 + 2j), None, TypeError, "type torch.complex64, expected .* of real numbers"),
    ],
)
def test_labels_of_another_form_are_refused(labels: Any, classes: Any, error: Any, message: str) -> None:
    with pytest.raises(error, match=message):
        plan_of(6).targets(labels, classes)


def test_the_smoothing_of_vectors_is_refused() -> None:
    with pytest.raises(ValueError, match=r"label_smoothing=0\.1 on them depends on their meaning"):
        plan_of(6, label_smoothing=0.1).targets(np.zeros((6, 3)))


def test_torchs_default_device_does_not_matter() -> None:
    plan, ids, values = plan_of(6), torch.arange(6), torch.rand(6, 3)
    expected = plan.targets(ids, 6), plan.targets(values)
    with torch.device("meta"):
        found = plan.targets(ids, 6), plan.targets(values)
    torch.testing.assert_close(found, expected, rtol=0, atol=0)


@pytest.mark.gpu
def test_targets_are_on_the_labels_device() -> None:
    plan, labels = plan_of(6, label_smoothing=0.1), torch.arange(6)
    made = plan.targets(labels.cuda(), 6)
    assert made.is_cuda
    torch.testing.assert_close(made.cpu(), plan.targets(labels, 6))
