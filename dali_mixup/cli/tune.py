"""`dali-mixup tune`: the loader's fastest settings on this machine, and its bottleneck."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from dali_mixup._files import check_writable, write_text
from dali_mixup._repr import escaped
from dali_mixup.cli.bench_data import samples_of
from dali_mixup.cli.errors import usage_errors
from dali_mixup.cli.paths import path_option
from dali_mixup.cli.progress import tracked
from dali_mixup.cli.targets import same_file


def tune(
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
    out: Annotated[Path, path_option("The YAML file to write.")] = Path("tuned.yaml"),
    batch_size: Annotated[int, typer.Option(help="The best settings depend on it.", min=2)] = 256,
    device: Annotated[str, typer.Option(help="Device of the pipeline: auto, cpu or cuda.")] = "auto",
    image_size: Annotated[int, typer.Option(help="Pixels.", min=16)] = 224,
    model: Annotated[
        str,
        typer.Option(help="Network of torchvision.models that trains on the batches; or none."),
    ] = "none",
    budget: Annotated[int, typer.Option(help="Batches to spend on the search.", min=10)] = 240,
    limit: Annotated[float, typer.Option(help="Seconds after which a trial counts as failed.", min=1)] = 600,
) -> None:
    """Find num_threads, prefetch, roi_decoding and hw_decoder_load by successive halving, and name the bottleneck."""
    from dali_mixup._packages import require
    from dali_mixup.bench.settings import PACKAGES, network

    require("tune", PACKAGES, "psutil", "yaml")

    import torch

    import dali_mixup._graph.installed  # noqa: F401  # refuses before the work
    from dali_mixup._epochs.ranks import usable_cores
    from dali_mixup._graph.decoder_load import USUAL
    from dali_mixup._graph.device import chosen_device
    from dali_mixup._graph.selftest import window_decoding_works
    from dali_mixup.bench.fitness import refuse_unfit
    from dali_mixup.bench.tuned import as_yaml, candidates
    from dali_mixup.bench.tuning import Search, files_of, search
    from dali_mixup.bench.work import Work

    with usage_errors():
        check_writable(out)
        if data is not None and same_file(out, data):
            raise ValueError(f"--out {str(out)!r} is the data, which it would replace; give another name")
        consumer = "" if model == "none" else network(model)
        samples, classes = samples_of(data, synthetic)
        pipeline = chosen_device(device, 0).type
        trains = "cuda" if torch.cuda.is_available() else "cpu"
        work = Work(
            batch_size=batch_size, threads=1, classes=max(2, classes), device=trains, image_size=image_size
        )
        windows = pipeline == "cpu" or window_decoding_works(0, USUAL)
        tried = candidates(usable_cores(), pipeline, windows)
        plan = Search(samples, work, pipeline, tried, budget, consumer, limit)
        with tracked("checking the images") as progress:
            refuse_unfit(files_of(plan), progress)
    with tracked("tuning") as progress:
        found = search(plan, progress)
    comments = [
        f"Found by `dali-mixup tune` for batches of {batch_size}, {pipeline} backend, {usable_cores()} cores:",
        f"{found.rate:.0f} images/s; the defaults reach {found.default_rate:.0f}.",
        f"The bottleneck is {found.verdict.bottleneck}: {found.verdict.reason}.",
        "Use it as train_loader(..., runtime=Runtime(**yaml.safe_load(open(FILE)))), or as a recipe's `runtime`.",
    ]
    text = as_yaml(found.settings, comments)
    typer.echo(text, nl=False)
    for stage, seconds in found.verdict.added.items():
        typer.echo(f"{stage:8} adds {1000 * seconds:7.1f} ms per batch")
    write_text(out, text)
    typer.echo(f"written to {escaped(str(out))}")
