"""`dali-mixup recipes`: the published recipes, and validation of your own."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dali_mixup._repr import escaped
from dali_mixup.cli.errors import usage_errors

if TYPE_CHECKING:
    from dali_mixup.methods import Method
    from dali_mixup.recipes import Recipe

app = typer.Typer(
    help="The published recipes: list, show, compare, check a file of your own.", no_args_is_help=True
)

COLUMNS = ("name", "network", "data", "epochs", "top-1", "views", "mixing")
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Name = Annotated[str, typer.Argument(help="A recipe's name, or a YAML file.")]


@app.command("list")
def list_recipes(as_json: AsJson = False) -> None:
    """Every recipe with its network, length and published accuracy."""
    from dali_mixup.recipes import load_recipe, recipe_names

    rows = [_row(name, load_recipe(name)) for name in recipe_names()]
    if as_json:
        typer.echo(json.dumps(rows, indent=1))
        return
    typer.echo(_table([COLUMNS, *map(_cells, rows)]))
    typer.echo("Published top-1 in percent, not measured here; ? is written from memory.")


def _row(name: str, recipe: Recipe) -> dict[str, Any]:
    source = recipe.source
    return {
        "name": name,
        "network": source.published_model or source.model,
        "data": source.dataset,
        "epochs": recipe.training.epochs,
        "top-1": source.top1,
        "from memory": "source.top1" in recipe.recalled,
        "views": _images(recipe),
        "mixing": _mixing(recipe),
    }


def _cells(row: dict[str, Any]) -> tuple[str, ...]:
    accuracy = "" if row["top-1"] is None else f"{row['top-1']:g}{'?' if row['from memory'] else ''}"
    return tuple(accuracy if key == "top-1" else str(row[key]) for key in COLUMNS)


@app.command()
def show(name: Name, as_json: AsJson = False) -> None:
    """Print every value of a recipe, marking those that are uncertain."""
    from dali_mixup.recipes import flat

    recipe = _load(name)
    if as_json:
        typer.echo(json.dumps(flat(recipe), indent=1))
        return
    for key, value in flat(recipe).items():
        if key not in ("recalled", "unstated", "omitted") and value is not None and value != "":
            typer.echo(_line(f"{key}: {_text(value)}{_mark(key, recipe)}"))
    for item in recipe.omitted:
        typer.echo(_line(f"not provided here: {item}"))


@app.command()
def diff(first: Name, second: Name) -> None:
    """Print the differences between two recipes, key by key."""
    from dali_mixup.recipes import difference

    differences = difference(_load(first), _load(second))
    rows = [(key, _text(a) or "-", _text(b) or "-") for key, (a, b) in differences.items()]
    typer.echo(_table([("", first, second), *rows]) if rows else "no difference")


@app.command()
def validate(files: Annotated[list[Path], typer.Argument(help="YAML files.")]) -> None:
    """Check recipe files. Errors are printed with their keys; the exit code is 2 if there is one."""
    code = 0
    for file in files:
        try:
            recipe = _load(file)
        except typer.Exit as refusal:
            code = refusal.exit_code
        else:
            typer.echo(_line(f"{file}: {recipe.title}: valid"))
    raise typer.Exit(code)


@app.command()
def schema() -> None:
    """Print the JSON Schema of a recipe file, for editors."""
    from dali_mixup.recipes import json_schema

    typer.echo(json.dumps(json_schema(), indent=2))


def _table(rows: Sequence[Sequence[str]]) -> str:
    """Columns as wide as their longest cell, for a terminal, a pipe or `column -t`."""
    shown = [[_line(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*shown, strict=True)]
    lines = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in shown)
    return "\n".join(line.rstrip() for line in lines)


def _line(text: str) -> str:
    """The text as one harmless line: a recipe may come from anywhere."""
    return escaped(text).replace("\n", "\\n")


def _load(name: str | Path) -> Recipe:
    from dali_mixup.recipes import load_recipe

    with usage_errors():
        return load_recipe(name)


def _mixing(recipe: Recipe) -> str:
    from dali_mixup._decide.from_data import Balanced

    policies = recipe.policies
    methods = dict.fromkeys(_named(method) for policy in policies for method in policy.all_methods)
    further = (
        " / ".join(methods) or None,
        "balanced partners" if any(isinstance(policy.rule, Balanced) for policy in policies) else None,
        *dict.fromkeys(type(rule).__name__ for policy in policies for rule in policy.by_counts),
        "clean too" if recipe.loss_.name == "regmixup" else None,
        None if recipe.latent is None else recipe.latent.module,
    )
    return ", ".join(filter(None, further)) or "none"


def _images(recipe: Recipe) -> str:
    """The number of images of a sample, and of an unlabelled one with the number of these."""
    own = 1 if recipe.views is None else sum(view.count for view in recipe.views)
    if (stream := recipe.unlabelled_) is None:
        return str(own)
    return (
        f"{own} + {stream.ratio} x {1 if stream.views is None else sum(view.count for view in stream.views)}"
    )


def _named(method: Method) -> str:
    alpha = getattr(method, "alpha", None)
    return method.name if alpha is None else f"{method.name} {_text(alpha)}"


def _mark(key: str, recipe: Recipe) -> str:
    for marks, text in ((recipe.recalled, "from memory"), (recipe.unstated, "not stated by the source")):
        if any(key == mark or key.startswith((f"{mark}.", f"{mark}[")) for mark in marks):
            return f"    ({text})"
    return ""


def _text(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(_text(item) for item in value)}]"
    if isinstance(value, dict):
        return f"{{{', '.join(f'{key}: {_text(item)}' for key, item in value.items())}}}"
    return "" if value is None else str(value)
