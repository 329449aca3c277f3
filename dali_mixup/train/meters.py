"""Sums over an epoch, kept on the device so that counting does not wait."""

from __future__ import annotations

import torch
from torch import Tensor

from dali_mixup.train.processes import total

NAMES = ("loss", "rows", "top1", "top5", "plain_rows", "plain_top1", "plain_top5")


class Meter:
    """Loss and top-1/top-5 hits on true labels: over all rows, and over the rows that were not mixed.

    Args:
        device: device of the logits.
        sums: (7,) float64 to continue from, in the order of NAMES.
    """

    def __init__(self, device: torch.device, sums: Tensor | None = None):
        # Except for Apple's GPUs, every backend has float64; float32 would lose counts past 2^24 rows.
        self.sums = torch.zeros(len(NAMES), dtype=torch.float64, device=device)
        if sums is not None:
            self.sums.copy_(sums)

    @torch.no_grad()
    def update(self, logits: Tensor, loss: Tensor, labels: Tensor, plain: Tensor | None = None) -> None:
        """Count one batch.

        Args:
            logits: (N, C). loss: () mean over the rows. labels: (N,) int64 of each row's own sample.
            plain: (N,) bool, the rows that were not mixed; None: all.
        """
        best = logits.topk(min(5, logits.shape[1]), dim=1).indices == labels[:, None]
        hits = torch.stack([best[:, 0], best.any(1)])
        unmixed = torch.ones_like(labels, dtype=torch.bool) if plain is None else plain
        rows = torch.stack([torch.ones_like(unmixed), *hits, unmixed, *(hits & unmixed)]).sum(1)
        self.sums += torch.cat([loss.detach().reshape(1) * len(labels), rows])

    def healthy(self) -> bool:
        """True if every loss so far was finite. Waits for the device."""
        return bool(torch.isfinite(self.sums[0]))

    def report(self) -> dict[str, float]:
        """Averages over all processes: loss, top1 and top5 in percent; the unmixed rows' share and accuracy."""
        loss, rows, top1, top5, plain, plain_top1, plain_top5 = total(self.sums).tolist()
        report = {
            "loss": loss / rows,
            "top1": 100 * top1 / rows,
            "top5": 100 * top5 / rows,
            "plain": plain / rows,
        }
        if plain:
            report |= {"plain_top1": 100 * plain_top1 / plain, "plain_top5": 100 * plain_top5 / plain}
        return report
