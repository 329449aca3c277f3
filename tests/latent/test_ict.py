"""InterpolationConsistency against both published forms written out."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from dali_mixup.latent import InterpolationConsistency

B, D, C = 6, 4, 3


def gen(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def case() -> tuple[nn.Module, nn.Module, torch.Tensor]:
    torch.manual_seed(0)
    student = nn.Sequential(nn.Linear(D, 8), nn.Tanh(), nn.Linear(8, C)).double()
    teacher = nn.Sequential(nn.Linear(D, 8), nn.Tanh(), nn.Linear(8, C)).double()
    return student, teacher, torch.randn(B, D, dtype=torch.float64)


@pytest.mark.parametrize(("mode", "k"), [("logits", 2), ("logits", 3), ("logits", 5), ("probs", 2)])
def test_each_form_agrees_with_loops(mode, k):
    student, teacher, u = case()
    consistency = InterpolationConsistency(alpha=0.75, mode=mode, k=k)
    partners, weights = consistency.draw(B, generator=gen(3))
    total = 0.0
    for i in range(B):
        parts = [(float(weights[i, j]), u[int(partners[i, j])]) for j in range(k)]
        if mode == "logits":
            target = torch.softmax(sum(w * teacher(x) for w, x in parts), 0)
        else:
            target = sum(w * torch.softmax(teacher(x), 0) for w, x in parts)
        p = torch.softmax(student(sum(w * x for w, x in parts)), 0)
        total += sum((float(p[c]) - float(target[c])) ** 2 for c in range(C))
    assert abs(consistency(student, teacher, u, generator=gen(3)).item() - total / (B * C)) < 1e-10


@pytest.mark.parametrize("k", [2, 3, 5])
def test_the_authors_form_has_one_weight_vector_and_permutations(k):
    partners, weights = InterpolationConsistency(mode="logits", k=k).draw(B, generator=gen())
    assert partners.shape == weights.shape == (B, k)
    assert partners[:, 0].tolist() == list(range(B))
    assert all(sorted(column.tolist()) == list(range(B)) for column in partners.t())
    assert len({tuple(column.tolist()) for column in partners.t()}) == k
    assert (weights == weights[0]).all() and weights[0].unique().numel() == k
    torch.testing.assert_close(weights.sum(1), torch.ones(B))


def test_mixmatchs_form_has_a_folded_lam_per_sample_and_the_reversed_batch():
    partners, weights = InterpolationConsistency(mode="probs").draw(B, generator=gen())
    assert partners.tolist() == [[i, B - 1 - i] for i in range(B)]
    assert (weights[:, 0] >= 0.5).all() and weights[:, 0].unique().numel() == B
    torch.testing.assert_close(weights.sum(1), torch.ones(B))


def test_weights_of_more_than_two_are_dirichlet():
    alpha, k, rounds = 0.5, 3, 4000
    consistency, g = InterpolationConsistency(alpha=alpha, k=k), gen(7)
    drawn = torch.stack([consistency.draw(1, generator=g)[1][0] for _ in range(rounds)]).double()
    variance = (k - 1) / (k**2 * (k * alpha + 1))  # of each component; the mean is 1 / k
    assert ((drawn.mean(0) - 1 / k).abs() < 5 * (variance / rounds) ** 0.5).all()
    assert ((drawn.var(0) - variance).abs() < 0.1 * variance).all()


@pytest.mark.parametrize("mode", ["logits", "probs"])
def test_the_gradient_reaches_the_student_only(mode):
    student, teacher, u = case()
    InterpolationConsistency(mode=mode)(student, teacher, u, generator=gen(1)).backward()
    assert all(p.grad is not None for p in student.parameters())
    assert all(p.grad is None for p in teacher.parameters())

    class Linear(nn.Module):
        def __init__(self, weight: torch.Tensor) -> None:
            super().__init__()
            self.weight = weight

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return F.linear(x, self.weight)

    def loss(weight: torch.Tensor) -> torch.Tensor:
        return InterpolationConsistency(mode=mode)(Linear(weight), teacher, u, generator=gen(1))

    assert torch.autograd.gradcheck(loss, (torch.randn(C, D, dtype=torch.float64, requires_grad=True),))


def test_the_logits_form_is_zero_where_the_student_is_linear_and_its_own_teacher():
    _, _, u = case()
    linear = nn.Linear(D, C).double()
    for k in (2, 4):
        consistency = InterpolationConsistency(mode="logits", k=k)
        assert consistency(linear, linear, u, generator=gen(1)).item() < 1e-12
    assert InterpolationConsistency(mode="probs")(linear, linear, u, generator=gen(1)).item() > 1e-6


def test_the_teacher_sees_the_unmixed_batch():
    student, teacher, u = case()
    seen = []

    def spy(x: torch.Tensor) -> torch.Tensor:
        seen.append(x)
        return teacher(x)

    InterpolationConsistency()(student, spy, u)
    assert len(seen) == 1 and torch.equal(seen[0], u)


def test_autocast_keeps_the_loss_in_float32():
    student, teacher, u = case()
    student, teacher, u = student.float(), teacher.float(), u.float()
    for mode in ("logits", "probs"):
        consistency = InterpolationConsistency(mode=mode)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            loss = consistency(student, teacher, u, generator=gen(1))
        assert loss.dtype == torch.float32
        torch.testing.assert_close(
            loss, consistency(student, teacher, u, generator=gen(1)), atol=5e-3, rtol=0.1
        )


def test_bad_construction_is_refused():
    with pytest.raises(ValueError, match="mode='softmax'"):
        InterpolationConsistency(mode="softmax")
    with pytest.raises(ValueError, match="k=1"):
        InterpolationConsistency(k=1)
    with pytest.raises(ValueError, match="k=3 with mode='probs', expected 2"):
        InterpolationConsistency(mode="probs", k=3)
    with pytest.raises(ValueError, match="alpha=-1"):
        InterpolationConsistency(alpha=-1)


@pytest.mark.parametrize("mode", ["logits", "probs"])
def test_predictions_of_different_shapes_are_refused(mode):
    """One column of the teacher was compared with every class of the student."""
    student, _, u = case()
    with pytest.raises(ValueError, match=rf"the student returned \({B}, {C}\) and the teacher \({B}, 1\)"):
        InterpolationConsistency(mode=mode)(student, lambda x: x[:, :1], u)


@pytest.mark.parametrize("mode", ["logits", "probs"])
def test_integers_are_refused(mode):
    pixels = torch.randint(256, (4, 6), dtype=torch.uint8)
    with pytest.raises(TypeError, match=r"InterpolationConsistency: unlabelled of type torch.uint8"):
        InterpolationConsistency(mode=mode)(nn.Linear(6, 3), lambda x: torch.zeros(4, 3), pixels)
