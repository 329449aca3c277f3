"""Dense MultiMix: interpolation at every position of a feature map, weighted by attention."""

from __future__ import annotations

import torch
from torch import Tensor

from dali_mixup._checks import boolean, class_count
from dali_mixup.latent.attention import flat_positions
from dali_mixup.latent.mixing import readable
from dali_mixup.latent.multimix import Alpha, MixedTuples, TupleLaw, checked_flag, identity
from dali_mixup.latent.targets import checked_targets
from dali_mixup.losses import Targets
from dali_mixup.targets import check_tensor


class DenseMultiMix:
    """Dense MultiMix (Venkataramanan et al., arXiv 2206.14868), for every position j of r:

        M^j = diag(a_1^j .. a_B^j) L^j,   columns divided by their sums,   Z~^j = Z^j M^j,   Y~^j = Y M^j

    with attention a_i over the positions of sample i and Dirichlet weights L^j as in MultiMix. Where a tuple's weights
    vanish at a position (all its samples have zero attention there), L^j itself is used. The loss is the mean soft
    cross-entropy over all n tuples and r positions. With a linear classifier, logits of every position can be mixed
    instead of features.

    The weights are constants for the gradient: attention is detached, otherwise the network could lower the loss by
    moving its own targets.

    Args:
        num_classes: C.
        n, m, alpha: as in MultiMix. One step makes r * n rows.
        fresh: draw L^j anew for every position; False shares one L between all positions (r times fewer draws).

    Example:
        >>> dense = DenseMultiMix(10, n=50)
        >>> maps = torch.randn(8, 64, 7, 7)
        >>> rows, targets, weights = dense(maps, torch.randint(10, (8,)), attention=None, mixed=False)
        >>> rows.shape, targets.shape, weights.shape
        (torch.Size([2450, 64]), torch.Size([2450, 10]), torch.Size([49, 50, 8]))
    """

    def __init__(
        self,
        num_classes: int,
        *,
        n: int = 1000,
        m: int | None = None,
        alpha: Alpha = (0.5, 2.0),
        fresh: bool = True,
    ) -> None:
        self.num_classes = class_count("DenseMultiMix", num_classes, at_least=2)
        self.law = TupleLaw("DenseMultiMix", n, m, alpha)
        self.fresh = boolean("DenseMultiMix", "fresh", fresh)

    def __call__(
        self,
        features: Tensor,
        targets: Targets,
        *,
        attention: Tensor | None = None,
        mixed: bool | None = None,
        generator: torch.Generator | None = None,
    ) -> MixedTuples:
        """Interpolates the feature maps of one batch.

        Args:
            features: (B, d, r) or (B, d, H, W), r = H·W: embeddings, or the logits of a linear classifier applied to
                every position (d = C).
            targets: (B,) int64, (B, C) floating or MixedTargets of B rows.
            attention: (B, r), finite and >= 0, from `uniform_attention`, `gap_attention` or `class_attention`; None is
                uniform.
            mixed, generator: as in MultiMix.

        Returns:
            MixedTuples of r * n rows, row j * n + k being tuple k at position j; with mixed=True the B samples'
            positions unchanged (row j * B + i). Pass the features, or the classifier's output on them, and the
            targets to `soft_cross_entropy`: its mean is the mean over tuples and positions.
        """
        flat = flat_positions("DenseMultiMix", features)
        batch, _, positions = flat.shape
        dense = checked_targets("DenseMultiMix", targets, features, self.num_classes)
        mixed = checked_flag("DenseMultiMix", mixed)
        if attention is not None:
            _check_attention(attention, batch, positions)
        if mixed:
            weights = identity(flat).expand(positions, batch, batch)
        else:
            self.law.warn_if_alone(batch, mixed)
            drawn = self.law.draw(batch, flat, generator, positions if self.fresh else 1)
            drawn = drawn.view(-1, self.law.n, batch).expand(positions, self.law.n, batch)
            weights = drawn if attention is None else attended(drawn, attention)
        with torch.autocast(device_type=flat.device.type, enabled=False):
            rows = torch.bmm(weights, flat.permute(2, 0, 1))
            return MixedTuples(
                rows.flatten(0, 1).to(features.dtype), (weights @ dense).flatten(0, 1), weights
            )


def attended(weights: Tensor, attention: Tensor) -> Tensor:
    """Tuple weights times attention, normalised per position: M^j as rows.

    Args:
        weights: (r, n, B), rows sum to 1.
        attention: (B, r), finite and >= 0.

    Returns:
        (r, n, B), rows sum to 1; rows whose products are all zero are those of `weights`.
    """
    attention = attention.detach()
    largest = attention.amax()  # of which only the ratios matter, and float32 does not hold every float64
    attention = attention / largest.masked_fill(largest == 0, 1.0)
    products = weights * attention.to(weights.dtype).t().unsqueeze(1)
    total = products.sum(2, keepdim=True)
    empty = total == 0
    # The division runs on every row, so an empty one must not divide by zero even though its result is not used.
    return torch.where(empty, weights, products / total.masked_fill(empty, 1.0))


def _check_attention(attention: Tensor, batch: int, positions: int) -> None:
    check_tensor("DenseMultiMix", "attention", attention)
    if attention.shape != (batch, positions):
        raise ValueError(
            f"DenseMultiMix: attention of shape {tuple(attention.shape)} for {batch} samples of {positions} positions, "
            f"expected ({batch}, {positions})"
        )
    # With weights below zero the targets leave [0, 1] without a word.
    if readable(attention) and not bool((attention.isfinite() & (attention >= 0)).all()):
        low, high = (float(edge) for edge in attention.aminmax())
        raise ValueError(
            f"DenseMultiMix: attention from {low:g} to {high:g}, expected finite weights >= 0, as uniform_attention, "
            "gap_attention and class_attention give them"
        )
