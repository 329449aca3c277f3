"""Which pass of interpolation consistency moves BatchNorm's running statistics, in both published forms."""

from __future__ import annotations

from copy import deepcopy

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from dali_mixup.latent import EMATeacher, InterpolationConsistency

B, D, C = 6, 4, 3


def gen(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def network() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(D, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, C)).double()


def batch(seed: int = 0) -> Tensor:
    return torch.randn(B, D, dtype=torch.float64, generator=gen(seed))


def statistics(model: nn.Module) -> dict[str, Tensor]:
    return {name: buffer.clone() for name, buffer in model.named_buffers()}


@pytest.mark.parametrize("mode", ["probs", "logits"])
def test_the_mixed_pass_moves_statistics_in_the_authors_form_alone(mode: str) -> None:
    student = network()
    before = statistics(student)
    assert set(before) == {"1.running_mean", "1.running_var", "1.num_batches_tracked"}
    consistency = InterpolationConsistency(mode=mode)
    consistency(student, EMATeacher(student, buffers="own"), batch(), generator=gen(1))
    for name, after in statistics(student).items():
        assert torch.equal(after, before[name]) == (mode == "probs"), name
    assert student.training and student[1].training and student[1].track_running_stats


def test_value_and_gradient_are_those_of_the_mixed_batch_normalised_by_itself() -> None:
    """google-research/mixmatch, ict.py: the student's logits come from `classifier(mixture, training=True)`."""
    student, teacher, u = network(), EMATeacher(network(), buffers="own"), batch()
    consistency = InterpolationConsistency(alpha=0.75, mode="probs")
    loss = consistency(student, teacher, u, generator=gen(3))
    loss.backward()
    plain = network()
    mix = consistency.draw(B, generator=gen(3))[1][:, :1].double()
    labels = torch.softmax(teacher(u), 1)
    labels = labels * mix + labels.flip(0) * (1 - mix)
    logits = plain(u * mix + u.flip(0) * (1 - mix))
    expected = (labels - F.softmax(logits, 1)).square().mean(-1).mean()
    expected.backward()
    torch.testing.assert_close(loss, expected)
    for mine, theirs in zip(student.parameters(), plain.parameters(), strict=True):
        torch.testing.assert_close(mine.grad, theirs.grad)


def test_after_steps_the_statistics_are_those_of_the_labelled_batches() -> None:
    student, alone = network(), network()
    teacher = EMATeacher(student, buffers="own")
    consistency = InterpolationConsistency(mode="probs")
    for step in range(5):
        student(batch(step))
        consistency(student, teacher, batch(100 + step), generator=gen(step))
        alone(batch(step))
    for name, buffer in statistics(student).items():
        torch.testing.assert_close(buffer, statistics(alone)[name])


def test_the_teachers_weights_can_be_evaluated_with_the_students_statistics() -> None:
    """As docs/latent.md says; in ict.py only the trainable variables have averages."""
    student = network()
    teacher = EMATeacher(student, buffers="own")
    student(batch(1)), teacher(batch(2)), teacher.update(student)
    evaluated = deepcopy(teacher.model).eval()
    evaluated.load_state_dict(dict(student.named_buffers()), strict=False)
    x = batch(3)
    linear, norm, relu, head = teacher.model
    z = (linear(x) - student[1].running_mean) / (student[1].running_var + norm.eps).sqrt()
    torch.testing.assert_close(evaluated(x), head(relu(z * norm.weight + norm.bias)))


def test_a_function_is_refused_where_its_statistics_cannot_be_kept() -> None:
    student, teacher = network(), EMATeacher(network(), buffers="own")
    with pytest.raises(
        TypeError, match=r"student is a function with mode='probs', expected a torch\.nn\.Module"
    ):
        InterpolationConsistency(mode="probs")(lambda x: student(x), teacher, batch())
    InterpolationConsistency(mode="logits")(lambda x: student(x), teacher, batch())
