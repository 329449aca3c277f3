"""Paths on a command line."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import typer


def expanded(path: str | os.PathLike[str]) -> Path:
    """A leading ~ or ~user is the home folder. A shell replaces it only at the start of a word, not in --out=~/x."""
    if not os.fspath(path):  # as of "$UNSET", which must not become the current folder
        raise typer.BadParameter("an empty path; expected a file or folder")
    return Path(os.path.expanduser(path))


def path_option(help: str) -> Any:
    """An option that takes a path."""
    return typer.Option(help=help, parser=expanded, metavar="PATH")


def path_argument(help: str) -> Any:
    """An argument that is a path."""
    return typer.Argument(help=help, parser=expanded)
