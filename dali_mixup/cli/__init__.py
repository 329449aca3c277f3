"""The `dali-mixup` command: one file per subcommand, one line here to register it.

Subcommands import DALI and torch inside their functions, so that `--help` answers at once.
"""

from __future__ import annotations

import io
import logging
import sys
from typing import Annotated

import typer

from dali_mixup._version import __version__
from dali_mixup.cli.bench import bench
from dali_mixup.cli.check import check
from dali_mixup.cli.demo import demo
from dali_mixup.cli.env import env
from dali_mixup.cli.errors import Commands, ended
from dali_mixup.cli.gallery import gallery
from dali_mixup.cli.pack import pack
from dali_mixup.cli.preview import preview
from dali_mixup.cli.recipes import app as recipes
from dali_mixup.cli.train import train
from dali_mixup.cli.tune import tune

app = typer.Typer(
    cls=Commands,
    help="Mixup and CutMix inside NVIDIA DALI pipelines.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
app.command()(bench)
app.command()(check)
app.command()(demo)
app.command()(env)
app.command()(gallery)
app.command()(pack)
app.command()(preview)
app.add_typer(recipes, name="recipes")
app.command()(train)
app.command()(tune)


def _print_version(wanted: bool) -> None:
    if wanted:
        from dali_mixup.bench.installation import installation, short

        typer.echo(f"dali-mixup {__version__}\n{short(installation())}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Show the versions and exit."),
    ] = False,
    quiet: Annotated[
        bool,
        typer.Option("--quiet", "-q", help="Results, warnings and errors only: no progress, no choices."),
    ] = False,
    verbose: Annotated[
        bool,
        typer.Option("--verbose", "-v", help="Every log line with its time and module, of libraries too."),
    ] = False,
) -> None:
    if quiet and verbose:
        raise ended("--quiet and --verbose exclude each other; give one of them")
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # class names in letters that the locale lacks
    if verbose:
        logging.basicConfig(format="%(asctime)s %(levelname)s %(name)s: %(message)s", level=logging.INFO)
    else:
        logging.basicConfig(format="%(message)s")
    # Automatic choices, such as the device, are at INFO. Progress follows the same level (cli/progress.py).
    logging.getLogger("dali_mixup").setLevel(logging.WARNING if quiet else logging.INFO)
