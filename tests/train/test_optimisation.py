"""Learning rates against torch's and timm's schedulers, and optimisers with the recipe's parameters."""

from __future__ import annotations

from typing import Any

import pytest
import timm
import torch
from timm.scheduler import CosineLRScheduler

from dali_mixup.recipes import load_recipe, recipe_names
from dali_mixup.recipes.training import LearningRate, Optimizer, Training
from dali_mixup.train.optimisation import fitted, learning_rate, network, optimizer


def torch_rates(schedule: Any, epochs: int) -> list[float]:
    rates = []
    for _ in range(epochs):
        rates.append(schedule.get_last_lr()[0])
        schedule.optimizer.step()
        schedule.step()
    return rates


def sgd(rate: float) -> torch.optim.Optimizer:
    return torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=rate)


def rates(said: LearningRate, epochs: int) -> list[float]:
    return [learning_rate(said, epochs, epoch) for epoch in range(epochs)]


def test_cosine_is_torchs() -> None:
    theirs = torch.optim.lr_scheduler.CosineAnnealingLR(sgd(0.5), T_max=20, eta_min=0.01)
    assert rates(LearningRate(base=0.5, final=0.01), 20) == pytest.approx(torch_rates(theirs, 20))


def test_cosine_after_a_warm_up_is_timms_with_warmup_prefix() -> None:
    theirs = CosineLRScheduler(
        sgd(0.5), t_initial=15, lr_min=1e-3, warmup_t=5, warmup_lr_init=1e-2, warmup_prefix=True
    )
    ours = rates(LearningRate(base=0.5, final=1e-3, warmup_epochs=5, warmup_start=1e-2), 20)
    assert ours == pytest.approx([theirs._get_lr(epoch)[0] for epoch in range(20)])


def test_steps_are_torchs() -> None:
    theirs = torch.optim.lr_scheduler.MultiStepLR(sgd(0.1), milestones=[3, 7], gamma=0.2)
    assert rates(LearningRate(base=0.1, decay="step", milestones=[3, 7], gamma=0.2), 10) == pytest.approx(
        torch_rates(theirs, 10)
    )


def test_linear_is_torchs() -> None:
    theirs = torch.optim.lr_scheduler.LinearLR(sgd(2.0), 1.0, 0.25, total_iters=10)
    assert rates(LearningRate(base=2.0, decay="linear", final=0.5), 10) == pytest.approx(
        torch_rates(theirs, 10)
    )


def test_ffcvs_triangle() -> None:
    # ffcv-imagenet: numpy.interp(epoch, [0, 2, 88], [1e-4 lr, lr, 0])
    import numpy as np

    said = load_recipe("ffcv-rn50").training.learning_rate
    for position in np.linspace(0, 88, 41):
        theirs = np.interp(position, [0, 2, 88], [1e-4 * 1.7, 1.7, 0])
        assert learning_rate(said, 88, position) == pytest.approx(theirs, abs=1e-12)


def test_a_decay_longer_than_the_run_does_not_end() -> None:
    said = LearningRate(base=0.1, decay_epochs=450)
    assert learning_rate(said, 400, 400) == pytest.approx(
        0.05 * (1 + torch.cos(torch.tensor(torch.pi * 400 / 450)).item())
    )


def test_a_shorter_run_with_another_batch_has_the_stretched_schedule_and_the_scaled_rate() -> None:
    training = load_recipe("torchvision-resnet50-v1").training
    short = fitted(training, epochs=45, batch=512, base=None)
    assert short.learning_rate.base == pytest.approx(0.2)
    assert short.learning_rate.milestones == [15, 30]
    assert fitted(training, None, 512, 0.3).learning_rate.base == pytest.approx(0.3)
    assert fitted(training, None, 256, None) == training


@pytest.mark.parametrize(
    ("said", "kind", "expected"),
    [
        (Optimizer(name="sgd", momentum=0.9), "SGD", {"momentum": 0.9, "nesterov": False}),
        (Optimizer(name="sgd", momentum=0.9, nesterov=True), "SGD", {"momentum": 0.9, "nesterov": True}),
        (Optimizer(name="sgdw", momentum=0.875), "SGDW", {"momentum": 0.875, "nesterov": False}),
        (Optimizer(name="adamw", betas=[0.9, 0.95], eps=1e-6), "AdamW", {"betas": (0.9, 0.95), "eps": 1e-6}),
        (Optimizer(name="lamb", eps=1e-8), "Lamb", {"eps": 1e-8}),
        (
            Optimizer(name="rmsprop", momentum=0.9, alpha=0.8, eps=0.01),
            "RMSprop",
            {"alpha": 0.8, "eps": 0.01},
        ),
    ],
)
def test_optimisers_get_the_recipes_parameters(said: Optimizer, kind: str, expected: dict[str, Any]) -> None:
    model = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 1), torch.nn.BatchNorm2d(4))
    training = Training(
        epochs=1,
        batch_size=1,
        optimizer=said,
        learning_rate=LearningRate(base=0.1),
        weight_decay=0.05,
        decay_biases_and_norms=False,
    )
    made = optimizer(model, training)
    assert type(made).__name__ == kind
    assert all(group[key] == value for group in made.param_groups for key, value in expected.items())
    decay = {id(p): group["weight_decay"] for group in made.param_groups for p in group["params"]}
    assert decay == {id(p): 0.05 if p.dim() > 1 else 0.0 for p in model.parameters()}
    everything = optimizer(model, training.model_copy(update={"decay_biases_and_norms": True}))
    assert all(group["weight_decay"] == 0.05 for group in everything.param_groups)


@pytest.mark.parametrize("name", recipe_names())
def test_every_recipes_optimiser_can_be_made(name: str) -> None:
    made = optimizer(torch.nn.Linear(2, 2), load_recipe(name).training)
    assert made.param_groups[0]["lr"] == load_recipe(name).training.learning_rate.base


def test_a_network_without_stochastic_depth_is_told_what_to_do() -> None:
    with pytest.raises(ValueError, match=r"'vgg11' has no stochastic depth.*set training\.drop_path: 0"):
        network("vgg11", 5, (64, 64), 0.1)


def test_no_stochastic_depth_is_none_also_where_timm_has_it_by_default() -> None:
    assert "drop_prob=0.1" in str(timm.create_model("swin_tiny_patch4_window7_224"))
    assert "drop_prob" not in str(network("swin_tiny_patch4_window7_224", 2, (224, 224), 0.0))
    assert "drop_prob=0.3" in str(network("swin_tiny_patch4_window7_224", 2, (224, 224), 0.3))
    network("vgg11", 2, (64, 64), 0.0)


def test_networks_are_made_for_the_classes_and_the_size() -> None:
    vit = network("test_vit", 7, (64, 64), 0.0)
    assert vit(torch.zeros(1, 3, 64, 64)).shape == (1, 7)
    assert network("test_resnet", 5, (64, 64), 0.1)(torch.zeros(2, 3, 64, 64)).shape == (2, 5)
    assert network("test_resnet", 5, (64, 64), 0.1, 6)(torch.zeros(2, 6, 64, 64)).shape == (2, 5)
