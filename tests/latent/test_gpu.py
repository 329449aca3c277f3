"""On CUDA every method and loss gives what it gives on the CPU, in values and gradients, also under autocast."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy

import pytest
import torch
from torch import Tensor, nn

from dali_mixup import losses
from dali_mixup.latent import (
    DenseMultiMix,
    EMATeacher,
    GanMixLoss,
    InterpolationConsistency,
    ManifoldMixup,
    MixMatchStep,
    MultiMix,
    SelfDistillation,
    class_attention,
    gap_attention,
    running_statistics_kept,
    uniform_attention,
)
from dali_mixup.targets import MixedTargets

pytestmark = pytest.mark.gpu
B, D, C = 16, 12, 5
LABELS = torch.randint(C, (B,), generator=torch.Generator().manual_seed(9))


def gen() -> torch.Generator:
    """On the CPU, so that both devices draw alike."""
    return torch.Generator().manual_seed(3)


class Net(nn.Module):
    """(B, D) to logits (B, C)."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Linear(D, 16), nn.BatchNorm1d(16), nn.ReLU())
        self.head = nn.Linear(16, C)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.body(x))


def net() -> Net:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return Net()


def maps(model: Net, x: Tensor) -> Tensor:
    """(B, 16, 3): three positions for the dense forms."""
    return torch.stack([model.body(x * scale) for scale in (0.5, 1.0, 2.0)], dim=2)


def dense(attention: Callable[[Net, Tensor, Tensor], Tensor], fresh: bool) -> Callable[..., Tensor]:
    def loss(model: Net, x: Tensor, labels: Tensor) -> Tensor:
        z = maps(model, x)
        law = DenseMultiMix(C, n=20, fresh=fresh)
        rows, targets, _ = law(z, labels, attention=attention(model, z, labels), mixed=False, generator=gen())
        return losses.soft_cross_entropy(model.head(rows), targets)

    return loss


def distilled(model: Net, x: Tensor, labels: Tensor) -> Tensor:
    rows, targets, weights = MultiMix(C, n=30)(model(x), labels, mixed=False, generator=gen())
    return SelfDistillation(0.3)(rows, targets, EMATeacher(model)(x), weights)


def manifold(layers: list[str], loss: Callable[..., Tensor]) -> Callable[..., Tensor]:
    def step(model: Net, x: Tensor, labels: Tensor) -> Tensor:
        mixup = ManifoldMixup(model, layers, include_input=not layers)
        return loss(*mixup(model, x, labels, generator=gen()))

    return step


def mixmatch(model: Net, x: Tensor, labels: Tensor) -> Tensor:
    both = MixMatchStep(C)(model, x, labels, [x.flip(0), 0.5 * x], generator=gen())
    return both.supervised + 10.0 * both.unsupervised


def consistency(**options: object) -> Callable[..., Tensor]:
    def loss(model: Net, x: Tensor, labels: Tensor) -> Tensor:
        return InterpolationConsistency(**options)(model, EMATeacher(model), x, generator=gen())

    return loss


def adversarial(model: Net, x: Tensor, labels: Tensor) -> Tensor:
    return GanMixLoss(0.5)(lambda z: model(z)[:, 0], x, x.roll(1, 0).tanh(), generator=gen())


def with_targets(loss: Callable[..., Tensor], form: str) -> Callable[..., Tensor]:
    def step(model: Net, x: Tensor, labels: Tensor) -> Tensor:
        pair = torch.stack([labels, labels.roll(1)], dim=1)
        weights = torch.tensor([0.7, 0.3], device=x.device).expand(len(x), 2)
        mixed = MixedTargets(pair, weights, 0.1)
        return loss(model(x), {"labels": labels, "compact": mixed, "dense": mixed.dense(C)}[form])

    return step


STEPS: dict[str, Callable[[Net, Tensor, Tensor], Tensor]] = {
    "MultiMix with SelfDistillation": distilled,
    "DenseMultiMix, uniform attention": dense(lambda model, z, labels: uniform_attention(z), False),
    "DenseMultiMix, gap attention": dense(lambda model, z, labels: gap_attention(z), True),
    "DenseMultiMix, class attention": dense(
        lambda model, z, labels: class_attention(z, labels, model.head.weight, "softmax"), True
    ),
    "ManifoldMixup, input": manifold([], losses.soft_cross_entropy),
    "ManifoldMixup, hidden": manifold(["body"], losses.softmax_binary_cross_entropy),
    "InterpolationConsistency, logits": consistency(mode="logits"),
    "InterpolationConsistency, probs": consistency(mode="probs"),
    "InterpolationConsistency, k=4": consistency(k=4),
    "MixMatchStep": mixmatch,
    "GanMixLoss": adversarial,
    "JensenShannonCrossEntropy": lambda model, x, labels: losses.JensenShannonCrossEntropy()(
        model(torch.cat([x, x + 0.1, x - 0.1])), labels
    ),
    **{
        f"{loss.__name__}, {form}": with_targets(loss, form)
        for loss in (
            losses.soft_cross_entropy,
            losses.soft_binary_cross_entropy,
            losses.softmax_binary_cross_entropy,
        )
        for form in ("labels", "compact", "dense")
    },
}


def images() -> Tensor:
    return torch.randn(B, D, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


def step_on(device: str, name: str, dtype: torch.dtype, autocast: bool) -> tuple[Tensor, list[Tensor]]:
    """The loss and its gradients, brought to the CPU."""
    model = net().to(device, dtype)
    with torch.autocast(device, dtype=torch.bfloat16, enabled=autocast):
        loss = STEPS[name](model, images().to(device, dtype), LABELS.to(device))
    loss.backward()
    assert loss.device.type == device
    return loss.detach().cpu(), [p.grad.cpu() for p in model.parameters() if p.grad is not None]


@pytest.mark.parametrize("name", STEPS)
def test_a_step_gives_the_cpus_loss_and_gradients(name: str) -> None:
    here, there = (step_on(device, name, torch.float64, False) for device in ("cpu", "cuda"))
    torch.testing.assert_close(there[0], here[0], rtol=1e-6, atol=1e-9)
    assert len(here[1]) == len(there[1]) > 0
    # Weights of mixing are drawn in float64 and used in the dtype of the features, so nothing is lost on the way.
    torch.testing.assert_close(there[1], here[1], rtol=1e-5, atol=1e-8)


@pytest.mark.parametrize("name", STEPS)
def test_autocast_moves_the_loss_by_no_more_than_bfloat16_does(name: str) -> None:
    exact, _ = step_on("cpu", name, torch.float32, False)
    loss, gradients = step_on("cuda", name, torch.float32, True)
    assert loss.dtype == torch.float32
    torch.testing.assert_close(loss, exact, rtol=0.05, atol=5e-3)
    assert all(gradient.isfinite().all() for gradient in gradients)
    assert any(gradient.any() for gradient in gradients)


@pytest.mark.parametrize("buffers", ["copy", "average", "own"])
def test_a_teacher_on_the_gpu_follows_as_on_the_cpu(buffers: str) -> None:
    found = []
    for device in ("cpu", "cuda"):
        model = net().to(device, torch.float64)
        teacher = EMATeacher(model, decay=0.9, buffers=buffers)
        x = images().to(device)
        for _ in range(4):
            with torch.no_grad():
                for p in model.parameters():
                    p.mul_(0.9).add_(0.01)
            model(x)
            teacher.update(model)
            teacher(x)
        found.append(
            (teacher(x).cpu(), {name: value.cpu() for name, value in teacher.model.state_dict().items()})
        )
    torch.testing.assert_close(found[1][0], found[0][0])
    torch.testing.assert_close(found[1][1], found[0][1])


def test_a_teachers_state_travels_between_devices() -> None:
    model = net().cuda()
    teacher = EMATeacher(model, decay=0.9)
    teacher.update(model)
    here = EMATeacher(net(), decay=0.9)
    here.load_state_dict(teacher.state_dict())
    assert here.updates == 1 and not next(here.parameters()).is_cuda
    torch.testing.assert_close(here(images().float()), teacher(images().float().cuda()).cpu())


def test_running_statistics_are_kept_on_the_gpu() -> None:
    model = net().cuda()
    before = deepcopy(model.state_dict())
    with running_statistics_kept(model):
        model(images().float().cuda())
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    model(images().float().cuda())
    assert not torch.equal(model.body[1].running_mean, before["body.1.running_mean"])
