"""How a subcommand reports that it was asked for something impossible."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import typer


@contextmanager
def usage_errors() -> Iterator[None]:
    """Turns an error of our own constructors into one line on stderr and exit code 2, without a traceback.

    Put it around the construction of what the user's arguments describe and around nothing else: an error in the work
    itself is a bug, and a bug needs its traceback.
    """
    try:
        yield
    except (ModuleNotFoundError, OSError, TypeError, ValueError) as error:
        typer.secho(f"error: {error}", fg="red", err=True)
        raise typer.Exit(2) from error
