"""`dali-mixup env`: versions and hardware, for a bug report."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer


def env(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Print the block that a bug report needs: versions, devices and cores, no paths and no names."""
    from dali_mixup.bench.installation import installation

    found = installation()
    typer.echo(json.dumps(found, indent=1) if as_json else "\n".join(_lines(found)))


def _lines(found: dict[str, Any]) -> list[str]:
    named = {key: value for key, value in found.items() if key != "packages"} | found["packages"]
    width = max(map(len, named))
    return [f"{key.ljust(width)}  {_text(value)}" for key, value in named.items()]


def _text(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(value) or "none"
    return "none" if value is None else str(value)
