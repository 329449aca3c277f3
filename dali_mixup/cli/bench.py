"""`dali-mixup bench`: this library's loader against the others, on your machine and your data."""

from __future__ import annotations

import json
import shlex
import sys
from pathlib import Path
from typing import Annotated

import typer

from dali_mixup._files import check_writable, make_folder, write_text
from dali_mixup._repr import escaped
from dali_mixup.cli.bench_data import samples_of
from dali_mixup.cli.errors import usage_errors
from dali_mixup.cli.given import refuse_given
from dali_mixup.cli.paths import path_option
from dali_mixup.cli.progress import tracked
from dali_mixup.cli.targets import refuse_inside


def bench(
    context: typer.Context,
    data: Annotated[
        str | None, typer.Argument(help="A folder of class folders, a list or a manifest.")
    ] = None,
    synthetic: Annotated[
        int,
        typer.Option(
            help="Instead of data: draw this many ImageNet-like JPEGs, at least 100, once, into a cache folder.",
            min=0,
        ),
    ] = 0,
    out: Annotated[Path, path_option("Folder for report.json, report.html and the plots.")] = Path("bench"),
    device: Annotated[
        str, typer.Option(help="Device on which batches must arrive: auto, cpu or cuda.")
    ] = "auto",
    threads: Annotated[
        str,
        typer.Option(help="Threads or worker processes, for example 8,4,2,1; the first is the main value."),
    ] = "auto",
    batch_sizes: Annotated[
        str, typer.Option(help="For example 64,32,256; the first is the main value.")
    ] = "64",
    only: Annotated[str, typer.Option(help="Contenders, for example dali-mixup,timm; or all.")] = "all",
    modes: Annotated[
        str, typer.Option(help="One or more of loader, training, replay, synthetic.")
    ] = "loader",
    model: Annotated[
        str, typer.Option(help="Network of torchvision.models for the training step.")
    ] = "resnet50",
    repeats: Annotated[int, typer.Option(help="Fewer than 5 are not ranked.", min=1)] = 5,
    batches: Annotated[int, typer.Option(help="Measured batches per run.", min=2)] = 40,
    warmup: Annotated[int, typer.Option(help="Batches after the first that are not measured.", min=1)] = 5,
    cache: Annotated[str, typer.Option(help="Page cache before each run: warm, cold or as-is.")] = "warm",
    classes: Annotated[
        int, typer.Option(help="Columns of the targets, at least the data's classes.", min=1)
    ] = 1000,
    image_size: Annotated[int, typer.Option(help="Pixels.", min=16)] = 224,
    limit: Annotated[float, typer.Option(help="Seconds after which a run counts as failed.", min=1)] = 600,
) -> None:
    """Measure every installed loader that does equal work, in turn, and rank them as far as the spread allows."""
    from dali_mixup._packages import require
    from dali_mixup.bench.settings import PACKAGES, names, network, numbers

    # torchvision draws the crops with which those of all contenders are compared.
    require("bench", PACKAGES, "matplotlib", "psutil", "scipy", "torchvision")

    import dali_mixup._graph.installed  # noqa: F401  # refuses before the work
    from dali_mixup._checks import choice
    from dali_mixup._epochs.ranks import usable_cores
    from dali_mixup._graph.device import chosen_device
    from dali_mixup.bench import tables
    from dali_mixup.bench.contenders import CONTENDERS
    from dali_mixup.bench.feeds import MODES
    from dali_mixup.bench.fitness import refuse_unfit
    from dali_mixup.bench.html_report import page
    from dali_mixup.bench.page_cache import STATES
    from dali_mixup.bench.plots import plots
    from dali_mixup.bench.runner import Plan, files_of, run
    from dali_mixup.bench.work import Work

    with usage_errors():
        wanted = names("modes", modes, MODES)
        if wanted == ["loader"]:
            refuse_given(
                context, ("model",), "--modes loader has no training step; leave that out, or add a mode"
            )
        else:
            network(model)
        samples, found = samples_of(data, synthetic)
        thread_counts = [usable_cores()] if threads == "auto" else numbers("threads", threads)
        sizes = numbers("batch-sizes", batch_sizes)
        plan = Plan(
            samples=samples,
            work=Work(
                batch_size=sizes[0],
                threads=thread_counts[0],
                classes=max(classes, found),
                device=chosen_device(device, 0).type,
                image_size=image_size,
            ),
            contenders=names("only", only, tuple(CONTENDERS)),
            modes=wanted,
            threads=thread_counts,
            batch_sizes=sizes,
            repeats=repeats,
            batches=batches,
            warmup=warmup,
            cache=choice("bench", "cache", cache, STATES),
            model=model,
            limit=limit,
            command=shlex.join(["dali-mixup", *sys.argv[1:]]),
        )
        if data is not None:
            refuse_inside("--out", out, data)
        make_folder(out)
        for name in ("report.json", "report.html"):
            check_writable(out / name)
        with tracked("checking the images") as progress:
            refuse_unfit(files_of(plan), progress)
    with tracked("benchmark") as progress:
        report = run(plan, progress)
    # Printed before anything is written: if the disk is full, the numbers are not lost.
    if report["runs"]:
        typer.echo(tables.markdown(tables.throughput(report)))
    for title, reason in tables.absent(report)[1]:
        typer.echo(escaped(f"not measured: {title}: {reason}"))
    write_text(out / "report.json", json.dumps(report, indent=1) + "\n")
    if report["runs"]:
        pictures = plots(report)
        for name, svg in pictures.items():
            write_text(out / f"{name}.svg", svg)
        write_text(out / "report.html", page(report, pictures))
    typer.echo(f"written to {escaped(str(out))}")
    if not report["runs"]:
        raise typer.Exit(1)
