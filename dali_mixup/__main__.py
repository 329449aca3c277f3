"""The `dali-mixup` command, also as `python -m dali_mixup`."""

from __future__ import annotations

import sys


def main() -> None:
    """The entry point of the console script. It prints one line if the packages of the `cli` extra are missing."""
    try:
        import rich  # noqa: F401  # whether it is there
        import typer  # noqa: F401  # whether it is there
    except ModuleNotFoundError as error:
        sys.exit(
            f"dali-mixup: the command needs {error.name}, which is not installed; pip install 'dali-mixup[cli]'"
        )
    from dali_mixup.cli import app

    app(prog_name="dali-mixup")


if __name__ == "__main__":
    main()
