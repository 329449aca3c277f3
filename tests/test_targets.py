"""MixedTargets against loops, torch's one_hot and timm's mixup_target."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from timm.data.mixup import mixup_target
from torch.nn import functional as F

from dali_mixup.targets import MixedTargets


@st.composite
def targets(draw: st.DrawFn) -> tuple[MixedTargets, int]:
    n, k, classes = draw(st.integers(1, 6)), draw(st.integers(1, 4)), draw(st.integers(1, 5))
    g = torch.Generator().manual_seed(draw(st.integers(0, 10**6)))
    labels = torch.randint(classes, (n, k), generator=g)
    weights = torch.rand(n, k, generator=g) + 0.01
    smoothing = draw(st.sampled_from([0.0, 0.1, 0.9]))
    return MixedTargets(labels, weights / weights.sum(1, keepdim=True), smoothing), classes


@given(targets())
def test_dense_is_the_weighted_sum_of_one_hots_smoothed_once(case):
    t, classes = case
    expected = torch.zeros(len(t), classes, dtype=torch.float64)
    for i in range(len(t)):
        for label, weight in zip(t.labels[i], t.weights[i], strict=True):
            expected[i] += weight.double() * F.one_hot(label, classes)
    expected = expected * (1 - t.label_smoothing) + t.label_smoothing / classes
    dense = t.dense(classes)
    assert dense.dtype == torch.float32
    torch.testing.assert_close(dense.double(), expected, atol=1e-6, rtol=1e-6)
    torch.testing.assert_close(dense.sum(1), torch.ones(len(t)), atol=1e-5, rtol=0)


@given(targets())
def test_hard_is_the_class_of_largest_total_weight(case):
    t, classes = case
    plain = MixedTargets(t.labels, t.weights).dense(classes)
    chosen = plain.gather(1, t.hard.unsqueeze(1)).squeeze(1)
    torch.testing.assert_close(chosen, plain.max(1).values, atol=1e-6, rtol=1e-6)


def test_hard_takes_the_first_of_equals():
    t = MixedTargets(torch.tensor([[3, 1], [1, 3]]), torch.full((2, 2), 0.5))
    assert t.hard.tolist() == [3, 1]


def test_equal_labels_add_their_weights_before_the_largest_is_chosen():
    t = MixedTargets(torch.tensor([[0, 2, 2]]), torch.tensor([[0.4, 0.3, 0.3]]))
    assert t.hard.tolist() == [2]
    torch.testing.assert_close(t.dense(3), torch.tensor([[0.4, 0.0, 0.6]]))


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("lam", [0.0, 0.3, 1.0])
def test_a_flipped_pair_is_timms_mixup_target(lam, smoothing):
    labels = torch.tensor([0, 4, 2, 2])
    pair = torch.stack([labels, labels.flip(0)], 1)
    ours = MixedTargets(pair, torch.tensor([[lam, 1 - lam]]).expand(4, 2), smoothing).dense(5)
    torch.testing.assert_close(ours, mixup_target(labels, 5, lam=lam, smoothing=smoothing))


def test_to_moves_both_tensors_and_keeps_the_smoothing():
    t = MixedTargets(torch.tensor([[0, 1]]), torch.tensor([[0.5, 0.5]]), 0.1)
    moved = t.to("meta")
    assert (moved.labels.device.type, moved.weights.device.type) == ("meta", "meta")
    assert moved.label_smoothing == 0.1 and len(moved) == 1


THREE = MixedTargets(
    torch.tensor([[0, 1], [2, 3], [4, 5]]), torch.tensor([[0.5, 0.5], [0.2, 0.8], [1, 0]]), 0.1
)


@pytest.mark.parametrize(
    ("rows", "chosen"),
    [
        (slice(1, 3), [1, 2]),
        (slice(-1, None), [2]),
        ([2, 0], [2, 0]),
        ([-1], [2]),
        (torch.tensor([1]), [1]),
        (torch.tensor([True, False, True]), [0, 2]),
        (slice(0, 0), []),
    ],
    ids=str,
)
def test_some_rows(rows, chosen):
    some = THREE[rows]
    assert torch.equal(some.dense(6), THREE.dense(6)[chosen]) and some.label_smoothing == 0.1


@pytest.mark.parametrize("rows", [0, -1, np.int64(1), torch.tensor(1), torch.ones(3, 2, dtype=torch.bool)])
def test_one_row_alone_is_refused(rows):
    with pytest.raises(TypeError, match=r"expected \(N, k\).*targets\[i:j\].*\.dense\(num_classes\)\[i\]"):
        THREE[rows]


@pytest.mark.parametrize("rows", [(slice(None), 0), (slice(None), slice(0, 1)), None, "a", 1.5, {0}])
def test_columns_are_never_left_out(rows):
    """(:, :1) left the partners' weights out, so rows no longer summed to 1."""
    with pytest.raises(TypeError, match=r"MixedTargets: targets\[.*\] by a .*; select rows by a slice"):
        THREE[rows]


def test_the_smoothing_is_a_float_of_python():
    """In half precision the rows of dense targets did not sum to 1."""
    t = MixedTargets(THREE.labels, THREE.weights, np.float16(0.1))
    assert type(t.label_smoothing) is float
    torch.testing.assert_close(t.dense(6).sum(1), torch.ones(3), atol=1e-6, rtol=0)


def test_comparing_them_compares_objects():
    assert THREE == THREE and copy.copy(THREE) != THREE and hash(THREE) == hash(THREE)


def test_they_are_no_iterable_of_rows():
    with pytest.raises(TypeError, match=r"targets\[0\] would have labels of shape \(2,\)"):
        list(THREE)


IDS, WEIGHTS = torch.tensor([[0, 1], [2, 3]]), torch.full((2, 2), 0.5)


@pytest.mark.parametrize(
    ("labels", "weights", "error", "message"),
    [
        (
            IDS,
            torch.ones(2, 1),
            ValueError,
            r"labels of shape \(2, 2\) and weights of shape \(2, 1\).*both \(N, k\)",
        ),
        (IDS[:, :1], WEIGHTS, ValueError, r"labels of shape \(2, 1\) and weights of shape \(2, 2\)"),
        (IDS[:1], WEIGHTS, ValueError, r"labels of shape \(1, 2\)"),
        (
            IDS[0],
            WEIGHTS[0],
            ValueError,
            r"labels of shape \(2,\) and weights of shape \(2,\), expected both",
        ),
        (IDS[None], WEIGHTS[None], ValueError, r"labels of shape \(1, 2, 2\)"),
        (IDS[:, :0], WEIGHTS[:, :0], ValueError, r"labels of shape \(2, 0\).*k >= 1"),
        (IDS.int(), WEIGHTS, TypeError, r"labels of type torch.int32.*use labels.long\(\)"),
        (IDS.bool(), WEIGHTS, TypeError, "labels of type torch.bool"),
        (IDS.float(), WEIGHTS, TypeError, "labels of type torch.float32"),
        (IDS, IDS, TypeError, r"weights of type torch.int64, .*use .*weights.float\(\)"),
        (
            IDS.numpy(),
            WEIGHTS,
            TypeError,
            r"labels of type ndarray, expected a tensor: use torch.from_numpy\(",
        ),
        (IDS, WEIGHTS.tolist(), TypeError, r"weights of type list, expected a tensor: use torch.tensor\("),
        (None, WEIGHTS, TypeError, "labels of type NoneType, expected a tensor$"),
    ],
)
def test_tensors_of_another_kind_are_refused(labels, weights, error, message):
    with pytest.raises(error, match=f"^MixedTargets: .*{message}"):
        MixedTargets(labels, weights)


@pytest.mark.parametrize("smoothing", [1.0, 1.5, -0.1, float("nan"), True, "0.1", None])
def test_smoothing_is_a_share_below_one(smoothing):
    with pytest.raises(
        (TypeError, ValueError), match=r"MixedTargets: label_smoothing=.*expected a number >= 0 and < 1"
    ):
        MixedTargets(IDS, WEIGHTS, smoothing)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_weights_of_any_floating_type_are_taken_also_of_no_rows(dtype):
    assert MixedTargets(IDS, WEIGHTS.to(dtype)).dense(4).dtype == torch.float32
    assert len(MixedTargets(IDS[:0], WEIGHTS[:0].to(dtype))) == 0


def test_they_can_be_copied_pickled_and_made_in_a_compiled_function():
    for again in (copy.deepcopy(THREE), pickle.loads(pickle.dumps(THREE))):
        assert torch.equal(again.dense(6), THREE.dense(6))

    def dense(labels: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
        return MixedTargets(labels, weights, 0.1).dense(6)

    compiled = torch.compile(dense, backend="eager", fullgraph=True)
    torch.testing.assert_close(compiled(THREE.labels, THREE.weights), THREE.dense(6))


@pytest.mark.gpu
def test_pinned_targets_reach_the_device():
    t = MixedTargets(torch.tensor([[0, 1]]), torch.tensor([[0.25, 0.75]]), 0.1)
    on_device = t.pin_memory().to("cuda", non_blocking=True)
    torch.testing.assert_close(on_device.dense(3).cpu(), t.dense(3))
    assert on_device.hard.tolist() == [1]


@pytest.mark.parametrize(
    ("num_classes", "error"), [(0, ValueError), (2**40, ValueError), (4.0, TypeError), (None, TypeError)]
)
def test_a_number_of_classes_that_is_none_is_refused(num_classes: Any, error: type[Exception]) -> None:
    with pytest.raises(error, match=r"MixedTargets\.dense: num_classes=.*expected an integer"):
        THREE.dense(num_classes)
