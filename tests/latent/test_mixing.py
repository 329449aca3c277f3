"""The arithmetic of mixing against loops."""

from __future__ import annotations

import pytest
import torch

from dali_mixup.latent.mixing import mix_pair_targets, mix_pairs, mix_rows, mix_tuples
from dali_mixup.targets import MixedTargets


def gen(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("shape", [(5,), (5, 3), (5, 2, 4, 4)])
@pytest.mark.parametrize("per_sample", [False, True])
def test_pairs_agree_with_loops(shape, per_sample):
    x = torch.randn(shape, generator=gen(), dtype=torch.float64)
    lam = torch.rand((5,) if per_sample else (), generator=gen(1), dtype=torch.float64)
    partners = torch.tensor([1, 1, 4, 0, 3])
    out = mix_pairs(x, lam, partners)
    for i in range(5):
        own = float(lam[i] if per_sample else lam)
        assert (out[i] - (own * x[i] + (1 - own) * x[int(partners[i])])).abs().max() < 1e-10


@pytest.mark.parametrize("shape", [(5,), (5, 3), (5, 2, 4, 4)])
@pytest.mark.parametrize("k", [1, 2, 4])
def test_tuples_agree_with_loops(shape, k):
    x = torch.randn(shape, generator=gen(), dtype=torch.float64)
    weights = torch.rand(7, k, generator=gen(1), dtype=torch.float64)
    partners = torch.randint(5, (7, k), generator=gen(2))
    out = mix_tuples(x, partners, weights)
    for i in range(7):
        expected = sum(weights[i, j] * x[int(partners[i, j])] for j in range(k))
        assert (out[i] - expected).abs().max() < 1e-10


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_tuples_are_mixed_in_float32(dtype):
    x = torch.randn(256, 8, generator=gen()).to(dtype)
    out = mix_tuples(x, torch.arange(256).unsqueeze(0), torch.full((1, 256), 1 / 256))
    assert out.dtype == dtype
    torch.testing.assert_close(out, x.double().mean(0, keepdim=True).to(dtype))


def test_rows_agree_with_loops():
    x, w = torch.randn(5, 3, generator=gen(), dtype=torch.float64), torch.rand(2, 7, 5, dtype=torch.float64)
    out = mix_rows(w, x)
    for r in range(2):
        for k in range(7):
            expected = sum(w[r, k, b] * x[b] for b in range(5))
            assert (out[r, k] - expected).abs().max() < 1e-10


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_rows_are_mixed_in_float32(dtype):
    x = torch.randn(256, 8, generator=gen()).to(dtype)
    w = torch.full((1, 256), 1 / 256)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        out = mix_rows(w, x)
    assert out.dtype == dtype and torch.equal(out, x.float().mean(0, keepdim=True).to(dtype))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_pairs_keep_their_dtype(dtype):
    x = torch.randn(4, 3, generator=gen()).to(dtype)
    for lam in (torch.tensor(0.3), torch.full((4,), 0.3)):
        out = mix_pairs(x, lam, torch.tensor([1, 0, 3, 2]))
        assert out.dtype == dtype
        torch.testing.assert_close(
            out.float(), (0.3 * x + 0.7 * x[[1, 0, 3, 2]]).float(), atol=2e-2, rtol=2e-2
        )


@pytest.mark.parametrize("per_sample", [False, True])
def test_targets_of_every_form_mix_to_the_same_dense_targets(per_sample):
    labels = torch.tensor([0, 2, 1, 2])
    lam = torch.rand((4,) if per_sample else (), generator=gen())
    partners = torch.tensor([2, 0, 0, 1])
    compact = MixedTargets(labels.unsqueeze(1), torch.ones(4, 1))
    results = [mix_pair_targets(form, lam, partners) for form in (labels, compact, compact.dense(3))]
    dense = [r if isinstance(r, torch.Tensor) else r.dense(3) for r in results]
    torch.testing.assert_close(dense[0], dense[1])
    torch.testing.assert_close(dense[0], dense[2])


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_mixed_dense_targets_are_in_the_compute_dtype(dtype):
    soft = torch.tensor([[1.0, 0.0], [0.0, 1.0]], dtype=dtype)
    mixed = mix_pair_targets(soft, torch.tensor(1 - 1 / 4096), torch.tensor([1, 0]))
    assert mixed.dtype == (torch.float64 if dtype == torch.float64 else torch.float32)
    assert mixed[0].tolist() == [1 - 1 / 4096, 1 / 4096]  # which half precision does not tell from 1


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int64, torch.bool])
def test_values_that_cannot_hold_a_mixture_are_refused(dtype):
    values, weights = torch.ones(2, 3).to(dtype), torch.full((2, 2), 0.5)
    partners = torch.tensor([[0, 1], [1, 0]])
    for name, mixed in (
        ("mix_pairs", lambda: mix_pairs(values, torch.tensor(0.7), partners[:, 1])),
        ("mix_tuples", lambda: mix_tuples(values, partners, weights)),
        ("mix_rows", lambda: mix_rows(weights, values)),
    ):
        with pytest.raises(TypeError, match=f"{name}: values of type {dtype}, which cannot hold a mixture"):
            mixed()


def test_smoothing_is_carried_through_mixing_not_applied_twice():
    once = MixedTargets(torch.tensor([[0, 1], [2, 2]]), torch.tensor([[0.7, 0.3], [0.5, 0.5]]), 0.1)
    lam, partners = torch.tensor(0.6), torch.tensor([1, 0])
    mixed = mix_pair_targets(once, lam, partners)
    assert isinstance(mixed, MixedTargets) and mixed.labels.shape == (2, 4) and mixed.label_smoothing == 0.1
    torch.testing.assert_close(mixed.dense(3), mix_pairs(once.dense(3), lam, partners))
