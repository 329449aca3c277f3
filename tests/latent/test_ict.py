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


@pytest.mark.parametrize("mode", ["logits", "probs"])
def test_each_form_agrees_with_loops(mode):
    student, teacher, u = case()
    consistency = InterpolationConsistency(alpha=0.75, mode=mode)
    lam, partners = consistency.draw(B, generator=gen(3))
    total = 0.0
    for i in range(B):
        j = int(partners[i])
        own = float(lam if mode == "logits" else lam[i])
        if mode == "logits":
            target = torch.softmax(own * teacher(u[i]) + (1 - own) * teacher(u[j]), 0)
        else:
            assert j == B - 1 - i and own >= 0.5
            target = own * torch.softmax(teacher(u[i]), 0) + (1 - own) * torch.softmax(teacher(u[j]), 0)
        p = torch.softmax(student(own * u[i] + (1 - own) * u[j]), 0)
        total += sum((float(p[c]) - float(target[c])) ** 2 for c in range(C))
    assert abs(consistency(student, teacher, u, generator=gen(3)).item() - total / (B * C)) < 1e-10


def test_one_lam_per_batch_or_one_per_sample():
    lam, partners = InterpolationConsistency(mode="logits").draw(B, generator=gen())
    assert lam.shape == () and sorted(partners.tolist()) == list(range(B))
    lam, _ = InterpolationConsistency(mode="probs").draw(B, generator=gen())
    assert lam.shape == (B,) and len(set(lam.tolist())) == B


@pytest.mark.parametrize("mode", ["logits", "probs"])
def test_the_gradient_reaches_the_student_only(mode):
    student, teacher, u = case()
    InterpolationConsistency(mode=mode)(student, teacher, u, generator=gen(1)).backward()
    assert all(p.grad is not None for p in student.parameters())
    assert all(p.grad is None for p in teacher.parameters())

    def loss(weight: torch.Tensor) -> torch.Tensor:
        return InterpolationConsistency(mode=mode)(
            lambda x: F.linear(x, weight), teacher, u, generator=gen(1)
        )

    assert torch.autograd.gradcheck(loss, (torch.randn(C, D, dtype=torch.float64, requires_grad=True),))


def test_the_logits_form_is_zero_where_the_student_is_linear_and_its_own_teacher():
    _, _, u = case()
    linear = nn.Linear(D, C).double()
    assert InterpolationConsistency(mode="logits")(linear, linear, u, generator=gen(1)).item() < 1e-12
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
    with pytest.raises(ValueError, match="alpha=-1"):
        InterpolationConsistency(alpha=-1)


@pytest.mark.gpu
def test_the_gpu_gives_the_cpus_step():
    student, teacher, u = case()
    consistency = InterpolationConsistency()
    here = consistency(student, teacher, u, generator=gen(1))
    there = consistency(student.cuda(), teacher.cuda(), u.cuda(), generator=gen(1))
    torch.testing.assert_close(there.cpu(), here)
