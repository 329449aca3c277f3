"""The location of the evidence in a feature map: one weight per position, for DenseMultiMix."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F

from dali_mixup._checks import choice
from dali_mixup.latent.mixing import compute_dtype, mix_rows
from dali_mixup.latent.targets import check_targets
from dali_mixup.losses import Targets, dense_targets
from dali_mixup.targets import check_tensor

Normalise = Literal["relu", "softmax"]


def uniform_attention(features: Tensor) -> Tensor:
    """(B, r) of 1 / r: every position counts the same. `features` is (B, d, r) or (B, d, H, W), r = H·W."""
    batch, _, positions = flat_positions("uniform_attention", features).shape
    return features.new_full((batch, positions), 1.0 / positions, dtype=compute_dtype(features))


def gap_attention(features: Tensor, normalise: Normalise = "relu") -> Tensor:
    """(B, r): a_i^j = eta(<z_i^j, u_i>) with u_i = mean_j z_i^j, the globally average-pooled embedding.

    eta is the ReLU followed by division by the sum over positions, or the softmax over positions (Dense MultiMix, arXiv
    2206.14868; which query the authors used is not confirmed by public code). A sample whose every product is
    <= 0 gets zeros under "relu"; DenseMultiMix then leaves it out of the tuples.
    """
    flat = flat_positions("gap_attention", features)
    return _normalised(flat, flat.mean(2), normalise)


def class_attention(
    features: Tensor, targets: Targets, class_weights: Tensor, normalise: Normalise = "relu"
) -> Tensor:
    """(B, r): as `gap_attention` with u_i = sum_c y_ic w_c, the classifier's row of the sample's label (the mean of the
    rows for soft targets).

    Args:
        features: (B, d, r) or (B, d, H, W).
        targets: (B,) int64, (B, C) floating or MixedTargets.
        class_weights: (C, d), the weight of the linear classifier.
    """
    flat = flat_positions("class_attention", features)
    check_tensor("class_attention", "class_weights", class_weights)
    if class_weights.dim() != 2 or class_weights.shape[1] != flat.shape[1]:
        raise ValueError(
            f"class_attention: class_weights of shape {tuple(class_weights.shape)}, expected (C, {flat.shape[1]})"
        )
    check_targets("class_attention", targets, len(flat), len(class_weights))
    rows = class_weights.to(flat.dtype)
    query = mix_rows(dense_targets(targets, len(rows)), rows)
    return _normalised(flat, query, normalise)


def flat_positions(owner: str, features: Tensor) -> Tensor:
    """(B, d, r) in the compute dtype, from (B, d, r) or (B, d, H, W)."""
    check_tensor(owner, "features", features)
    if features.dim() not in (3, 4):
        raise ValueError(
            f"{owner}: features of shape {tuple(features.shape)}, expected (B, d, r) or (B, d, H, W)"
        )
    return features.flatten(2).to(compute_dtype(features))


def _normalised(flat: Tensor, query: Tensor, normalise: Normalise) -> Tensor:
    choice("attention", "normalise", normalise, ("relu", "softmax"))
    with torch.autocast(device_type=flat.device.type, enabled=False):
        if normalise == "softmax":
            return F.softmax(torch.einsum("bdr,bd->br", flat, query), dim=1)
        # The scale of a sample cancels, so it is taken out first: products of small numbers would be lost.
        scores = F.relu(torch.einsum("bdr,bd->br", _scaled(flat, (1, 2)), _scaled(query, (1,))))
        scores = _scaled(scores, (1,))
        total = scores.sum(1, keepdim=True)
        return scores / total.masked_fill(total == 0, 1.0)


def _scaled(values: Tensor, axes: tuple[int, ...]) -> Tensor:
    """Each sample's numbers over the largest of them; zeros stay."""
    largest = values.abs().amax(axes, keepdim=True)
    return values / largest.masked_fill(largest == 0, 1.0)
