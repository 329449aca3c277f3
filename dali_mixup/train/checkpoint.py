"""A run's state on disk: written completely or not at all, and refused by a run that it does not fit."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from dali_mixup._files import replacing

VERSION = 3


def save(path: Path, state: Mapping[str, Any]) -> None:
    """Replace the old file, so that after a crash or a power failure one of the two is left. `id` tells the checkpoint
    from all others.

    Raises:
        NotWritten: the disk is full, or the folder cannot be written to.
    """
    with replacing(path, sync=True) as file:
        torch.save({"version": VERSION, "id": secrets.token_hex(8), **state}, file)


def load(path: Path, identity: Mapping[str, Any]) -> dict[str, Any]:
    """The state of a run with this identity, tensors on the CPU.

    Raises:
        ValueError: not a checkpoint of this trainer, or one of another run; the message lists the differences.
    """
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch.load raises half a dozen types for a file that it did not write
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
            f"train: {path} belongs to another run ({listed}). Pass the recipe and the options with which it was "
            "started, or another output folder"
        )
    return state
