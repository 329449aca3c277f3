"""`make equivalence`: does a network trained from this library's batches end where others' batches take it?"""

from __future__ import annotations

import tempfile
import time
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from benchmarks.equivalence.settings import MARGIN, OURS_BY_DALI, TITLES, Settings
from dali_mixup._epochs.ranks import usable_cores
from dali_mixup._files import cache_folder, check_writable, make_folder
from dali_mixup.cli.errors import ended, usage_errors

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def equivalence(
    data: Annotated[
        Path | None,
        typer.Option(help="Folder with train/ and val/; default: crops of photographs, made once."),
    ] = None,
    model: Annotated[str, typer.Option(help="small, or a classifier of torchvision by name.")] = "small",
    epochs: Annotated[int, typer.Option(help="Of every run.")] = 12,
    batch_size: Annotated[int, typer.Option(help="Images, an even number.")] = 32,
    size: Annotated[int, typer.Option(help="Pixels of a training image's side.")] = 64,
    lr: Annotated[float, typer.Option(help="Peak learning rate.")] = 0.1,
    weight_decay: Annotated[float, typer.Option(help="Of all weights.")] = 5e-4,
    device: Annotated[str, typer.Option(help="cpu, cuda or cuda:N.")] = "cpu",
    seeds: Annotated[int, typer.Option(help="Runs of every pipeline.")] = 20,
    first_seed: Annotated[int, typer.Option(help="The first of the seeds.")] = 0,
    pipelines: Annotated[
        str | None, typer.Option(help=f"Default: {','.join(TITLES)}; on a GPU without {OURS_BY_DALI}.")
    ] = None,
    margin: Annotated[
        float, typer.Option(help="Points of test accuracy that would not matter; choose it before the run.")
    ] = MARGIN,
    jobs: Annotated[
        int | None, typer.Option(help="Runs at a time; default: the usable cores, on a GPU 1.", min=1)
    ] = None,
    workers: Annotated[
        int | None, typer.Option(help="A loader's threads or processes; default: usable cores / jobs.")
    ] = None,
    resumed: Annotated[
        bool, typer.Option("--resumed", help="Also kill and resume a run, and compare it bit for bit.")
    ] = False,
    out: Annotated[Path, typer.Option(help="Folder for equivalence.json and .png.")] = Path(
        "equivalence_output"
    ),
) -> None:
    """Train the same network through torchvision's, DALI's and this library's pipelines, and test for equivalence."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    with usage_errors():
        _need("matplotlib", "psutil", "scipy", "skimage", "sklearn", "statsmodels", "timm", "torchvision")
        from benchmarks.equivalence.networks import network
        from benchmarks.equivalence.photographs import TEST_PER_CLASS, TRAIN_PER_CLASS, write_photographs
        from benchmarks.equivalence.plots import plot
        from benchmarks.equivalence.report import report, write
        from benchmarks.equivalence.resumed import PROCESSES, kill_steps, killed_and_resumed
        from benchmarks.equivalence.tables import verdicts
        from benchmarks.equivalence.training import steps_per_epoch
        from benchmarks.equivalence.workers import all_runs

        on_cpu = device == "cpu"
        if data is None:
            data = cache_folder(f"equivalence-{TRAIN_PER_CLASS}-{TEST_PER_CLASS}")
            write_photographs(data)
        at_a_time = jobs or (usable_cores() if on_cpu else 1)
        every = [name for name in TITLES if on_cpu or name != OURS_BY_DALI]
        settings = Settings(
            data=data,
            model=model,
            epochs=epochs,
            batch_size=batch_size,
            size=size,
            lr=lr,
            weight_decay=weight_decay,
            device=device,
            seeds=seeds,
            first_seed=first_seed,
            pipelines=tuple(every if pipelines is None else pipelines.split(",")),
            margin=margin,
            workers=max(1, usable_cores() // at_a_time) if workers is None else workers,
        )
        network(model, num_classes=2, seed=0)  # refuses a name that torchvision does not know
        steps = steps_per_epoch(settings)
        if resumed:
            if not on_cpu:
                raise ValueError(
                    f"equivalence: --resumed compares bit for bit, on the CPU; device={device!r}"
                )
            kill_steps(epochs * steps, steps)
        make_folder(out)
        check_writable(out / "equivalence.json")

    console = Console(highlight=False)
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    ticks = len(settings.pipelines) * settings.seeds * settings.epochs + (PROCESSES if resumed else 0)
    start = time.perf_counter()
    with Progress(*columns, console=console, transient=True) as progress:
        advance = partial(progress.advance, progress.add_task(f"{settings.seeds} seeds", total=ticks))
        runs = all_runs(settings, at_a_time, advance)
        resumption = None
        if resumed:
            with tempfile.TemporaryDirectory() as folder:
                resumption = killed_and_resumed(settings, settings.first_seed, Path(folder), advance)
    found = report(settings, runs, resumption, time.perf_counter() - start)
    write(found, out / "equivalence.json")
    plot(found, out / "equivalence.png")
    console.print(verdicts(found), soft_wrap=True)
    console.print(f"{found['seconds']:.0f} s; written to {out / 'equivalence'}.json and .png", soft_wrap=True)
    if resumption is not None and not resumption.identical:
        raise ended("the run that was killed and resumed differs from the one that was not", 1)


def _need(*packages: str) -> None:
    """Raise ModuleNotFoundError with the remedy, before anything is imported or trained."""
    missing = [name for name in packages if find_spec(name) is None]
    if missing:
        raise ModuleNotFoundError(f"{', '.join(missing)} not installed; run `make equivalence`")


if __name__ == "__main__":
    app(prog_name="equivalence")
