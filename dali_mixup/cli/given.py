"""Options that have no effect beside others: refused, because whoever gives one expects something of it."""

from __future__ import annotations

from collections.abc import Container

import typer


def refuse_given(context: typer.Context, names: Container[str], why: str) -> None:
    """ValueError if one of these parameters, by their names in Python, stands on the command line.

    Args:
        why: the reason and what to do, after the options' names.
    """
    given = [
        parameter.opts[0]
        for parameter in context.command.params
        if parameter.name in names and _stands(context, parameter.name)
    ]
    if given:
        raise ValueError(f"{', '.join(given)}: {why}")


def _stands(context: typer.Context, name: str) -> bool:
    source = context.get_parameter_source(name)
    return source is not None and source.name == "COMMANDLINE"
