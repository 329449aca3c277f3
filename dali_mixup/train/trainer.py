"""The reference trainer: reading this file from top to bottom shows a whole training run.

    recipe ─ loaders ─▶ batch ─▶ forward, loss, backward ─▶ step, EMA ─▶ every N steps: checkpoint
                                                                      └▶ every epoch: validate, metrics.csv

Two rules make a resumed run equal to one that was never interrupted. Everything that changes during training is in the
checkpoint: weights, optimiser, loss scale, EMA, and for every process the loader's position, the random state and the
epoch's sums. Everything else is a function of the step: the learning rate, the mixing, the order.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from torch import Tensor, nn

from dali_mixup._epochs.ranks import Rank
from dali_mixup._files import check_writable, make_folder
from dali_mixup.recipes import Recipe, flat, load_recipe
from dali_mixup.sources.paths import home_expanded
from dali_mixup.train import checkpoint, optimisation
from dali_mixup.train.learner import Learner
from dali_mixup.train.meters import Meter
from dali_mixup.train.options import TrainOptions
from dali_mixup.train.outcome import Outcome, TrainingError
from dali_mixup.train.processes import any_of, gathered, processes, same_buffers
from dali_mixup.train.progress import Bar, Stopwatch
from dali_mixup.train.records import Records, epoch_line
from dali_mixup.train.sentences import of_epoch, of_run
from dali_mixup.train.setting_up import batch_size, channels_last, loaders, precision, refuse_other_steps
from dali_mixup.train.stopping import StopRequest
from dali_mixup.train.validation import validated

log = logging.getLogger("dali_mixup")

AGREE_EVERY = 8  # steps between checks whether any process was told to stop


def train(options: TrainOptions) -> Outcome:
    """A training run, in this process or in all that torchrun started. Raises as `prepare` and `run` do."""
    with prepared(options) as run:
        return run.until_done()


@contextlib.contextmanager
def prepared(options: TrainOptions) -> Iterator[Run]:
    """A run that is ready to start, resumed if so asked.

    Raises:
        RecipeError, ValueError, TypeError, FileNotFoundError: options, recipe, data or a checkpoint that do not fit.
    """
    recipe = load_recipe(options.recipe)
    refuse_other_steps(options.recipe, recipe)
    with processes(options.device) as (process, device):
        yield Run(options, recipe, process, device)


class Run:
    """One run in one process: its parts, then its work."""

    def __init__(self, options: TrainOptions, recipe: Recipe, process: Rank, device: torch.device):
        self.options, self.recipe, self.process, self.device = options, recipe, process, device
        self.first = process.rank == 0
        self.console = Console(highlight=False, soft_wrap=True, quiet=not self.first)
        self.batch_size = batch_size(options, recipe, process.world_size)
        whole_batch = self.batch_size * process.world_size * options.accumulate
        self.training = optimisation.fitted(
            recipe.training, options.epochs, whole_batch, options.learning_rate
        )
        self.train_loader, self.val_loader = loaders(options, recipe, process, device, self.batch_size)
        self.amp = precision(options.amp, device)

        torch.manual_seed(options.seed)
        name = options.model or recipe.source.model
        size, channels = max(self.train_loader.image_size), len(self.train_loader.mean)
        drop_path = self.training.drop_path
        self.learner = Learner(
            optimisation.network(name, self.train_loader.num_classes, size, drop_path, channels),
            recipe.loss(),
            self.training,
            device,
            distributed=process.world_size > 1,
            amp=self.amp,
            channels_last=channels_last(options, recipe),
            compiled=options.compile,
        )

        # Position of the next batch; `step` counts optimiser steps over all epochs.
        self.epoch = self.batch = self.step = 0
        self.steps_here = 0
        self.meter = Meter(device)
        self.file = Path(home_expanded(options.output)) / "checkpoint.pt"
        torch.manual_seed(options.seed + process.rank)  # dropout differs between processes, weights do not
        self._resume_or_start()

    def until_done(self) -> Outcome:
        """Train until the last epoch, a signal to stop, or `max_steps`.

        Raises:
            TrainingError: the loss became NaN or infinite; the last checkpoint is from before that.
        """
        with StopRequest() as stop:
            return self._epochs(stop)

    def _epochs(self, stop: StopRequest) -> Outcome:
        self._announce()
        records = Records(self.file.parent, self.epoch, self.options.tensorboard) if self.first else None
        line: dict[str, float] = {}
        shown = self.first and log.isEnabledFor(logging.INFO)
        with self.train_loader, self.val_loader, Bar(self.console, shown) as bar:
            while self.epoch < self.training.epochs:
                watch = Stopwatch()
                if not self._train_epoch(stop, bar, watch, records):
                    self.save()
                    self.console.print(
                        f"stopped in epoch {self.epoch} after {self.step} steps; continue with the same command and "
                        "--resume"
                    )
                    return Outcome(False, self.epoch, self.step, line, self.file)
                line = self._end_of_epoch(watch)
                if records is not None:
                    records.epoch(line)
                self.epoch, self.batch, self.meter = self.epoch + 1, 0, Meter(self.device)
                self.save()
        if records is not None:
            records.close()
        return Outcome(True, self.epoch, self.step, line, self.file)

    def _train_epoch(self, stop: StopRequest, bar: Bar, watch: Stopwatch, records: Records | None) -> bool:
        """Train for the rest of the epoch; False if it was cut short."""
        batches = len(self.train_loader)
        bar.begin(self.epoch, batches, self.batch)
        if self.batch == batches:  # the checkpoint was written between the epoch's last step and its end
            return True
        self.learner.model.train()
        self.train_loader.set_epoch(self.epoch)
        for batch in watch.timed(iter(self.train_loader)):
            group = self._group(batches)
            last = self.batch == group.stop - 1
            logits, loss = self.learner.gradients(batch, len(group), last)
            self._count(logits, loss)
            self.batch += 1
            bar.advance()
            if not last:
                continue
            self.step += 1
            self.steps_here += 1
            self.learner.step(self._rate(group.start / batches), self.step)
            if self.step % self.options.log_every == 0:
                self._look_at_the_loss(bar, watch, records)
            if self.step % self.options.checkpoint_every == 0:
                self.save()
            if self._must_stop(stop):
                return False
        return True

    def _group(self, batches: int) -> range:
        """The batches whose gradients make one optimiser step; the last group of an epoch may be shorter."""
        start = self.batch - self.batch % self.options.accumulate
        return range(start, min(start + self.options.accumulate, batches))

    def _rate(self, share: float) -> float:
        """The learning rate after that fraction of the epoch."""
        return optimisation.learning_rate(
            self.training.learning_rate, self.training.epochs, self.epoch + share
        )

    @property
    def _last_rate(self) -> float:
        return float(self.learner.optimizer.param_groups[0]["lr"])

    def _count(self, logits: Tensor, loss: Tensor) -> None:
        """Add the batch to the epoch's sums: hits on the rows' own labels, and the rows that were not mixed."""
        batch = self.train_loader.last_batch
        assert batch is not None
        labels = batch.labels.to(self.device, non_blocking=True)
        plain = None
        if batch.plan is not None:
            plain = torch.from_numpy(batch.plan.method == -1).to(self.device, non_blocking=True)
        self.meter.update(logits, loss, labels, plain)

    def _look_at_the_loss(self, bar: Bar, watch: Stopwatch, records: Records | None) -> None:
        self._refuse_nan()
        loss = float(self.meter.sums[0] / self.meter.sums[1])
        bar.speed(watch, loss)
        if records is not None:
            records.step(self.step, loss=loss, learning_rate=self._last_rate)

    def _must_stop(self, stop: StopRequest) -> bool:
        if self.options.max_steps is not None and self.steps_here >= self.options.max_steps:
            return True
        if self.process.world_size == 1:
            return bool(stop)
        return self.step % AGREE_EVERY == 0 and any_of(bool(stop))

    # The end of an epoch.

    def _end_of_epoch(self, watch: Stopwatch) -> dict[str, float]:
        """Append the epoch's line: training sums, and validation of the weights and of their average."""
        self._refuse_nan()
        speed = watch.images_per_second * self.process.world_size, watch.stall_share
        same_buffers(self.learner.bare)
        line = epoch_line(
            {"epoch": self.epoch, "step": self.step, "learning_rate": self._last_rate},
            self.meter.report(),
            self._validate(self.learner.bare),
            None if self.learner.average is None else self._validate(self.learner.average.module),
            speed,
        )
        self.console.print(of_epoch(self.epoch, line, *speed))
        return line

    def _validate(self, model: nn.Module) -> dict[str, float]:
        flip = self.recipe.validation.flip_average
        return validated(model, self.val_loader, self.device, self.learner.autocast, flip)

    # Its parts.

    def _refuse_nan(self) -> None:
        if any_of(not self.meter.healthy()):
            raise TrainingError(
                f"the loss became NaN or infinite in epoch {self.epoch}, by step {self.step}, at learning rate "
                f"{self._last_rate:.3g}. {self.file}, if it exists, is from "
                "before that. Lower --learning-rate, lengthen the warm-up, or use --amp bf16 or off instead of fp16"
            )

    def _announce(self) -> None:
        devices = f"{self.process.world_size} x {self.device.type}"
        self.console.print(self.recipe.title)
        self.console.print(of_run(self.training, self.train_loader, self.val_loader, devices, self.amp))
        if self.step:
            self.console.print(f"resumed in epoch {self.epoch} after {self.step} steps")

    # The checkpoint.

    def save(self) -> None:
        """Write the state of all processes to one file. Every process must call this."""
        self._refuse_nan()
        mine = {
            "loader": self.train_loader.state_dict(),
            "random": torch.get_rng_state(),
            "random_cuda": torch.cuda.get_rng_state(self.device) if self.device.type == "cuda" else None,
            "meter": self.meter.sums.cpu(),
        }
        everybody = gathered(mine)
        if self.first:
            state = {
                "identity": self._identity(),
                "epoch": self.epoch,
                "batch": self.batch,
                "step": self.step,
                "learner": self.learner.state_dict(),
                "processes": everybody,
            }
            checkpoint.save(self.file, state)

    def _resume_or_start(self) -> None:
        if not self.file.is_file():
            make_folder(self.file.parent)
            check_writable(self.file)
            return
        if not self.options.resume:
            raise ValueError(
                f"train: {self.file} exists; continue it with --resume, or choose another --output"
            )
        state = checkpoint.load(self.file, self._identity())
        mine = state["processes"][self.process.rank]
        self.learner.load_state_dict(state["learner"])
        self.train_loader.load_state_dict(mine["loader"])
        self.epoch, self.batch, self.step = state["epoch"], state["batch"], state["step"]
        self.meter = Meter(self.device, mine["meter"])
        torch.set_rng_state(mine["random"])
        if mine["random_cuda"] is not None:
            torch.cuda.set_rng_state(mine["random_cuda"], self.device)

    def _identity(self) -> dict[str, Any]:
        """The values that a checkpoint must share; the loader's state checks data, seed and transform by itself."""
        recipe = self.recipe
        sections = {"training": self.training, "loss": recipe.loss_, "validation": recipe.validation}
        return {
            "recipe": self.recipe.title,
            "model": self.options.model or self.recipe.source.model,
            "classes": self.train_loader.num_classes,
            "processes": self.process.world_size,
            "batch_size": self.batch_size,
            "accumulate": self.options.accumulate,
            "amp": str(self.amp),
            "seed": self.options.seed,
            **{
                f"{name}.{key}": value for name, part in sections.items() for key, value in flat(part).items()
            },
        }
