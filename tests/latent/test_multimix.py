"""MultiMix and its self-distillation against loops, its identities, and its warning."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from dali_mixup.latent import MultiMix, SelfDistillation
from dali_mixup.latent.mixing import mix_pair_targets, mix_pairs, mix_rows
from dali_mixup.losses import soft_cross_entropy
from dali_mixup.targets import MixedTargets

B, D, C = 6, 5, 4


def gen(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def case(dtype: torch.dtype = torch.float64) -> tuple[torch.Tensor, torch.Tensor]:
    return torch.randn(B, D, generator=gen(), dtype=torch.float64).to(dtype), torch.randint(
        C, (B,), generator=gen()
    )


def naive_loss(z: torch.Tensor, y: torch.Tensor, weights: torch.Tensor, head: nn.Linear) -> float:
    total = 0.0
    for k in range(len(weights)):
        mixed = sum(float(weights[k, b]) * z[b] for b in range(B))
        target = [sum(float(weights[k, b]) * float(y[b, c]) for b in range(B)) for c in range(C)]
        scores = [float(head.weight[c] @ mixed + head.bias[c]) for c in range(C)]
        norm = torch.tensor(scores, dtype=torch.float64).logsumexp(0).item()
        total -= sum(t * (s - norm) for t, s in zip(target, scores, strict=True))
    return total / len(weights)


@pytest.mark.parametrize("m", [None, 2, 4])
@pytest.mark.parametrize("alpha", [1.0, (0.5, 2.0)])
@pytest.mark.parametrize("form", ["labels", "dense", "compact"])
def test_multimix_agrees_with_loops(m, alpha, form):
    z, labels = case()
    compact = MixedTargets(
        torch.stack([labels, labels.flip(0)], 1), torch.tensor([[0.75, 0.25]]).expand(B, 2), 0.125
    )
    targets = {"labels": labels, "dense": compact.dense(C), "compact": compact}[form]
    dense = {"labels": F.one_hot(labels, C), "dense": compact.dense(C), "compact": compact.dense(C)}[form]
    head = nn.Linear(D, C).double()
    rows, soft, weights = MultiMix(C, n=9, m=m, alpha=alpha)(z, targets, mixed=False, generator=gen(1))
    assert rows.shape == (9, D) and soft.shape == (9, C) and weights.shape == (9, B)
    assert (weights > 0).sum(1).eq(m or B).all()
    value = soft_cross_entropy(head(rows), soft).item()
    assert abs(value - naive_loss(z, dense.double(), weights, head)) < 1e-10


def test_mixing_embeddings_is_mixing_logits_for_a_linear_classifier():
    torch.manual_seed(0)
    z, labels = torch.randn(128, 512, dtype=torch.float64), torch.randint(100, (128,))
    head = nn.Linear(512, 100).double()
    multimix = MultiMix(100, n=1000)
    through_embeddings = multimix(z, labels, mixed=False, generator=gen(5))
    through_logits = multimix(head(z), labels, mixed=False, generator=gen(5))
    assert torch.equal(through_embeddings.weights, through_logits.weights)
    torch.testing.assert_close(head(through_embeddings.features), through_logits.features, atol=1e-12, rtol=0)
    assert torch.equal(through_embeddings.targets, through_logits.targets)


def test_pairs_with_one_shared_permutation_are_last_layer_manifold_mixup():
    z, labels = case()
    lam, partners = torch.tensor(0.3, dtype=torch.float64), torch.tensor([2, 0, 1, 5, 3, 4])
    weights = lam * torch.eye(B).double() + (1 - lam) * torch.eye(B).double()[partners]
    torch.testing.assert_close(mix_rows(weights, z), mix_pairs(z, lam, partners), atol=1e-12, rtol=0)
    dense = mix_rows(weights, F.one_hot(labels, C).double())
    torch.testing.assert_close(dense.float(), mix_pair_targets(labels, lam, partners).dense(C))


@pytest.mark.parametrize("m", [None, 2])
def test_gradients_are_those_of_the_values(m):
    z, labels = case()
    multimix = MultiMix(C, n=7, m=m)
    head = nn.Linear(D, C).double()

    def loss(x: torch.Tensor) -> torch.Tensor:
        rows, targets, _ = multimix(x, labels, mixed=False, generator=gen(2))
        return soft_cross_entropy(head(rows), targets)

    assert torch.autograd.gradcheck(loss, (z.requires_grad_(),))


def test_alpha_from_a_range_is_drawn_anew_in_every_step():
    z, labels = torch.zeros(64, 1, dtype=torch.float64), torch.zeros(64, dtype=torch.int64)
    g = gen(0)

    def spread(alpha: float | tuple[float, float]) -> torch.Tensor:
        multimix = MultiMix(C, n=500, alpha=alpha)
        steps = [multimix(z, labels, mixed=False, generator=g).weights for _ in range(40)]
        return torch.stack([w.square().sum(1).mean() for w in steps])

    fixed, drawn = spread(1.0), spread((0.5, 2.0))
    assert abs(float(fixed.mean()) - 2 / 65) < 2e-4 and float(fixed.std()) < 5e-4
    # E[sum w^2] falls from 1.5 / 33 at alpha 0.5 to 3 / 129 at alpha 2.
    assert (
        float(drawn.std()) > 2e-3
        and 3 / 129 - 1e-3 < float(drawn.min()) < float(drawn.max()) < 1.5 / 33 + 2e-3
    )


def test_rows_already_mixed_pass_through():
    z, labels = case()
    rows, targets, weights = MultiMix(C, n=9)(z, labels, mixed=True)
    assert torch.equal(rows, z) and torch.equal(weights, torch.eye(B).double())
    assert torch.equal(targets, F.one_hot(labels, C).double())


def test_whole_batch_tuples_alone_warn_once():
    z, labels = case()
    multimix = MultiMix(C, n=3)
    with pytest.warns(UserWarning, match="m = B = 6 and no alternation"):
        multimix(z, labels)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        multimix(z, labels)
        MultiMix(C, n=3)(z, labels, mixed=False)
        MultiMix(C, n=3, m=2)(z, labels)
        MultiMix(C, n=3)(z, labels, mixed=True)


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"n": 0}, "n=0"),
        ({"m": 1}, "m=1"),
        ({"alpha": 0.0}, "alpha=0.0"),
        ({"alpha": (2.0, 0.5)}, r"alpha=\(2.0, 0.5\), expected \(low, high\) with low <= high"),
        ({"alpha": (0.5, 2, 3)}, r"alpha=\(0.5, 2, 3\), expected one number > 0 or two, \(low, high\)"),
        ({"alpha": ()}, r"alpha=\(\), expected one number"),
        ({"alpha": float("nan")}, "alpha=nan"),
        ({"alpha": 1e-310}, "alpha=1e-310"),
        ({"alpha": (0.0, 1.0)}, "alpha=0.0"),
    ],
)
def test_bad_construction_is_refused(options, match):
    with pytest.raises(ValueError, match=match):
        MultiMix(C, **options)


@pytest.mark.parametrize(
    "given", ["clean", "mixed", "off", 1, 0, torch.tensor(1), torch.ones(2, dtype=torch.bool)]
)
def test_what_is_neither_true_nor_false_is_refused_as_mixed(given):
    """A regime is text, and any text is true: nothing was mixed, ever."""
    z, labels = case()
    with pytest.raises(
        TypeError, match=r'MultiMix: mixed=.*expected True, .* mixed=record.regime == "mixed"'
    ):
        MultiMix(C, n=2)(z, labels, mixed=given)


@pytest.mark.parametrize("kind", [bool, np.bool_, torch.tensor])
def test_mixed_is_any_kind_of_truth(kind):
    z, labels = case()
    multimix = MultiMix(C, n=2)
    rows, unchanged = (len(multimix(z, labels, mixed=kind(said)).features) for said in (False, True))
    assert (rows, unchanged) == (2, B)


def test_bad_calls_are_refused():
    z, labels = case()
    with pytest.raises(ValueError, match="m=7 samples per tuple from a batch of 6"):
        MultiMix(C, m=7)(z, labels)
    with pytest.raises(ValueError, match=r"expected \(B, d\)"):
        MultiMix(C)(z.unsqueeze(2), labels)
    with pytest.raises(TypeError, match=r"MultiMix: features of type torch.int64"):
        MultiMix(C)(z.long(), labels)
    with pytest.raises(ValueError, match="a batch of 0 samples"):
        MultiMix(C)(z[:0], labels[:0], mixed=False)


def test_distillation_refuses_what_does_not_fit():
    z, labels = case()
    rows, targets, weights = MultiMix(C, n=9)(z[:, :C], labels, mixed=False)
    for teacher, used in ((z[:5, :C], weights), (z, weights), (z[:, :C], weights[:8])):
        with pytest.raises(
            ValueError, match=r"SelfDistillation: logits \(9, 4\), weights .* expected \(R, C\)"
        ):
            SelfDistillation()(rows, targets, teacher, used)


def test_half_precision_features_give_float32_targets():
    z, labels = case(torch.bfloat16)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        rows, targets, weights = MultiMix(C, n=50)(z, labels, mixed=False)
    assert (rows.dtype, targets.dtype, weights.dtype) == (torch.bfloat16, torch.float32, torch.float32)
    torch.testing.assert_close(targets.sum(1), torch.ones(50), atol=1e-6, rtol=0)


def test_the_arithmetic_compiles_without_a_graph_break():
    z, labels = case()
    dense, weights = F.one_hot(labels, C).double(), MultiMix(C, n=9)(z, labels, mixed=False).weights

    def loss(x: torch.Tensor, w: torch.Tensor) -> torch.Tensor:
        return soft_cross_entropy(mix_rows(w, x)[:, :C], mix_rows(w, dense))

    compiled = torch.compile(loss, backend="aot_eager", fullgraph=True)
    torch.testing.assert_close(compiled(z, weights), loss(z, weights))


def test_a_compiled_step_gives_the_eager_gradient():
    z, labels = case()
    multimix = MultiMix(C, n=9)
    head = nn.Linear(D, C).double()

    def step(x: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        rows, targets, _ = multimix(head(x), labels, mixed=False, generator=generator)
        return soft_cross_entropy(rows, targets)

    grads = []
    for function in (step, torch.compile(step, backend="aot_eager")):
        leaf = z.clone().requires_grad_()
        function(leaf, gen(4)).backward()
        grads.append(leaf.grad)
    torch.testing.assert_close(grads[0], grads[1])


@pytest.mark.parametrize("gamma", [0.0, 0.5, 1.0])
def test_distillation_agrees_with_loops(gamma):
    z, labels = case()
    head, teacher_logits = nn.Linear(D, C).double(), torch.randn(B, C, generator=gen(9), dtype=torch.float64)
    rows, targets, weights = MultiMix(C, n=9)(z, labels, mixed=False, generator=gen(1))
    value = SelfDistillation(gamma)(head(rows), targets, teacher_logits, weights)
    one_hot = F.one_hot(labels, C).double()
    expected = gamma * naive_loss(z, one_hot, weights, head)
    expected += (1 - gamma) * naive_loss(z, torch.softmax(teacher_logits, 1), weights, head)
    assert abs(float(value) - expected) < 1e-10


def test_distillation_gives_the_teacher_no_gradient():
    z, labels = case()
    teacher_logits = torch.randn(B, C, dtype=torch.float64, requires_grad=True)
    logits = z[:, :C].clone().requires_grad_()
    rows, targets, weights = MultiMix(C, n=9)(logits, labels, mixed=False)
    SelfDistillation()(rows, targets, teacher_logits, weights).backward()
    assert teacher_logits.grad is None and logits.grad is not None

    def loss(x: torch.Tensor) -> torch.Tensor:
        r, t, w = MultiMix(C, n=9)(x, labels, mixed=False, generator=gen(3))
        return SelfDistillation(0.3)(r, t, teacher_logits, w)

    assert torch.autograd.gradcheck(loss, (logits.detach().requires_grad_(),))


def test_distillation_on_a_batch_mixed_in_input_space_uses_the_teachers_rows_as_they_are():
    z, labels = case()
    logits, teacher_logits = z[:, :C], torch.randn(B, C, dtype=torch.float64)
    rows, targets, weights = MultiMix(C)(logits, labels, mixed=True)
    value = SelfDistillation(0.0)(rows, targets, teacher_logits, weights)
    torch.testing.assert_close(value, F.cross_entropy(logits, torch.softmax(teacher_logits, 1)))


def test_gamma_is_a_share():
    with pytest.raises(ValueError, match=r"gamma=1\.5"):
        SelfDistillation(1.5)


@pytest.mark.gpu
def test_the_gpu_gives_the_cpus_step():
    z, labels = case()
    multimix = MultiMix(C, n=50, m=3)
    here = multimix(z, labels, generator=gen(1))
    there = multimix(z.cuda(), labels.cuda(), generator=gen(1))
    for a, b in zip(here, there, strict=True):
        torch.testing.assert_close(b.cpu(), a)
