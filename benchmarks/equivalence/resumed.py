"""A run of `train_loader` that is killed five times and resumed from its checkpoints, and one that is left alone."""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import signal
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from benchmarks.equivalence.pipelines import our_loader
from benchmarks.equivalence.settings import Settings
from benchmarks.equivalence.training import Learner, steps_per_epoch
from benchmarks.equivalence.workers import prepare
from dali_mixup._files import replacing, write_text

RESULT = "result.json"
KILLS = 5
PROCESSES = KILLS + 2  # the run that is left alone, and each start of the other one


@dataclass(frozen=True)
class Resumption:
    """Two runs of the same seed.

    Attributes:
        kills: steps after which the first one was killed.
        redone: steps it made again, because they came after its last checkpoint.
        steps: of the whole run, of which each run's losses were compared.
        same_losses: whether all were the same float32, bit for bit.
        same_weights: whether all of the network and the optimiser were in the end.
    """

    kills: tuple[int, ...]
    redone: int
    steps: int
    same_losses: bool
    same_weights: bool

    @property
    def identical(self) -> bool:
        return self.same_losses and self.same_weights


def kill_steps(steps: int, per_epoch: int) -> tuple[int, ...]:
    """Steps of a run after which it is killed: the middles of five equal parts, or the next steps that are neither the
    last of an epoch nor just saved.

    Raises:
        ValueError: fewer steps than that needs.
    """
    if per_epoch < 2 or steps < 4 * KILLS:
        raise ValueError(
            f"equivalence: {steps} steps, {per_epoch} of them an epoch, are too few to kill a run {KILLS} times in the "
            "middle of an epoch; give a smaller batch_size or more epochs"
        )
    every = checkpoint_every(steps)
    kills = []
    for i in range(KILLS):
        step = (2 * i + 1) * steps // (2 * KILLS)
        while step % per_epoch == 0 or step % every == 0:
            step += 1
        kills.append(step)
    return tuple(kills)


def checkpoint_every(steps: int) -> int:
    """Steps between checkpoints, about forty in a run; odd, so that kills lose unequal numbers of steps."""
    return max(3, steps // 40 | 1)


def killed_and_resumed(
    settings: Settings, seed: int, folder: Path, advance: Callable[[], None]
) -> Resumption:
    """Make both runs in child processes, with files in the folder, which is empty.

    `advance` is called `PROCESSES` times.

    Raises:
        RuntimeError: a child ended before its time; its traceback is on stderr.
    """
    per_epoch = steps_per_epoch(settings)
    steps = settings.epochs * per_epoch
    kills, every = kill_steps(steps, per_epoch), checkpoint_every(steps)
    ends = []
    for name, stops in (("alone", [None]), ("killed", [*kills, None])):
        for step in stops:
            _until(settings, seed, folder / name, step)
            advance()
        ends.append(json.loads((folder / name / RESULT).read_text()))
    alone, killed = ends
    return Resumption(
        kills,
        sum(step % every for step in kills),
        steps,
        killed["losses"] == alone["losses"] and len(alone["losses"]) == steps,
        killed["weights"] == alone["weights"],
    )


def _until(settings: Settings, seed: int, folder: Path, step: int | None) -> None:
    """Train in a child process, from the folder's checkpoint if there is one: until the child has made that many steps
    and is killed, or to the end."""
    folder.mkdir(exist_ok=True)
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe(duplex=False)
    child = context.Process(target=_train, args=(settings, seed, folder, step, theirs))
    child.start()
    theirs.close()
    try:
        ours.recv()
    except EOFError:
        child.join()
        raise RuntimeError(f"equivalence: the training process ended with code {child.exitcode}") from None
    finally:
        if step is not None:
            child.kill()
        child.join()


def _train(settings: Settings, seed: int, folder: Path, stop: int | None, connection: Any) -> None:
    """The child: a loop with checkpoints. Losses are kept as the hexadecimal form of the number, which is exact."""
    prepare()
    steps = settings.epochs * steps_per_epoch(settings)
    loader, learner = our_loader(settings, seed, compiled=True), Learner(settings, seed, steps)
    losses: list[str] = []
    file = folder / "checkpoint.pt"
    if file.exists():
        state = torch.load(file, weights_only=True)
        learner.load_state_dict(state["learner"])
        loader.load_state_dict(state["loader"])
        losses = state["losses"]
    while len(losses) < steps:
        for images, targets in loader:
            losses.append(float(learner.step(images, targets)).hex())
            if len(losses) % checkpoint_every(steps) == 0:
                with replacing(file) as out:
                    torch.save(
                        {"learner": learner.state_dict(), "loader": loader.state_dict(), "losses": losses},
                        out,
                    )
            if len(losses) == stop:
                connection.send("ready to be killed")
                signal.pause()  # so that what is killed does not depend on how soon the signal comes
    write_text(folder / RESULT, json.dumps({"losses": losses, "weights": _digest(learner.state_dict())}))
    connection.send("done")


def _digest(state: dict[str, Any]) -> str:
    """SHA-256 of all tensors of the model and the optimiser."""
    momenta = [part["momentum_buffer"] for part in state["optimizer"]["state"].values()]
    digest = hashlib.sha256()
    for tensor in [*state["model"].values(), *momenta]:
        digest.update(tensor.numpy().tobytes())
    return digest.hexdigest()
