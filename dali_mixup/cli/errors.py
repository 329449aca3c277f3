"""How a subcommand reports that it was asked for something impossible, or cannot write its result."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import typer
from typer.core import TyperGroup

from dali_mixup._files import NotWritten


class Commands(TyperGroup):
    """The subcommands. Whichever of them cannot write its result ends in one line and exit code 2: a full disk is no
    bug, so it needs no traceback."""

    def invoke(self, ctx: typer.Context) -> Any:  # type: ignore[override]
        try:
            return super().invoke(ctx)
        except NotWritten as error:
            raise _ended(error) from error


@contextmanager
def usage_errors() -> Iterator[None]:
    """Turns an error of our own constructors into one line on stderr and exit code 2, without a traceback.

    Put it around the construction of what the user's arguments describe and around nothing else: an error in the work
    itself is a bug, and a bug needs its traceback.
    """
    try:
        yield
    except (ModuleNotFoundError, OSError, TypeError, ValueError) as error:
        raise _ended(error) from error


def _ended(error: Exception) -> typer.Exit:
    typer.secho(f"error: {error}", fg="red", err=True)
    return typer.Exit(2)
