"""The recipe files: inside the package of an installed wheel, at the top of a checkout."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable  # elsewhere in Python 3.10


def recipe_files() -> dict[str, Traversable]:
    """The published recipes by name ("deit-s"), sorted; open one with `.read_text()`.

    The build copies `pipelines/` into the package. An editable install has no such copy and reads the checkout's own,
    so a recipe that is edited there takes effect at once.

    Raises:
        FileNotFoundError: neither place exists, so the installation is broken.
    """
    packaged = files("dali_mixup") / "pipelines"
    checkout = Path(__file__).parents[2] / "pipelines"
    folder = packaged if packaged.is_dir() else checkout
    if not folder.is_dir():
        raise FileNotFoundError(f"no recipes in {packaged} nor in {checkout}; reinstall dali-mixup")
    found = {
        entry.name.removesuffix(".yaml"): entry for entry in folder.iterdir() if entry.name.endswith(".yaml")
    }
    return dict(sorted(found.items()))
