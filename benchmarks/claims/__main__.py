"""`make claims`: the papers' claims, tried on this machine."""

from __future__ import annotations

from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from benchmarks.claims.registry import CLASSES
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
    out: Annotated[Path, typer.Option(help="Folder for a JSON file and a plot per claim.")] = Path(
        "claims_output"
    ),
) -> None:
    """Try the mixup papers' claims on small data: minutes each, on two cores."""
    import torch
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    with usage_errors():
        _need("matplotlib", "psutil", "scipy", "sklearn")
        from benchmarks.claims.digits import digits
        from benchmarks.claims.plots import plot
        from benchmarks.claims.registry import claim_named
        from benchmarks.claims.runner import run, write
        from benchmarks.claims.tables import directions, means

        chosen = [claim_named(name) for name in names or CLASSES]
        make_folder(out)
        for claim in chosen:
            check_writable(out / f"{claim.name}.json")
        folder = cache_folder("digits")
        images = digits(folder)

    # The networks are small; a second thread would only wait, and the loader needs the other core.
    torch.set_num_threads(1)
    console = Console()
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    for claim in chosen:
        count = seeds or claim.seeds
        with Progress(*columns, console=console, transient=True) as progress:
            task = progress.add_task(f"{claim.name}, {count} seeds", total=count * claim.ticks)
            result = run(claim, count, images, partial(progress.advance, task))
        write(result, out / f"{claim.name}.json", folder)
        plot(result, out / f"{claim.name}.png")
        console.print(means(result), directions(result))
        console.print(f"{result.seconds:.0f} s; written to {out / claim.name}.json and .png\n")


def _need(*packages: str) -> None:
    """Raise ModuleNotFoundError with the remedy, before anything is imported or trained."""
    missing = [name for name in packages if find_spec(name) is None]
    if missing:
        raise ModuleNotFoundError(f"{', '.join(missing)} not installed; run `make claims`")


if __name__ == "__main__":
    app(prog_name="claims")
