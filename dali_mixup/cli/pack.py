"""`dali-mixup pack`: a data set as shuffled shards of small images, made once and read fast."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from dali_mixup._repr import escaped, printable
from dali_mixup.cli.errors import ended, usage_errors
from dali_mixup.cli.given import refuse_given
from dali_mixup.cli.paths import expanded, path_argument
from dali_mixup.cli.progress import tracked
from dali_mixup.cli.targets import refuse_inside

if TYPE_CHECKING:
    from dali_mixup.pack import Options, Packing, Tally
    from dali_mixup.pack.options import Subsampling
    from dali_mixup.sources import Source


def pack(
    context: typer.Context,
    data: Annotated[
        str, typer.Argument(help="Data as for train_loader. With --merge or --verify: the packed folder.")
    ],
    to: Annotated[Path | None, path_argument("The folder to write; an unfinished one is continued.")] = None,
    shorter_side: Annotated[
        int | None, typer.Option(help="Resize larger images to this shorter side, in pixels.", min=1)
    ] = None,
    quality: Annotated[int, typer.Option(help="JPEG quality of resized images.", min=1, max=100)] = 90,
    subsampling: Annotated[str, typer.Option(help="Of their colours: 4:2:0, 4:2:2 or 4:4:4.")] = "4:2:0",
    folder: Annotated[bool, typer.Option("--folder", help="Write a folder per class, not shards.")] = False,
    per_shard: Annotated[int, typer.Option(help="Images per shard.", min=1)] = 2048,
    seed: Annotated[int, typer.Option(help="Seed of the shuffle.", min=0)] = 0,
    max_pixels: Annotated[
        int | None,
        typer.Option(help="Larger images are bad. Default: 2**28, as for Runtime(max_pixels=...).", min=1),
    ] = None,
    skip_bad: Annotated[
        bool, typer.Option("--skip-bad", help="Leave out files that cannot be read or decoded.")
    ] = False,
    workers: Annotated[
        int | None, typer.Option(help="Processes. Default: one per core that may be used.", min=1)
    ] = None,
    part: Annotated[
        str | None, typer.Option(help="Pack only part i of n, as i/n with i from 0; then use --merge.")
    ] = None,
    merge: Annotated[bool, typer.Option("--merge", help="Join the finished parts.")] = False,
    verify: Annotated[
        bool, typer.Option("--verify", help="Check every checksum, decode every image.")
    ] = False,
    md5: Annotated[
        bool,
        typer.Option("--md5", help="First compare the MD5 of ImageNet's archives with the official one."),
    ] = False,
) -> None:
    """Pack data into shuffled tar shards, images resized if asked for. Exit code: 0 done, 1 bad files, 2 impossible."""
    from dali_mixup.pack import PackingError

    if merge or verify:
        with usage_errors():
            _check_alone(context, to, merge, verify)
    try:
        if merge:
            _merge(expanded(data))
        elif verify:
            _verify(expanded(data), workers)
        else:
            with usage_errors():
                if to is None:
                    raise ValueError("give the data and the folder to write")
                options = _options(shorter_side, quality, subsampling, folder, per_shard, seed, max_pixels)
                packing = _packing(data, to, options, part, workers, skip_bad, md5)
            _run(packing, to, part is not None)
    except PackingError as error:
        raise ended(error) from error


def _check_alone(context: typer.Context, to: Path | None, merge: bool, verify: bool) -> None:
    if to is not None or (merge and verify):
        raise ValueError("--merge and --verify take one packed folder and no data, one of them at a time")
    mode, used = ("--merge", {"merge"}) if merge else ("--verify", {"verify", "workers"})
    unused = {str(parameter.name) for parameter in context.command.params} - {"data", *used}
    refuse_given(context, unused, f"{mode} makes no use of that, as what is packed is settled; leave it out")


def _options(
    shorter_side: int | None,
    quality: int,
    subsampling: str,
    folder: bool,
    per_shard: int,
    seed: int,
    max_pixels: int | None,
) -> Options:
    from dali_mixup._graph.options import MAX_PIXELS
    from dali_mixup.pack import Options

    standard = Options()
    if shorter_side is None and (quality, subsampling) != (standard.quality, standard.subsampling):
        raise ValueError("--quality and --subsampling are for resized images: give --shorter-side too")
    return Options(
        shorter_side,
        quality,
        cast("Subsampling", subsampling),  # Options checks it
        "files" if folder else "shards",
        per_shard,
        seed,
        max_pixels or MAX_PIXELS,
    )


def _packing(
    data: str, to: Path, options: Options, part: str | None, workers: int | None, skip_bad: bool, md5: bool
) -> Packing:
    from dali_mixup.pack import Packing, Part
    from dali_mixup.sources import open_source

    share = None if part is None else Part.parse(part)
    if md5:
        _check_md5(data)
    refuse_inside("the folder to write,", to, data)
    source = open_source(data)
    _remark(source)
    return Packing(source, to, options, part=share, workers=workers, skip_bad=skip_bad)


def _check_md5(data: str) -> None:
    from dali_mixup.sources.archives.imagenet import is_imagenet_archive, md5_differences
    from dali_mixup.sources.paths import home_expanded

    if not is_imagenet_archive(data):
        raise ValueError("--md5 is for ImageNet's archives under their official names")
    for line in md5_differences(home_expanded(data)):
        raise ValueError(line)


def _remark(source: Source) -> None:
    from dali_mixup.check.report import imagenet_remarks

    for remark in imagenet_remarks(source.classes, len(source)):
        typer.echo(f"ImageNet: {remark}")


def _run(packing: Packing, to: Path, shared: bool) -> None:
    try:
        with tracked("packing", "images") as report:
            tally = packing.run(report)
    except BaseException:  # the error or signal itself is reported elsewhere
        tally = packing.tally
        typer.secho(
            f"{tally.finished} of {tally.shards} shards are finished; the same command continues", err=True
        )
        raise
    _report(tally, to, shared)


def _report(tally: Tally, to: Path, shared: bool) -> None:
    for key, problem in tally.bad:
        typer.echo(f"bad: {printable(key)} ({printable(problem)})")
    name = escaped(str(to))
    if tally.finished < tally.shards:
        typer.secho(
            f"{tally.finished} of {tally.shards} shards are finished; the others hold {len(tally.bad)} bad files. "
            "Repair them, or repeat the command with --skip-bad",
            err=True,
        )
        raise typer.Exit(1)
    left_out = f", {len(tally.bad)} bad files left out" if tally.bad else ""
    typer.echo(f"{name}: {tally.samples} images, {tally.bytes / 1e6:.1f} MB{left_out}")
    if tally.complete:
        _refuse_nothing(tally.samples)
    if shared and not tally.complete:
        typer.echo(f"when all parts are finished: dali-mixup pack --merge {name}")


def _merge(folder: Path) -> None:
    from dali_mixup.pack import merge
    from dali_mixup.sources.archives.packed import packed_list

    with usage_errors():
        merge(folder)
        _, header, _ = packed_list(folder)
    typer.echo(f"{escaped(str(folder))}: all parts are there")
    _refuse_nothing(header.samples)


def _refuse_nothing(samples: int) -> None:
    """End with exit code 1 where every file was bad: there is nothing to train on."""
    if not samples:
        typer.secho("every file is bad, so no image was packed", err=True)
        raise typer.Exit(1)


def _verify(folder: Path, workers: int | None) -> None:
    from dali_mixup.pack import verify
    from dali_mixup.sources.archives.packed import packed_list

    with usage_errors():
        packed_list(folder)
    with tracked("verifying", "images") as report:
        wrong = verify(folder, workers=workers, progress=report)
    for line in wrong:
        typer.echo(printable(line))
    typer.echo(f"{escaped(str(folder))}: {len(wrong)} problems" if wrong else "as packed")
    raise typer.Exit(1 if wrong else 0)
