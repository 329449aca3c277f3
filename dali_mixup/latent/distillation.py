"""Self-distillation for MultiMix: the teacher's predictions interpolated with the weights of the features."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F

from dali_mixup._checks import number
from dali_mixup.latent.mixing import compute_dtype, mix_rows
from dali_mixup.losses import soft_cross_entropy
from dali_mixup.targets import check_tensor


class SelfDistillation:
    """MultiMix's loss with interpolated teacher targets (arXiv 2206.14868, first version):

        gamma H(Y~, P~) + (1 - gamma) H(Y'~, P~),   Y'~ = Y' L,   Y' = softmax(teacher logits), no gradient

    with H the soft cross-entropy, P~ the student's predictions on the interpolated rows and L the SAME weights that
    made them. The teacher sees the clean batch.

    Args:
        gamma: weight of the labels' loss, in [0, 1].

    Example:
        >>> distil, multimix = SelfDistillation(gamma=0.5), MultiMix(10, n=100)
        >>> rows, targets, weights = multimix(logits, labels, mixed=False)
        >>> loss = distil(rows, targets, teacher(images), weights)
    """

    def __init__(self, gamma: float = 0.5) -> None:
        self.gamma = number("SelfDistillation", "gamma", gamma, at_least=0.0, at_most=1.0)

    def __call__(self, logits: Tensor, targets: Tensor, teacher_logits: Tensor, weights: Tensor) -> Tensor:
        """The loss of one step, a 0-d tensor.

        Args:
            logits: (R, C), the student's on the interpolated rows (R = n, or r * n for DenseMultiMix).
            targets: (R, C), interpolated labels.
            teacher_logits: (B, C) on the clean batch.
            weights: (n, B) or (r, n, B), from MixedTuples.

        Raises:
            TypeError: anything but tensors.
            ValueError: shapes that do not fit.
        """
        check_tensor("SelfDistillation", "teacher_logits", teacher_logits)
        check_tensor("SelfDistillation", "weights", weights)
        of_labels = soft_cross_entropy(logits, targets)
        tuples = weights.shape[:-1].numel()
        if tuples != len(logits) or teacher_logits.shape != (weights.shape[-1], logits.shape[1]):
            raise ValueError(
                f"SelfDistillation: logits {tuple(logits.shape)}, weights {tuple(weights.shape)} and the teacher's "
                f"logits {tuple(teacher_logits.shape)}, expected (R, C), weights of R tuples of B samples, and (B, C) "
                "of the same clean batch"
            )
        clean = F.softmax(teacher_logits.detach().to(compute_dtype(teacher_logits)), dim=1)
        soft = mix_rows(weights, clean).flatten(0, -2)
        return self.gamma * of_labels + (1.0 - self.gamma) * soft_cross_entropy(logits, soft)
