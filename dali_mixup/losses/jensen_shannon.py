"""AugMix's loss: cross-entropy of clean images, and the Jensen-Shannon divergence between the predictions for an image
and its augmentations (Hendrycks et al. 2020, arXiv:1912.02781, section 3)."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from dali_mixup._checks import integer, number
from dali_mixup.losses.cross_entropy import soft_cross_entropy
from dali_mixup.losses.inputs import Targets, check_pair, widened
from dali_mixup.targets import MixedTargets, check_tensor

LEAST = (
    1e-7  # of a mixture's probability, as in the authors' code and timm, so that its logarithm stays finite
)


def jensen_shannon_divergence(logits: Tensor, num_splits: int = 3) -> Tensor:
    """JS = 1/k sum_i KL(p_i || M), M = 1/k sum_i p_i, p_i = softmax of the i-th split; the mean over the rows, in nats
    (arXiv:1912.02781, equation 1). M is cut to 1e-7 .. 1, as in the authors' code.

    Args:
        logits: (k N, C), any floating dtype: k splits of N rows, one after the other, each with the same N samples in
            the same order.
        num_splits: k >= 2.

    Returns:
        () in [0, log k].

    Raises:
        TypeError, ValueError: shapes or values outside the above.
    """
    splits = _splits("jensen_shannon_divergence", logits, num_splits)
    log_p = F.log_softmax(widened(splits), dim=2)
    p = log_p.exp()
    log_p = log_p.masked_fill(p == 0, 0.0)  # 0 log 0 is 0: of a class that is ruled out, its logit -inf
    mixture = p.mean(0).clamp(LEAST, 1.0)
    return (p * (log_p - mixture.log())).sum(2).mean()


class JensenShannonCrossEntropy(nn.Module):
    """CE(clean) + alpha JS(clean, augmented, ...): timm's `JsdCrossEntropy` for targets of any form.

    Args:
        num_splits: k >= 2, the number of predictions for each sample.
        alpha: >= 0, weight of the divergence; 12 in the paper.
        smoothing: eps in [0, 1), label smoothing of integer labels; soft targets are smoothed where they are mixed.
            timm's default is 0.1, the paper's 0.

    Raises:
        TypeError, ValueError: values outside the above.

    Example:
        >>> loss = JensenShannonCrossEntropy()
        >>> loss(torch.zeros(3, 2), torch.tensor([1]))
        tensor(0.6931)
    """

    def __init__(self, num_splits: int = 3, alpha: float = 12.0, *, smoothing: float = 0.0) -> None:
        super().__init__()
        owner = "JensenShannonCrossEntropy"
        self.num_splits = integer(owner, "num_splits", num_splits, at_least=2)
        self.alpha = number(owner, "alpha", alpha, at_least=0)
        self.smoothing = number(owner, "smoothing", smoothing, at_least=0, below=1)

    def forward(self, logits: Tensor, targets: Targets) -> Tensor:
        """The loss, ().

        Args:
            logits: (k N, C): of N clean images, then of their augmentations, (k - 1) times N in the same order.
            targets: of the N clean images, in any form of `soft_cross_entropy`.

        Raises:
            TypeError, ValueError: shapes or dtypes that do not fit.
        """
        clean = _splits("JensenShannonCrossEntropy", logits, self.num_splits)[0]
        check_pair("JensenShannonCrossEntropy", clean, targets)
        if self.smoothing and isinstance(targets, Tensor) and targets.dtype == torch.int64:
            ones = torch.ones_like(targets, dtype=torch.float32)
            targets = MixedTargets(targets[:, None], ones[:, None], self.smoothing)
        return soft_cross_entropy(clean, targets) + self.alpha * jensen_shannon_divergence(
            logits, self.num_splits
        )

    def extra_repr(self) -> str:
        return f"num_splits={self.num_splits}, alpha={self.alpha:g}, smoothing={self.smoothing:g}"


def _splits(owner: str, logits: Tensor, num_splits: int) -> Tensor:
    """(k, N, C)."""
    k = integer(owner, "num_splits", num_splits, at_least=2)
    check_tensor(owner, "logits", logits)
    if logits.dim() != 2 or not logits.is_floating_point() or len(logits) % k or not len(logits):
        raise ValueError(
            f"{owner}: logits of shape {tuple(logits.shape)}, {logits.dtype}, expected ({k} N, C) floating: {k} splits "
            "of N rows, one after the other"
        )
    return logits.unflatten(0, (k, len(logits) // k))
