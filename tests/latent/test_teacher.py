"""EMATeacher against the formula written out, torch's AveragedModel, and wrappers."""

from __future__ import annotations

from copy import deepcopy

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


@pytest.mark.parametrize("buffers", ["copy", "average", "own"])
def test_parameters_without_a_mean_are_copied(buffers):
    """As timm's ModelEmaV3 does: a frozen table of whole numbers, a mask."""
    model = net()
    table, mask = torch.tensor([1, 2]), torch.tensor([True, False])
    model.register_parameter("table", nn.Parameter(table.clone(), requires_grad=False))
    model.register_parameter("mask", nn.Parameter(mask.clone(), requires_grad=False))
    teacher = EMATeacher(model, decay=0.9, buffers=buffers)
    weight = model[0].weight.detach().clone()
    with torch.no_grad():
        model.table += 5
        model.mask.logical_not_()
        model[0].weight += 1
    teacher.update(model)
    assert torch.equal(teacher.model.table, table + 5) and torch.equal(teacher.model.mask, ~mask)
    torch.testing.assert_close(teacher.model[0].weight, weight + 0.5)  # 1 - 1/2 in the first update


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


def with_buffer(model: nn.Module) -> nn.Module:
    model.register_buffer("more", torch.zeros(2))
    return model


def with_wider_statistics(model: nn.Module) -> nn.Module:
    model[1].running_mean = torch.zeros(5, dtype=torch.float64)
    return model


OTHERS = {
    "smaller": (
        lambda model: nn.Linear(3, 4),
        "parameter 'weight' is .* in the student and missing in the teacher",
    ),
    "larger": (lambda model: model.append(nn.Linear(2, 2)), "parameter '3.weight' .* missing in the teacher"),
    "shorter": (lambda model: model[:2], "parameter '2.weight' is missing in the student"),
    "transposed": (
        lambda model: nn.Sequential(nn.Linear(4, 3), *model[1:]).double(),
        r"parameter '0.weight' is \(3, 4\) .* in the student and \(4, 3\)",
    ),
    "elsewhere": (
        lambda model: model.to("meta"),
        "parameter '0.weight' is .* meta in the student and .* cpu in the teacher",
    ),
    "buffer": (with_buffer, "buffer 'more' is .* missing in the teacher"),
    "statistics": (with_wider_statistics, r"buffer '1.running_mean' is \(5,\)"),
}


@pytest.mark.parametrize("buffers", ["copy", "average"])
@pytest.mark.parametrize("other", OTHERS)
def test_another_student_leaves_the_teacher_as_it_was(other, buffers):
    change, words = OTHERS[other]
    teacher = EMATeacher(net(), buffers=buffers)
    before = deepcopy(teacher.state_dict())
    student = net()
    with torch.no_grad():
        for p in student.parameters():
            p.add_(1.0)
    with pytest.raises(ValueError, match=f"EMATeacher: {words}"):
        teacher.update(change(student))
    after = teacher.state_dict()
    assert all(
        torch.equal(v, after[k]) if isinstance(v, torch.Tensor) else v == after[k] for k, v in before.items()
    )
    assert teacher.updates == 0


def test_buffers_of_its_own_need_not_be_the_students():
    teacher = EMATeacher(net(), buffers="own")
    teacher.update(with_buffer(net()))
    assert teacher.updates == 1


def test_layers_compiled_in_place_after_the_copy_keep_their_names():
    model = net()
    teacher = EMATeacher(model)
    model[0] = torch.compile(model[0], backend="eager")
    for _ in moves(model, 1):
        teacher.update(model)
    assert teacher.updates == 1


def test_bad_construction_is_refused():
    for options in ({"decay": 1.0}, {"decay": -0.1}, {"buffers": "none"}):
        with pytest.raises(ValueError, match=next(iter(options))):
            EMATeacher(net(), **options)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_averages_in_half_precision_are_refused(dtype):
    """With a decay of 0.999 a teacher in bfloat16 never moved."""
    with pytest.raises(ValueError, match=rf"EMATeacher: '0.weight' is {dtype}, .* expected float32"):
        EMATeacher(net().to(dtype))
    teacher = EMATeacher(net()).to(dtype)
    with pytest.raises(ValueError, match=rf"'0.weight' is {dtype}"):
        teacher.update(net().to(dtype))
    assert teacher.updates == 0


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize("buffers", ["copy", "average"])
def test_a_teacher_in_float32_follows_a_student_in_half_precision(dtype, buffers):
    student, exact = net().to(dtype), net().float()
    teacher, reference = (
        EMATeacher(deepcopy(student).float(), buffers=buffers),
        EMATeacher(exact, buffers=buffers),
    )
    for step in range(2000):
        with torch.no_grad():
            for model in (student, exact):
                for weight in (*model.parameters(), model[1].running_mean):
                    weight.fill_(2.0 if step < 500 else 1.0)
        teacher.update(student)
        reference.update(exact)
    for mine, theirs in zip(
        teacher.model.state_dict().values(), reference.model.state_dict().values(), strict=True
    ):
        torch.testing.assert_close(mine, theirs, atol=1e-3, rtol=1e-3)
    assert teacher.model[0].weight.dtype == torch.float32


def test_a_student_wider_than_the_teacher_is_refused():
    teacher = EMATeacher(net().float())
    with pytest.raises(ValueError, match=r"'0.weight' is .* torch.float64 .* and .* torch.float32"):
        teacher.update(net())
