"""Cross-entropy with soft labels."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F

from dali_mixup._checks import choice
from dali_mixup.losses.inputs import (
    Reduction,
    Targets,
    as_compact,
    check_pair,
    reduced,
    widened,
)


def soft_cross_entropy(logits: Tensor, targets: Targets, reduction: Reduction = "mean") -> Tensor:
    """Cross-entropy with soft labels: -sum_c y_c log softmax(logits)_c for every row (mixup's loss, arXiv 1710.09412).

    The compact form gives sum_j w_j CE(logits, y_j) without a dense tensor, which is the same number because the loss
    is linear in the target; smoothing eps adds the mean over classes: (1 - eps) CE + eps mean_c(-log p_c).

    Args:
        logits: (N, C), any floating dtype.
        targets: (N, C) floating, rows sum to 1; or MixedTargets of N rows; or (N,) int64 labels in 0..C-1.
        reduction: "mean" over rows, "sum" over rows, or "none" for the (N,) losses.

    Raises:
        ValueError, TypeError: shapes or dtypes that do not fit; the message names both. On the CPU also class ids
            outside 0..C-1, such as the -1 of a `Pool`'s unlabelled partners: there is no ignore_index.
    """
    choice("soft_cross_entropy", "reduction", reduction, ("mean", "sum", "none"))
    check_pair("soft_cross_entropy", logits, targets)
    log_p = F.log_softmax(widened(logits), dim=1)
    if isinstance(targets, Tensor) and targets.is_floating_point():
        return reduced(-(targets.to(log_p.dtype) * log_p).sum(1), reduction)
    compact = as_compact(targets)
    weights = compact.weights.to(log_p.dtype)
    # A label without weight adds nothing, also where its class is ruled out by a logit of -inf.
    found = log_p.gather(1, compact.labels).masked_fill(weights == 0, 0.0)
    rows = -(weights * found).sum(1)
    eps = compact.label_smoothing
    if eps:
        rows = (1.0 - eps) * rows - eps * log_p.mean(1)
    return reduced(rows, reduction)


class SoftTargetCrossEntropy(nn.Module):
    """`soft_cross_entropy` as a module.

    Example:
        >>> loss = SoftTargetCrossEntropy()
        >>> targets = MixedTargets(torch.tensor([[2, 0]]), torch.tensor([[0.75, 0.25]]))
        >>> loss(torch.zeros(1, 3), targets)
        tensor(1.0986)
    """

    def __init__(self, reduction: Reduction = "mean") -> None:
        super().__init__()
        self.reduction: Reduction = reduction
        choice("SoftTargetCrossEntropy", "reduction", reduction, ("mean", "sum", "none"))

    def forward(self, logits: Tensor, targets: Targets) -> Tensor:
        return soft_cross_entropy(logits, targets, self.reduction)
