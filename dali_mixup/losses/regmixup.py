"""RegMixup's loss: cross-entropy of clean images and of the same images mixed (Pinto et al. 2022, arXiv:2206.14502)."""

from __future__ import annotations

from torch import Tensor, nn

from dali_mixup._checks import number
from dali_mixup.losses.cross_entropy import soft_cross_entropy
from dali_mixup.losses.inputs import Targets
from dali_mixup.targets import check_tensor


class RegMixupLoss(nn.Module):
    """(CE(clean, y) + eta CE(mixed, y~)) / (1 + eta).

    The paper's loss is the numerator, with eta = 1. The authors' code takes the mean over the clean and the mixed rows
    together, which is this loss at eta = 1, so that their learning rates and weight decay apply. They mix by
    MixUp(20.0) on CIFAR-10 and MixUp(10.0) on CIFAR-100, one lam for a batch.

    Args:
        eta: >= 0, weight of the mixed images against the clean ones.

    Raises:
        TypeError, ValueError: a number outside the above.

    Example:
        >>> import torch
        >>> loss = RegMixupLoss()
        >>> logits = torch.zeros(2, 4)  # of one clean image, then of the same one mixed
        >>> loss(logits, torch.tensor([1]), torch.tensor([[0.0, 0.5, 0.5, 0.0]]))
        tensor(1.3863)
    """

    def __init__(self, eta: float = 1.0) -> None:
        super().__init__()
        self.eta = number("RegMixupLoss", "eta", eta, at_least=0)

    def forward(self, logits: Tensor, labels: Targets, targets: Targets) -> Tensor:
        """The loss, ().

        Args:
            logits: (2 N, C) of the N clean images, then of the mixed ones, in one forward pass, as the authors do:
                `model(torch.cat([record.clean, images]))` with a loader of `handover=HandOver(clean=True)`.
            labels: of the clean images, such as `record.labels`, in any form of `soft_cross_entropy`.
            targets: of the mixed images, likewise.

        Raises:
            TypeError, ValueError: shapes or dtypes that do not fit.
        """
        check_tensor("RegMixupLoss", "logits", logits)
        if logits.dim() != 2 or not len(logits) or len(logits) % 2:
            raise ValueError(
                f"RegMixupLoss: logits of shape {tuple(logits.shape)}, expected (2 N, C): those of N clean images, "
                "then those of the N mixed ones"
            )
        clean, mixed = logits.chunk(2)
        total = soft_cross_entropy(clean, labels) + self.eta * soft_cross_entropy(mixed, targets)
        return total / (1 + self.eta)

    def extra_repr(self) -> str:
        return f"eta={self.eta:g}"
