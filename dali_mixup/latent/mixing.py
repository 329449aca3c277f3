"""The arithmetic of mixing: rows of any tensor, and targets of any form, with given weights. No draws here.

All of it is computed in float32 (float64 for float64 values) with autocast off, so that weights of 1/256 survive half
precision. Rows are returned in the input's dtype, targets in that of the computation.
"""

from __future__ import annotations

import torch
from torch import Tensor

from dali_mixup.losses import Targets
from dali_mixup.targets import MixedTargets, check_tensor


def compute_dtype(values: Tensor) -> torch.dtype:
    """float64 for float64 values, float32 for every other dtype."""
    return torch.float64 if values.dtype == torch.float64 else torch.float32


def readable(values: Tensor) -> bool:
    """Whether a look at the values neither makes a GPU wait nor breaks a compiled graph."""
    return values.device.type == "cpu" and not torch.compiler.is_compiling()


def check_floating(owner: str, name: str, values: Tensor, advice: str = "such as images.float()") -> None:
    """Raise TypeError for what is no tensor, and for values of another dtype, to which a mixture would be truncated; a
    mixture of token ids is another token."""
    check_tensor(owner, name, values)
    if not values.is_floating_point():
        raise TypeError(
            f"{owner}: {name} of type {values.dtype}, which cannot hold a mixture; expected floating values, {advice}"
        )


def mix_rows(weights: Tensor, values: Tensor) -> Tensor:
    """out[..., k, :] = sum_b weights[..., k, b] values[b, :].

    Args:
        weights: (..., n, B); rows sum to 1.
        values: (B, d) floating.

    Returns:
        (..., n, d) in the dtype of `values`.
    """
    check_floating("mix_rows", "values", values)
    with torch.autocast(device_type=values.device.type, enabled=False):
        dtype = compute_dtype(values)
        return (weights.to(dtype) @ values.to(dtype)).to(values.dtype)


def mix_pairs(values: Tensor, lam: Tensor, partners: Tensor) -> Tensor:
    """out[i] = lam[i] values[i] + (1 - lam[i]) values[partners[i]] (mixup, arXiv 1710.09412).

    Args:
        values: (B, ...) floating.
        lam: () or (B,), the weight of the row's own sample.
        partners: (B,) int64.

    Returns:
        (B, ...) in the dtype of `values`.
    """
    check_floating("mix_pairs", "values", values)
    own = lam.to(compute_dtype(values)).reshape(-1, *[1] * (values.dim() - 1))
    return (own * values + (1.0 - own) * values.index_select(0, partners)).to(values.dtype)


def mix_tuples(values: Tensor, partners: Tensor, weights: Tensor) -> Tensor:
    """out[i] = sum_j weights[i, j] values[partners[i, j]].

    Args:
        values: (B, ...) floating.
        partners: (N, k) int64.
        weights: (N, k); rows sum to 1.

    Returns:
        (N, ...) in the dtype of `values`.
    """
    check_floating("mix_tuples", "values", values)
    shape = (-1, *[1] * (values.dim() - 1))
    total = torch.zeros((), device=values.device)
    # One column at a time: k batches at once would be too much for images.
    for column, weight in zip(partners.t(), weights.to(compute_dtype(values)).t(), strict=True):
        total = total + weight.reshape(shape) * values.index_select(0, column)
    return total.to(values.dtype)


def mix_pair_targets(targets: Targets, lam: Tensor, partners: Tensor) -> Targets:
    """The targets of `mix_pairs`, in the form of the input: dense stays dense, but in the compute dtype, the others
    become MixedTargets with twice the columns. Label smoothing is kept, not applied, so it is still applied once."""
    if isinstance(targets, Tensor) and targets.is_floating_point():
        return mix_pairs(targets.to(compute_dtype(targets)), lam, partners)
    if isinstance(targets, Tensor):
        targets = MixedTargets(
            targets.unsqueeze(1), torch.ones_like(targets, dtype=torch.float32).unsqueeze(1)
        )
    own = lam.to(torch.float32).reshape(-1, 1)
    labels = torch.cat([targets.labels, targets.labels.index_select(0, partners)], dim=1)
    weights = torch.cat(
        [own * targets.weights, (1.0 - own) * targets.weights.index_select(0, partners)], dim=1
    )
    return MixedTargets(labels, weights, targets.label_smoothing)
