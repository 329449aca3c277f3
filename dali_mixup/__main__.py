"""The `dali-mixup` command, also as `python -m dali_mixup`."""

from __future__ import annotations

import os
import sys


def main() -> None:
    """The entry point of the console script. It prints one line if the packages of the `cli` extra are missing."""
    _open_standard_streams()
    try:
        _run()
    except KeyboardInterrupt:  # before a command could answer it
        print("error: interrupted", file=sys.stderr)
        sys.exit(130)


def _open_standard_streams() -> None:
    """Streams that the caller closed become the null device. Otherwise the next file to be opened would get the number
    of one, and with it what C libraries print."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)  # it gets the lowest free number


def _run() -> None:
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
