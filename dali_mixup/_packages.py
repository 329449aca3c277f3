"""Packages that only some uses need: whether they are there, and what to do where they are not."""

from __future__ import annotations

import importlib.util


def importable(name: str) -> bool:
    """True if there is a module of this name; it is not imported, but for the packages that contain it."""
    try:
        return importlib.util.find_spec(name) is not None
    except ModuleNotFoundError:  # of the package that contains a module
        return False


def require(owner: str, install: str, *modules: str) -> None:
    """Raise ModuleNotFoundError, in one sentence, where one of the modules is missing.

    Args:
        owner: who needs them.
        install: what pip is to install.
    """
    missing = [name for name in modules if not importable(name)]
    if missing:
        are = "is" if len(missing) == 1 else "are"
        raise ModuleNotFoundError(
            f"{owner} needs {', '.join(missing)}, which {are} not installed; pip install {install}",
            name=missing[0],
        )
