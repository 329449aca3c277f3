"""`dali-mixup preview`: a picture of the mixed batches of a data set."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dali_mixup._repr import escaped
from dali_mixup.cli.errors import usage_errors
from dali_mixup.cli.given import refuse_given
from dali_mixup.cli.paths import path_option
from dali_mixup.cli.pictures import check_picture, save_picture
from dali_mixup.cli.targets import refuse_inputs

if TYPE_CHECKING:
    from PIL import Image

    from dali_mixup import MixPolicy, Output
    from dali_mixup.sources import Source


AT_ONCE = 8  # batches in memory: what is read ahead, mixed, and drawn


def preview(
    context: typer.Context,
    data: Annotated[
        str, typer.Argument(help="Data as for train_loader: a folder of class folders, a list, ...")
    ],
    out: Annotated[Path, path_option("The picture to write.")] = Path("preview.png"),
    mixup: Annotated[float, typer.Option(help="Alpha of MixUp; 0 leaves it out.")] = 0.8,
    cutmix: Annotated[float, typer.Option(help="Alpha of CutMix; 0 leaves it out.")] = 1.0,
    images: Annotated[
        int | None, typer.Option(help="Number of images to draw. Default: 24, with --views 2.", min=1)
    ] = None,
    image_size: Annotated[int, typer.Option(help="Pixels; not with --views.", min=1)] = 224,
    views: Annotated[
        str | None,
        typer.Option(
            help="A recipe with views, such as dino: draw all views of each image, as they are and mixed."
        ),
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of the batch.", min=0)] = 0,
    channels: Annotated[
        int, typer.Option(help="As for Output(channels=...); the first three are drawn.", min=1, max=32)
    ] = 3,
    bits: Annotated[int, typer.Option(help="8 or 16, as for Output(bits=...).")] = 8,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N.")] = "auto",
) -> None:
    """Draw a contact sheet of one mixed batch: each image with its classes and weights, in percent and as bars."""
    from dali_mixup import CutMix, MixPolicy, MixUp, Output, open_source
    from dali_mixup.methods import Method

    with usage_errors():
        check_picture(out)
        methods: list[Method] = [MixUp(mixup)] if mixup else []
        methods += [CutMix(cutmix)] if cutmix else []
        policy = MixPolicy(methods, granularity="sample") if methods else None
        source = open_source(data)
        refuse_inputs("--out", out, data, source)
        output = Output(0.0, 1.0, channels=channels, bits=bits)  # type: ignore[arg-type]  # which it checks
        shown = min(images or (24 if views is None else 2), len(source))
        if views is None:
            _refuse_large(shown, image_size, channels)
        else:
            refuse_given(
                context,
                ("image_size", "channels", "bits"),
                "--views draws images of the recipe's sizes, of three colours and 8 bits; leave that out",
            )
    if views is None:
        sheet = _batch(source, policy, shown, image_size, output, seed, device)
    else:
        sheet = _views(source, views, policy, shown, seed, device)
    save_picture(sheet, out)
    typer.echo(f"{shown} images of {len(source)}, {source.num_classes} classes: {escaped(str(out))}")


def _refuse_large(images: int, size: int, channels: int) -> None:
    batch = 4 * images * size * size * channels  # float32
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    if AT_ONCE * batch > memory:
        raise ValueError(
            f"--image-size {size}: a batch of {images} such images has {batch / 1e9:,.0f} GB, of which there are about "
            f"{AT_ONCE} at once, and this machine has {memory / 1e9:,.0f} GB; give fewer --images or smaller ones"
        )


def _batch(
    source: Source,
    policy: MixPolicy | None,
    images: int,
    image_size: int,
    output: Output,
    seed: int,
    device: str,
) -> Image.Image:
    from dali_mixup import train_loader
    from dali_mixup.viewing import to_grid

    with usage_errors():
        loader = train_loader(
            source,
            policy=policy,
            batch_size=images,
            image_size=image_size,
            device=device,
            seed=seed,
            targets="compact",
            output=output,
            rank=0,
            world_size=1,
        )
    with loader:
        batch, targets = loader.peek()
        return to_grid(batch, targets, loader.classes, mean=loader.mean, std=loader.std, bits=output.bits)


def _views(
    source: Source, name: str, policy: MixPolicy | None, images: int, seed: int, device: str
) -> Image.Image:
    from dali_mixup import load_recipe
    from dali_mixup.cli.view_sheet import drawn_lines, lines_of_views

    with usage_errors():
        recipe = load_recipe(name)
        if recipe.views is None:
            raise ValueError(
                f"--views {name}: the recipe has one view; expected one with several, such as dino"
            )
        if images < 2:
            raise ValueError("--views: there is one image; expected two or more, to mix them with each other")
        lines = lines_of_views(
            source, recipe.views, recipe.transform, policy, images=images, seed=seed, device=device
        )
    return drawn_lines(lines, source.classes)
