"""`make claims`: the papers' claims, tried on this machine."""

from __future__ import annotations

import time
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from benchmarks.claims.registry import CLASSES, PACKAGES
from dali_mixup._epochs.ranks import usable_cores
from dali_mixup._files import cache_folder, check_writable, make_folder
from dali_mixup.cli.errors import usage_errors

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def claims(
    names: Annotated[
        list[str] | None, typer.Argument(help=f"Default: all of {', '.join(CLASSES)}.", metavar="[NAME]...")
    ] = None,
    seeds: Annotated[
        int | None, typer.Option(help="Runs per claim; default: the claim's own number.", min=1)
    ] = None,
    out: Annotated[Path, typer.Option(help="Folder for a JSON file and plots per claim.")] = Path(
        "claims_output"
    ),
    jobs: Annotated[int | None, typer.Option(help="Seeds at a time; default: one per core.", min=1)] = None,
) -> None:
    """Try the mixup papers' claims on small data: minutes each, on two cores."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    with usage_errors():
        wanted = names or list(CLASSES)
        special = [package for name, package in PACKAGES.items() if name in wanted]
        _need("matplotlib", "psutil", "scipy", "sklearn", "statsmodels", *special)
        from benchmarks.claims.digits import digits
        from benchmarks.claims.plots import plot
        from benchmarks.claims.registry import claim_named
        from benchmarks.claims.results import write
        from benchmarks.claims.runner import run
        from benchmarks.claims.tables import directions, means

        chosen = [claim_named(name) for name in wanted]
        make_folder(out)
        for claim in chosen:
            check_writable(out / f"{claim.name}.json")
        folder = cache_folder("digits")
        images = digits(folder)

    start = time.perf_counter()
    at_once = jobs or usable_cores()
    counted = [(claim, seeds or claim.seeds) for claim in chosen]
    console = Console()
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("seeds", total=sum(count for _, count in counted))
        for result in run(counted, images, at_once, lambda: progress.advance(task)):
            name = result.claim.name
            plot(write(result, out / f"{name}.json", folder), out)
            console.print(means(result), directions(result))
            console.print(f"{result.cpu_seconds:.0f} s of CPU time; written to {out / name}.json and .png\n")
    console.print(f"{(time.perf_counter() - start) / 60:.0f} minutes in all, {at_once} seeds at a time")


def _need(*packages: str) -> None:
    """Raise ModuleNotFoundError with the remedy, before anything is imported or trained."""
    missing = [name for name in packages if find_spec(name) is None]
    if missing:
        raise ModuleNotFoundError(f"{', '.join(missing)} not installed; run `make claims`")


if __name__ == "__main__":
    app(prog_name="claims")
