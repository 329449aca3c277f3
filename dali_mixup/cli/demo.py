"""`dali-mixup demo`: the whole library in under a minute, on any machine."""

from __future__ import annotations

import logging
import time
from pathlib import Path
from typing import Annotated

import typer

from dali_mixup._repr import escaped
from dali_mixup.cli.demo_folder import refuse_others
from dali_mixup.cli.errors import usage_errors
from dali_mixup.cli.paths import path_option
from dali_mixup.cli.pictures import check_picture, save_picture

log = logging.getLogger("dali_mixup")

BATCH_SIZE = 32
IMAGE_SIZE = 96
SHEET_ROWS = 24
MOST_SEED = 2**64 - 1  # of torch


def demo(
    out: Annotated[Path, path_option("Folder for the images and the contact sheet.")] = Path("demo_output"),
    epochs: Annotated[int, typer.Option(help="Passes over the 640 training images.", min=1)] = 8,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N.")] = "auto",
    seed: Annotated[
        int, typer.Option(help="Seed of order, augmentation, mixing and the network.", min=0, max=MOST_SEED)
    ] = 0,
) -> None:
    """Train a small network on mixed crops of real photographs, and draw a batch of them."""
    import torch
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from dali_mixup import CutMix, MixPolicy, MixUp, train_loader, val_loader
    from dali_mixup.bench.photographs import write_photographs
    from dali_mixup.cli.demo_training import accuracy, small_network, train_epoch
    from dali_mixup.viewing import to_grid

    # A path is no markup: [red] may be the name of a folder.
    console = Console(highlight=False, soft_wrap=True, markup=False, emoji=False)
    shown = log.isEnabledFor(logging.INFO)  # not with --quiet
    data, sheet = out / "photographs", out / "contact_sheet.png"
    with usage_errors():
        refuse_others(out, data)
        write_photographs(data)
        check_picture(sheet)
        train = train_loader(
            data / "train",
            policy=MixPolicy([MixUp(0.4), CutMix(1.0)], prob=0.8, granularity="sample"),
            batch_size=BATCH_SIZE,
            image_size=IMAGE_SIZE,
            device=device,
            seed=seed,
            targets="compact",
            rank=0,
            world_size=1,
        )
        val = val_loader(
            data / "val",
            batch_size=BATCH_SIZE,
            image_size=IMAGE_SIZE,
            device=device,
            rank=0,
            world_size=1,
            classes=train,
        )
    if shown:
        console.print(
            f"{len(train.dataset)} training and {len(val.dataset)} validation crops of {train.num_classes} "
            f"photographs, from different parts of each, in {escaped(str(data))}"
        )

    with train, val:
        images, targets = train.peek()
        rows = slice(SHEET_ROWS)
        picture = to_grid(images[rows], targets[rows], train.classes, mean=train.mean, std=train.std)
        save_picture(picture, sheet)
        start = time.perf_counter()
        alone = sum(len(images) for images, _ in train) / (time.perf_counter() - start)
        train.set_epoch(0)

        if train.device.type == "cpu":
            # Half the cores are the loader's. With a thread on each core, all of them wait at every layer for the
            # one whose core is busy reading, and on a loaded machine the network crawls.
            torch.set_num_threads(max(1, min(4, torch.get_num_threads() // 2)))
        torch.manual_seed(seed)
        model = small_network(train.num_classes).to(train.device)
        optimizer = torch.optim.AdamW(model.parameters(), weight_decay=0.02)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 0.01, epochs * len(train))
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("batches, loss {task.fields[loss]:.3f}"),
            TimeRemainingColumn(),
        )
        reports = []
        with Progress(*columns, console=console, transient=True, disable=not shown) as progress:
            task = progress.add_task("training", total=epochs * len(train), loss=float("nan"))
            for epoch in range(epochs):
                report = train_epoch(
                    model,
                    train,
                    optimizer,
                    schedule,
                    lambda loss: progress.update(task, advance=1, loss=loss),
                )
                reports.append(report)
                if shown or epoch == epochs - 1:  # the last one is a result
                    console.print(
                        f"epoch {epoch + 1:2d}/{epochs}   loss {report.loss:.3f}   "
                        f"validation accuracy {100 * accuracy(model, val):.1f}%"
                    )

    images = sum(report.images for report in reports)
    console.print(
        f"{images / sum(report.seconds for report in reports):,.0f} images/s read, mixed and trained on "
        f"({alone:,.0f} images/s by the loader alone) on {train.device}\n"
        f"{100 * sum(report.mixed for report in reports) / images:.1f}% of the rows were mixed\n"
        f"a mixed batch, drawn: {escaped(str(sheet))}"
    )
