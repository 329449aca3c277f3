"""A run's state on disk: written whole or not at all, and refused by a run it does not fit."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

VERSION = 1


def save(path: Path, state: Mapping[str, Any]) -> None:
    """Writes beside the old file and puts the new one in its place, so that a crash leaves one of the two."""
    new = path.with_suffix(".new")
    with new.open("wb") as file:
        torch.save({"version": VERSION, **state}, file)
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)


def load(path: Path, identity: Mapping[str, Any]) -> dict[str, Any]:
    """The state of a run with this identity, tensors on the CPU.

    Raises:
        ValueError: not a checkpoint of this trainer, or one of another run; the message lists what differs.
    """
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch.load raises half a dozen types for a file that is not its own
        raise ValueError(f"train: {path} is not a checkpoint that can be read ({error})") from error
    if not isinstance(state, dict) or state.get("version") != VERSION:
        raise ValueError(f"train: {path} is not a checkpoint of this trainer, version {VERSION}")
    theirs = state["identity"]
    differing = [key for key in {**theirs, **identity} if theirs.get(key) != identity.get(key)]
    if differing:
        listed = "; ".join(
            f"{key}: saved {theirs.get(key)!r}, now {identity.get(key)!r}" for key in differing
        )
        raise ValueError(
            f"train: {path} belongs to another run ({listed}). Give the options it was started "
            "with, or another output folder"
        )
    return state
