"""`dali-mixup preview`: a picture of the mixed batches of a data set."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from dali_mixup._repr import escaped
from dali_mixup.cli.errors import usage_errors
from dali_mixup.cli.pictures import check_picture, save_picture


def preview(
    data: Annotated[
        str, typer.Argument(help="Data as for train_loader: a folder of class folders, a list, ...")
    ],
    out: Annotated[Path, typer.Option(help="The picture to write.")] = Path("preview.png"),
    mixup: Annotated[float, typer.Option(help="Alpha of MixUp; 0 leaves it out.")] = 0.8,
    cutmix: Annotated[float, typer.Option(help="Alpha of CutMix; 0 leaves it out.")] = 1.0,
    images: Annotated[int, typer.Option(help="Number of images to draw.", min=1)] = 24,
    image_size: Annotated[int, typer.Option(help="Pixels.", min=1)] = 224,
    seed: Annotated[int, typer.Option(help="Seed of the batch.", min=0)] = 0,
    channels: Annotated[
        int, typer.Option(help="As for Output(channels=...); the first three are drawn.", min=1, max=32)
    ] = 3,
    bits: Annotated[int, typer.Option(help="8 or 16, as for Output(bits=...).")] = 8,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N.")] = "auto",
) -> None:
    """Draw a contact sheet of one mixed batch: each image with its classes and weights, in percent and as bars."""
    from dali_mixup import CutMix, MixPolicy, MixUp, Output, open_source, train_loader
    from dali_mixup.methods import Method
    from dali_mixup.viewing import to_grid

    with usage_errors():
        check_picture(out)
        methods: list[Method] = [MixUp(mixup)] if mixup else []
        methods += [CutMix(cutmix)] if cutmix else []
        source = open_source(data)
        loader = train_loader(
            source,
            policy=MixPolicy(methods, granularity="sample") if methods else None,
            batch_size=min(images, len(source)),
            image_size=image_size,
            device=device,
            seed=seed,
            targets="compact",
            output=Output(0.0, 1.0, channels=channels, bits=bits),  # type: ignore[arg-type]  # which it checks
            rank=0,
            world_size=1,
        )
    with loader:
        batch, targets = loader.peek()
        sheet = to_grid(batch, targets, loader.classes, mean=loader.mean, std=loader.std, bits=bits)
    save_picture(sheet, out)
    typer.echo(
        f"{loader.batch_size} images of {len(source)}, {source.num_classes} classes: {escaped(str(out))}"
    )
