"""The network and the state that a step changes: weights, optimiser, loss scale, averaged weights."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import timm
import torch
from timm.utils.model_ema import ModelEmaV3
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from dali_mixup.recipes.training import Training
from dali_mixup.train import optimisation
from dali_mixup.train.objectives import Result, objective
from dali_mixup.train.processes import same_buffers


class Learner:
    """A network that learns from batches; one optimiser step takes one or more of them.

    Args:
        network: the bare model, on the CPU.
        loss: the recipe's.
        training: the recipe's section, fitted to this run.
        device: the device of training.
        distributed: whether other processes train too; gradients are averaged.
        amp: dtype of autocast; None: no autocast.
        channels_last, compiled: memory format; torch.compile.
    """

    def __init__(
        self,
        network: nn.Module,
        loss: nn.Module,
        training: Training,
        device: torch.device,
        *,
        distributed: bool,
        amp: torch.dtype | None,
        channels_last: bool,
        compiled: bool,
    ):
        memory = torch.channels_last if channels_last else torch.contiguous_format
        self.bare = network.to(device).to(memory_format=memory)
        self.training, self.device, self.distributed, self.amp = training, device, distributed, amp
        self.objective = objective(loss.to(device))
        self.optimizer = optimisation.optimizer(self.bare, training)
        self.average = None if training.ema is None else ModelEmaV3(self.bare, decay=training.ema.decay)
        # Losses of half precision are scaled, so that small gradients do not vanish.
        self.scaler = torch.amp.GradScaler(device.type, enabled=amp is torch.float16)
        self.model: Any = self.bare  # or wrapped in DDP, compiled
        if distributed:
            self.model = DistributedDataParallel(
                self.bare, device_ids=[device] if device.type == "cuda" else None
            )
        if compiled:
            self.model = torch.compile(self.model)

    @contextlib.contextmanager
    def autocast(self) -> Iterator[None]:
        with torch.autocast(self.device.type, dtype=self.amp, enabled=self.amp is not None):
            yield

    def gradients(self, batch: Any, group: int, last: bool) -> Result:
        """Add a batch's gradients to the step's.

        Args:
            batch: as the loader gives it.
            group: number of batches in the step, which follows the mean of their losses.
            last: whether this is the last of them. Gradients are exchanged between processes only with the last.
        """
        alone = self.model.no_sync() if self.distributed and not last else contextlib.nullcontext()
        with alone:
            with self.autocast():
                logits = self.model(self.objective.images(batch))
            result = self.objective(logits.float(), batch)
            self.scaler.scale(result.loss / group).backward()
        return Result(result.logits.detach(), result.loss.detach())

    def step(self, learning_rate: float, number: int) -> None:
        """Update the weights; `number` counts the steps of the whole run, including this one."""
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate
        self.scaler.unscale_(self.optimizer)
        if self.training.clip_grad_norm is not None:
            nn.utils.clip_grad_norm_(self.bare.parameters(), self.training.clip_grad_norm)
        self.scaler.step(self.optimizer)
        self.scaler.update()
        self.optimizer.zero_grad(set_to_none=True)
        ema = self.training.ema
        if self.average is not None and ema is not None and number % ema.every == 0:
            self.average.update(self.bare)

    def finite(self) -> bool:
        """True if no weight or statistic of the network and of its average is NaN or infinite. Waits for the device."""
        modules = [self.bare, *([] if self.average is None else [self.average.module])]
        values = [value for module in modules for value in module.state_dict().values()]
        finite = [torch.isfinite(value).all() for value in values if value.is_floating_point()]
        return bool(torch.stack(finite).all())

    def same_buffers(self) -> None:
        """Copy rank 0's batch statistics to all processes, so that they evaluate, and it saves, the same network."""
        same_buffers(self.bare)
        if self.average is not None:
            same_buffers(self.average.module)

    def state_dict(self) -> dict[str, Any]:
        return {
            "model": self.bare.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "scaler": self.scaler.state_dict(),
            "average": None if self.average is None else self.average.module.state_dict(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Raises ValueError for the state of another network, or of an optimiser of another."""
        try:
            self.bare.load_state_dict(state["model"])
            self.optimizer.load_state_dict(state["optimizer"])
            if self.average is not None:
                self.average.module.load_state_dict(state["average"])
        except (KeyError, RuntimeError, ValueError) as error:
            reason = " ".join(str(error).split())[:300]  # it may list every weight
            raise ValueError(
                f"train: the checkpoint's weights do not fit this network ({reason}). Was it saved with another "
                f"version of timm than {timm.__version__}?"
            ) from error
        self.scaler.load_state_dict(state["scaler"])
