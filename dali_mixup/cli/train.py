"""`dali-mixup train`: train with a recipe on your data, in one process or under torchrun."""

from __future__ import annotations

from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Annotated

import typer

from dali_mixup._repr import escaped
from dali_mixup.cli.errors import usage_errors
from dali_mixup.cli.targets import refuse_inside

STOPPED = 130  # the exit code that a shell expects after Ctrl-C


def train(
    recipe: Annotated[str, typer.Option(help="A recipe's name (dali-mixup recipes list) or a YAML file.")],
    data: Annotated[str, typer.Option(help="Folder with train and val, or the training data.")],
    val_data: Annotated[str | None, typer.Option(help="Validation data, if --data has none.")] = None,
    output: Annotated[Path, typer.Option(help="Folder for checkpoint and metrics; hosts share it.")] = Path(
        "runs/train"
    ),
    model: Annotated[str | None, typer.Option(help="A timm model; default: the recipe's.")] = None,
    epochs: Annotated[int | None, typer.Option(help="Length; schedules stretch with it.")] = None,
    batch_size: Annotated[int | None, typer.Option(help="Samples per process and forward pass.")] = None,
    accumulate: Annotated[int, typer.Option(help="Forward passes per optimiser step.")] = 1,
    learning_rate: Annotated[
        float | None, typer.Option(help="Default: the recipe's, scaled with the batch.")
    ] = None,
    image_size: Annotated[int | None, typer.Option(help="Pixels of training images.")] = None,
    num_classes: Annotated[
        int | None, typer.Option(help="Refuse data with another number of classes.")
    ] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N.")] = "auto",
    amp: Annotated[str, typer.Option(help="auto, off, bf16 or fp16.")] = "auto",
    channels_last: Annotated[bool, typer.Option("--channels-last", help="Memory format.")] = False,
    compile_model: Annotated[bool, typer.Option("--compile", help="Use torch.compile.")] = False,
    seed: Annotated[int, typer.Option(help="Seed of weights, order, augmentation and mixing.")] = 0,
    num_threads: Annotated[
        int | None, typer.Option(help="DALI's worker threads; default: the recipe's.")
    ] = None,
    read_ahead: Annotated[
        int | None,
        typer.Option(help="Batches read in advance, for high-latency storage; default: the recipe's."),
    ] = None,
    checkpoint_every: Annotated[int, typer.Option(help="Optimiser steps between checkpoints.")] = 1000,
    log_every: Annotated[
        int,
        typer.Option(
            help="Optimiser steps between reports of the loss; without a terminal, at most one report every 30 s."
        ),
    ] = 20,
    max_steps: Annotated[
        int | None, typer.Option(help="Stop after this many steps, ready to resume.")
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Continue from the checkpoint in --output.")
    ] = False,
    tensorboard: Annotated[bool, typer.Option("--tensorboard", help="Write TensorBoard files too.")] = False,
) -> None:
    """Train a timm model by a recipe.

    Several GPUs: torchrun --nproc-per-node 8 -m dali_mixup train --recipe deit-s --data imagenet
    """
    with ExitStack() as stack:
        with usage_errors():
            from dali_mixup.train import OtherRankFailed, TrainingError, TrainOptions, prepared
            from dali_mixup.train.splits import find_data

            options = TrainOptions(
                recipe=recipe,
                data=data,
                val_data=val_data,
                output=output,
                model=model,
                epochs=epochs,
                batch_size=batch_size,
                accumulate=accumulate,
                learning_rate=learning_rate,
                image_size=image_size,
                num_classes=num_classes,
                device=device,
                amp=amp,
                channels_last=channels_last,
                compile=compile_model,
                seed=seed,
                num_threads=num_threads,
                read_ahead=read_ahead,
                checkpoint_every=checkpoint_every,
                log_every=log_every,
                max_steps=max_steps,
                resume=resume,
                tensorboard=tensorboard,
            )
            with suppress(FileNotFoundError):  # of the data, which `prepared` raises
                for folder in find_data(data, val_data):
                    refuse_inside("--output", output, folder)
            run = stack.enter_context(prepared(options))
        try:
            outcome = run.until_done()
        except (TrainingError, OtherRankFailed) as error:
            typer.secho(f"error: {escaped(str(error))}", fg="red", err=True)
            raise typer.Exit(1) from error
    if outcome.interrupted:
        raise typer.Exit(STOPPED)
