"""EMATeacher against the formula written out, torch's AveragedModel, and wrappers."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel

from dali_mixup.latent import EMATeacher


def net() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 2)).double()


def moves(model: nn.Module, steps: int) -> list[list[torch.Tensor]]:
    """Changes the model `steps` times; yields after each."""
    g = torch.Generator().manual_seed(1)
    for _ in range(steps):
        with torch.no_grad():
            for p in model.parameters():
                p.add_(torch.randn(p.shape, generator=g, dtype=p.dtype))
        model.train()(torch.randn(8, 3, generator=g, dtype=torch.float64))
        yield


@pytest.mark.parametrize("decay", [0.0, 0.6, 0.999])
def test_weights_follow_the_formula(decay):
    model = net()
    teacher = EMATeacher(model, decay=decay)
    expected = [p.detach().clone() for p in model.parameters()]
    for t, _ in enumerate(moves(model, 8), start=1):
        teacher.update(model)
        d = min(1 - 1 / (t + 1), decay)
        expected = [d * e + (1 - d) * p.detach() for e, p in zip(expected, model.parameters(), strict=True)]
        for mine, e in zip(teacher.model.parameters(), expected, strict=True):
            torch.testing.assert_close(mine, e, atol=1e-10, rtol=0)


def test_before_the_decay_takes_over_the_teacher_is_torchs_plain_average():
    model = net()
    teacher, oracle = EMATeacher(model, decay=0.999), AveragedModel(model)
    oracle.update_parameters(model)  # AveragedModel starts empty: its first update is the copy we start with
    for _ in moves(model, 5):
        teacher.update(model)
        oracle.update_parameters(model)
    for mine, theirs in zip(teacher.model.parameters(), oracle.module.parameters(), strict=True):
        torch.testing.assert_close(mine, theirs)


@pytest.mark.parametrize("buffers", ["copy", "average", "own"])
def test_buffers_follow_their_rule(buffers):
    model = net()
    teacher = EMATeacher(model, decay=0.9, buffers=buffers)
    for _ in moves(model, 2):
        teacher.update(model)
    mine, theirs = teacher.model[1], model[1]
    if buffers == "own":
        assert torch.equal(mine.running_mean, torch.zeros(4).double()) and int(mine.num_batches_tracked) == 0
        assert teacher.model.training
        teacher(torch.randn(8, 3, dtype=torch.float64))
        assert int(mine.num_batches_tracked) == 1
        return
    assert int(mine.num_batches_tracked) == 2 and not teacher.model.training
    assert torch.equal(mine.running_mean, theirs.running_mean) is (buffers == "copy")


def test_averaged_buffers_follow_the_formula():
    model = net()
    teacher = EMATeacher(model, decay=0.9, buffers="average")
    expected = model[1].running_var.clone()
    for t, _ in enumerate(moves(model, 4), start=1):
        teacher.update(model)
        d = min(1 - 1 / (t + 1), 0.9)
        expected = d * expected + (1 - d) * model[1].running_var
    torch.testing.assert_close(teacher.model[1].running_var, expected, atol=1e-10, rtol=0)


def test_the_teacher_is_apart_from_the_student_and_needs_no_gradient():
    model = net()
    teacher = EMATeacher(model)
    x = torch.randn(4, 3, dtype=torch.float64)
    before = teacher(x).clone()
    for _ in moves(model, 1):
        assert torch.equal(teacher(x), before)
    assert not teacher(x).requires_grad and not any(p.requires_grad for p in teacher.parameters())
    assert all(p.requires_grad for p in model.parameters())


def test_the_mode_survives_train_on_a_larger_module():
    whole = nn.ModuleDict({"teacher": EMATeacher(net()), "own": EMATeacher(net(), buffers="own")})
    whole.train()
    assert not whole["teacher"].model.training
    whole.eval()
    assert whole["own"].model.training


def test_a_resumed_teacher_continues_exactly():
    model = net()
    teacher = EMATeacher(model, decay=0.999)
    for _ in moves(model, 3):
        teacher.update(model)
    resumed = EMATeacher(model, decay=0.999)
    resumed.load_state_dict(teacher.state_dict())
    for _ in moves(model, 2):
        teacher.update(model)
        resumed.update(model)
    assert resumed.updates == 5
    for a, b in zip(teacher.state_dict().values(), resumed.state_dict().values(), strict=True):
        assert torch.equal(a, b) if isinstance(a, torch.Tensor) else a == b


@pytest.mark.parametrize(
    "wrapped",
    [
        lambda model: torch.compile(model, backend="eager"),
        nn.DataParallel,
        lambda model: torch.compile(nn.DataParallel(model), backend="eager"),
        lambda model: nn.DataParallel(torch.compile(model, backend="eager")),
    ],
    ids=["compiled", "parallel", "compiled outside", "compiled inside"],
)
def test_a_wrapped_student_is_its_model(wrapped):
    model = net()
    student = wrapped(model)
    teacher = EMATeacher(student)
    for _ in moves(model, 1):
        teacher.update(student)
    assert type(teacher.model) is type(model)
    assert list(dict(teacher.model.named_parameters())) == list(dict(model.named_parameters()))


def test_another_model_is_refused():
    teacher = EMATeacher(net())
    with pytest.raises(ValueError, match="2 parameter tensors, the teacher 6"):
        teacher.update(nn.Linear(3, 4))
    for options in ({"decay": 1.0}, {"decay": -0.1}, {"buffers": "none"}):
        with pytest.raises(ValueError, match=next(iter(options))):
            EMATeacher(net(), **options)
