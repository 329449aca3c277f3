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
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from torch import Tensor, nn

from dali_mixup._epochs.ranks import Rank
from dali_mixup._repr import printable
from dali_mixup.recipes import Recipe, load_recipe
from dali_mixup.sources.paths import home_expanded
from dali_mixup.train import checkpoint, optimisation
from dali_mixup.train.identity import identity
from dali_mixup.train.learner import Learner
from dali_mixup.train.meters import Meter
from dali_mixup.train.metrics_file import epoch_line
from dali_mixup.train.options import TrainOptions
from dali_mixup.train.outcome import Outcome, ruined
from dali_mixup.train.processes import any_of, gathered, processes, together
from dali_mixup.train.progress import Bar, Stopwatch
from dali_mixup.train.records import Records
from dali_mixup.train.resuming import state_to_continue
from dali_mixup.train.sentences import of_epoch, of_run
from dali_mixup.train.setting_up import batch_size, channels_last, loaders, precision, refuse_other_steps
from dali_mixup.train.stopping import StopRequest
from dali_mixup.train.trial import refuse_sizes
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
    refuse_other_steps(str(options.recipe), recipe)
    with processes(options.device) as (process, device):
        yield Run(options, recipe, process, device)


class Run:
    """One run in one process: its parts, then its work."""

    def __init__(self, options: TrainOptions, recipe: Recipe, process: Rank, device: torch.device):
        self.options, self.recipe, self.process, self.device = options, recipe, process, device
        self.first = process.rank == 0
        self.console = Console(
            highlight=False, soft_wrap=True, markup=False, emoji=False, quiet=not self.first
        )
        self.batch_size = batch_size(options, recipe, process.world_size)
        whole_batch = self.batch_size * process.world_size * options.accumulate
        self.training = optimisation.fitted(
            recipe.training, options.epochs, whole_batch, options.learning_rate
        )
        both = together(lambda: loaders(options, recipe, process, device, self.batch_size))
        self.train_loader, self.val_loader = both
        self.amp = precision(options.amp, device, both)

        torch.manual_seed(options.seed)
        name = options.model or recipe.source.model
        size, channels = self.train_loader.image_size, len(self.train_loader.mean)
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
        refuse_sizes(name, self.learner.bare, both, self.training.epochs, device, self.learner.autocast)

        # Position of the next batch; `step` counts optimiser steps over all epochs.
        self.epoch = self.batch = self.step = 0
        self.steps_here = 0
        self.meter = Meter(device)
        self.line: dict[str, float] = {}  # of the last epoch that is complete
        self.file = Path(home_expanded(options.output)) / "checkpoint.pt"
        torch.manual_seed(options.seed + process.rank)  # dropout differs between processes, weights do not
        self.identity = identity(options, recipe, self.training, both, self.amp)
        self._resume_or_start()

    def until_done(self) -> Outcome:
        """Train until the last epoch, a signal to stop, or `max_steps`.

        Raises:
            TrainingError: the loss or the weights became NaN or infinite; they are not saved.
        """
        with StopRequest() as stop:
            return self._epochs(stop)

    def _epochs(self, stop: StopRequest) -> Outcome:
        self._announce()
        shown = self.first and log.isEnabledFor(logging.INFO)
        with (
            self.train_loader,
            self.val_loader,
            self.records or contextlib.nullcontext(),
            Bar(self.console, shown) as bar,
        ):
            while self.epoch < self.training.epochs:
                watch = Stopwatch()
                if not self._train_epoch(stop, bar, watch):
                    self.save()
                    self.console.print(
                        f"stopped in epoch {self.epoch} after {self.step} steps; continue with the same command and "
                        "--resume"
                    )
                    return Outcome(False, self.epoch, self.step, self.line, self.file, not self._enough)
                self.line = self._end_of_epoch(watch)
                if self.records is not None:
                    self.records.epoch(self.line)
                self.epoch, self.batch, self.meter = self.epoch + 1, 0, Meter(self.device)
                self.save()
        return Outcome(True, self.epoch, self.step, self.line, self.file)

    def _train_epoch(self, stop: StopRequest, bar: Bar, watch: Stopwatch) -> bool:
        """Train for the rest of the epoch; False if it was cut short."""
        batches = len(self.train_loader)
        bar.begin(self.epoch, batches, self.batch)
        if self.batch == batches:  # the checkpoint was written between the epoch's last step and its end
            return True
        self.learner.model.train()
        self.train_loader.set_epoch(self.epoch)
        for batch in watch.timed(iter(self.train_loader)):
            group = optimisation.group_of(self.batch, self.options.accumulate, batches)
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
                self._look_at_the_loss(bar, watch)
            if self.step % self.options.checkpoint_every == 0:
                self.save()
            if self._enough or self._asked(stop, self.batch == batches):
                return False
        return True

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

    def _look_at_the_loss(self, bar: Bar, watch: Stopwatch) -> None:
        self._refuse_nan()
        loss = float(self.meter.sums[0] / self.meter.sums[1])
        bar.speed(watch, loss)
        if self.records is not None:
            self.records.step(self.step, loss=loss, learning_rate=self._last_rate)

    @property
    def _enough(self) -> bool:
        return self.options.max_steps is not None and self.steps_here >= self.options.max_steps

    def _asked(self, stop: StopRequest, end_of_epoch: bool) -> bool:
        """Whether a signal asks any process to stop; they agree every few steps, and before they validate."""
        if self.process.world_size == 1:
            return bool(stop)
        return (self.step % AGREE_EVERY == 0 or end_of_epoch) and any_of(bool(stop))

    # The end of an epoch.

    def _end_of_epoch(self, watch: Stopwatch) -> dict[str, float]:
        """The epoch's line: training sums, and validation of the weights and of their average."""
        self._refuse_nan()
        speed = watch.images_per_second * self.process.world_size, watch.stall_share
        self.learner.same_buffers()
        judged = self._validate(self.learner.bare)
        average = None if self.learner.average is None else self._validate(self.learner.average.module)
        for report, of in ((judged, ""), (average, " of the averaged weights")):
            self._refuse_unless(report is None or math.isfinite(report["loss"]), f"the validation loss{of}")
        line = epoch_line(
            {"epoch": self.epoch, "step": self.step, "learning_rate": self._last_rate},
            self.meter.report(),
            judged,
            average,
            speed,
        )
        self.console.print(of_epoch(self.epoch, line, *speed))
        return line

    def _validate(self, model: nn.Module) -> dict[str, float]:
        flip = self.recipe.validation.flip_average
        return validated(model, self.val_loader, self.device, self.learner.autocast, flip)

    # Its parts.

    def _refuse_nan(self) -> None:
        self._refuse_unless(self.meter.healthy(), "the loss")

    def _refuse_unless(self, finite: bool, what: str) -> None:
        """Raise TrainingError in every process if it is False in one of them."""
        if any_of(not finite):
            raise ruined(what, self.epoch, self.step, self._last_rate, self.file)

    def _announce(self) -> None:
        devices = f"{self.process.world_size} x {self.device.type}"
        self.console.print(printable(self.recipe.title))
        self.console.print(of_run(self.training, self.train_loader, self.val_loader, devices, self.amp))
        if self.step:
            self.console.print(f"resumed in epoch {self.epoch} after {self.step} steps")

    # The checkpoint.

    def save(self) -> None:
        """Write the state of all processes to one file. Every process must call this, and returns once it is written:
        a launcher ends the others as soon as one has ended."""
        self._refuse_nan()
        self._refuse_unless(self.learner.finite(), "the weights")
        mine = {
            "loader": self.train_loader.state_dict(),
            "random": torch.get_rng_state(),
            "random_cuda": torch.cuda.get_rng_state(self.device) if self.device.type == "cuda" else None,
            "meter": self.meter.sums.cpu(),
        }
        everybody = gathered(mine)
        state = {
            "identity": self.identity,
            "epoch": self.epoch,
            "batch": self.batch,
            "step": self.step,
            "line": self.line,
            "learner": self.learner.state_dict(),
            "processes": everybody,
        }
        together(lambda: checkpoint.save(self.file, state) if self.first else None)

    def _resume_or_start(self) -> None:
        state = state_to_continue(self.file, self.options.resume, self.identity, self.first)
        if state is not None:
            together(lambda: self._continue(state))
        self.records = together(self._records)

    def _continue(self, state: dict[str, Any]) -> None:
        mine = state["processes"][self.process.rank]
        self.train_loader.load_state_dict(mine["loader"])
        self.learner.load_state_dict(state["learner"])
        self.epoch, self.batch, self.step = state["epoch"], state["batch"], state["step"]
        self.line = state["line"]
        self.meter = Meter(self.device, mine["meter"])
        torch.set_rng_state(mine["random"])
        if mine["random_cuda"] is not None:
            torch.cuda.set_rng_state(mine["random_cuda"], self.device)

    def _records(self) -> Records | None:
        return Records(self.file.parent, self.epoch, self.options.tensorboard) if self.first else None
