"""Reports of impossible requests and of results that cannot be written."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import typer
from typer.core import TyperGroup

from dali_mixup._files import NotWritten
from dali_mixup._repr import escaped


class Commands(TyperGroup):
    """The subcommands. Any of them that cannot write its result or cannot read the data ends with one line and exit
    code 2: neither a full disk nor a damaged image is a bug, so neither needs a traceback."""

    def invoke(self, ctx: typer.Context) -> Any:  # type: ignore[override]
        from dali_mixup.sources.bad_files import BadFileError
        from dali_mixup.sources.reading import StorageError

        try:
            return super().invoke(ctx)
        except (NotWritten, BadFileError, StorageError) as error:
            raise _ended(error) from error


@contextmanager
def usage_errors() -> Iterator[None]:
    """Turn an error of the library's constructors into one line on stderr and exit code 2, without a traceback.

    Put it only around the construction of the objects that the user's arguments describe: an error in the work itself
    is a bug, and a bug needs its traceback.
    """
    try:
        yield
    except (ModuleNotFoundError, OSError, TypeError, ValueError) as error:
        raise _ended(error) from error


def _ended(error: Exception) -> typer.Exit:
    typer.secho(f"error: {escaped(str(error))}", fg="red", err=True)
    return typer.Exit(2)
