"""Mixing inside the network, which a loader cannot do because it needs activations, predictions or a second model.

Each of these is called in the training step with UNMIXED images and the targets of the batch, and returns rows and
targets for `dali_mixup.losses`, or a loss. Draws come from an explicit `torch.Generator` (see `step_generator`).
"""

from __future__ import annotations

from dali_mixup.latent.attention import class_attention, gap_attention, uniform_attention
from dali_mixup.latent.batchnorm import running_statistics_kept
from dali_mixup.latent.dense_multimix import DenseMultiMix
from dali_mixup.latent.distillation import SelfDistillation
from dali_mixup.latent.draws import dirichlet, step_generator
from dali_mixup.latent.gan import GanMixLoss, ManifoldGanLoss
from dali_mixup.latent.ict import InterpolationConsistency
from dali_mixup.latent.linearity import LinearityProbe
from dali_mixup.latent.manifold import ManifoldMixup
from dali_mixup.latent.mixmatch import MixMatchLoss, MixMatchStep, interleave, sharpen
from dali_mixup.latent.multimix import MixedTuples, MultiMix
from dali_mixup.latent.ramps import linear_ramp, sigmoid_ramp
from dali_mixup.latent.teacher import EMATeacher

__all__ = [
    "DenseMultiMix",
    "EMATeacher",
    "GanMixLoss",
    "InterpolationConsistency",
    "LinearityProbe",
    "ManifoldGanLoss",
    "ManifoldMixup",
    "MixMatchLoss",
    "MixMatchStep",
    "MixedTuples",
    "MultiMix",
    "SelfDistillation",
    "class_attention",
    "dirichlet",
    "gap_attention",
    "interleave",
    "linear_ramp",
    "running_statistics_kept",
    "sharpen",
    "sigmoid_ramp",
    "step_generator",
    "uniform_attention",
]
