"""Arrays, lists and functions where tensors, generators and modules are expected: an error that says what to do."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from dali_mixup.latent import (
    DenseMultiMix,
    EMATeacher,
    GanMixLoss,
    InterpolationConsistency,
    LinearityProbe,
    ManifoldGanLoss,
    ManifoldMixup,
    MixMatchStep,
    MultiMix,
    SelfDistillation,
    class_attention,
    dirichlet,
    gap_attention,
    interleave,
    running_statistics_kept,
    sharpen,
    uniform_attention,
)

B, D, C = 6, 5, 3
x, maps = torch.randn(B, D), torch.randn(B, D, 4)
labels = torch.arange(B) % C
partners, weights = torch.stack([torch.arange(B), torch.arange(B).flip(0)], 1), torch.full((B, 2), 0.5)
net = nn.Sequential(nn.Linear(D, 8), nn.Linear(8, C))
head = nn.Linear(D, 1)


def function(images: Tensor) -> Tensor:
    return images


def distilled(**other: Any) -> object:
    good = {"teacher_logits": torch.randn(B, C), "weights": torch.rand(2, B)}
    return SelfDistillation()(torch.randn(2, C), torch.rand(2, C), **{**good, **other})


def probed(images: Any = x, partners: Any = partners, weights: Any = weights, mixed: Any = None) -> object:
    return LinearityProbe(net, ["0"]).update(images, partners, weights, mixed)


TENSORS: dict[str, tuple[str, Callable[[Any], object], Tensor]] = {
    "MultiMix": ("MultiMix: features", lambda it: MultiMix(C, n=2)(it, labels, mixed=False), x),
    "DenseMultiMix": (
        "DenseMultiMix: features",
        lambda it: DenseMultiMix(C, n=2)(it, labels, mixed=False),
        maps,
    ),
    "DenseMultiMix, attention": (
        "DenseMultiMix: attention",
        lambda it: DenseMultiMix(C, n=2)(maps, labels, attention=it, mixed=False),
        torch.ones(B, 4),
    ),
    "uniform_attention": ("uniform_attention: features", uniform_attention, maps),
    "gap_attention": ("gap_attention: features", gap_attention, maps),
    "class_attention": (
        "class_attention: features",
        lambda it: class_attention(it, labels, torch.rand(C, D)),
        maps,
    ),
    "class_attention, weights": (
        "class_attention: class_weights",
        lambda it: class_attention(maps, labels, it),
        torch.rand(C, D),
    ),
    "SelfDistillation, teacher": (
        "SelfDistillation: teacher_logits",
        lambda it: distilled(teacher_logits=it),
        torch.randn(B, C),
    ),
    "SelfDistillation, weights": (
        "SelfDistillation: weights",
        lambda it: distilled(weights=it),
        torch.rand(2, B),
    ),
    "InterpolationConsistency": (
        "InterpolationConsistency: unlabelled",
        lambda it: InterpolationConsistency()(net, net, it),
        x,
    ),
    "MixMatchStep": ("MixMatchStep: images", lambda it: MixMatchStep(C)(net, it, labels, [x]), x),
    "MixMatchStep, views": ("MixMatchStep: a view", lambda it: MixMatchStep(C)(net, x, labels, [it]), x),
    "ManifoldMixup": (
        "ManifoldMixup: inputs",
        lambda it: ManifoldMixup(net, ["0"], include_input=False)(net, it, labels),
        x,
    ),
    "GanMixLoss": ("GanMixLoss: real", lambda it: GanMixLoss()(head, it, x), x),
    "ManifoldGanLoss": ("ManifoldGanLoss: fake", lambda it: ManifoldGanLoss()(head, x, it), x),
    "LinearityProbe": ("LinearityProbe: images", lambda it: probed(images=it), x),
    "LinearityProbe, partners": ("LinearityProbe: partners", lambda it: probed(partners=it), partners),
    "LinearityProbe, weights": ("LinearityProbe: weights", lambda it: probed(weights=it), weights),
    "LinearityProbe, mixed": ("LinearityProbe: mixed", lambda it: probed(mixed=it), x),
    "sharpen": ("sharpen: p", lambda it: sharpen(it, 0.5), torch.rand(B, C)),
    "interleave": ("interleave: a batch", lambda it: interleave([it]), x),
}


@pytest.mark.parametrize("case", TENSORS)
def test_arrays_and_lists_are_refused_as_tensors(case: str) -> None:
    what, call, good = TENSORS[case]
    call(good)
    for given, kind, how in (
        (good.numpy(), "ndarray", r"torch\.from_numpy\(\.\.\.\)"),
        (good.tolist(), "list", r"torch\.tensor\(\.\.\.\)"),
    ):
        with pytest.raises(TypeError, match=f"^{what} of type {kind}, expected a tensor: use {how}$"):
            call(given)


@pytest.mark.parametrize(
    ("what", "call"),
    [
        (
            "InterpolationConsistency: the teacher's output",
            lambda wrong: InterpolationConsistency()(net, wrong, x),
        ),
        (
            "InterpolationConsistency: the student's output",
            lambda wrong: InterpolationConsistency()(wrong, net, x),
        ),
        ("GanMixLoss: the discriminator's output", lambda wrong: GanMixLoss()(wrong, x, x)),
        ("ManifoldGanLoss: the discriminator's output", lambda wrong: ManifoldGanLoss()(wrong, x, x)),
    ],
)
def test_models_that_return_no_tensor_are_refused(what: str, call: Callable[[Any], object]) -> None:
    with pytest.raises(TypeError, match=f"^{what} of type dict, expected a tensor"):
        call(lambda images: {"logits": images})


def test_a_model_of_mixmatch_that_returns_no_tensor_is_refused() -> None:
    class Wrapped(nn.Linear):
        def forward(self, images: Tensor) -> Any:
            return {"logits": super().forward(images)}

    with pytest.raises(TypeError, match="MixMatchStep: the model's output of type dict, expected a tensor"):
        MixMatchStep(C)(Wrapped(D, C), x, labels, [x])


@pytest.mark.parametrize("given", [3, np.random.default_rng(0), "cpu"])
@pytest.mark.parametrize(
    "call",
    [
        lambda it: dirichlet(1.0, (2, 2), generator=it),
        lambda it: MultiMix(C, n=2)(x, labels, mixed=False, generator=it),
        lambda it: InterpolationConsistency().draw(B, generator=it),
        lambda it: InterpolationConsistency(mode="probs").draw(B, generator=it),
        lambda it: ManifoldMixup(net, ["0"]).draw(B, generator=it),
        lambda it: ManifoldGanLoss().draw(B, 3, generator=it),
        lambda it: GanMixLoss()(head, x, x, generator=it),
        lambda it: MixMatchStep(C)(net, x, labels, [x], generator=it),
    ],
)
def test_a_seed_is_refused_as_a_generator(call: Callable[[Any], object], given: Any) -> None:
    with pytest.raises(
        TypeError, match=r"generator=.* is a .*, expected a torch\.Generator, as step_generator\("
    ):
        call(given)


@pytest.mark.parametrize("given", [function, None, nn.Linear])
@pytest.mark.parametrize(
    ("what", "call"),
    [
        ("EMATeacher: model", lambda it: EMATeacher(it)),
        ("EMATeacher.update: student", lambda it: EMATeacher(nn.Linear(2, 2)).update(it)),
        ("ManifoldMixup: model", lambda it: ManifoldMixup(it, ["0"])),
        ("LinearityProbe: model", lambda it: LinearityProbe(it, ["0"])),
        ("running_statistics_kept: model", lambda it: running_statistics_kept(it).__enter__()),
        ("running_statistics_kept: model", lambda it: MixMatchStep(C)(it, x, labels, [x])),
    ],
)
def test_what_is_no_module_is_refused(what: str, call: Callable[[Any], object], given: Any) -> None:
    with pytest.raises(TypeError, match=rf"^{what} is a .*, expected a torch\.nn\.Module$"):
        call(given)
