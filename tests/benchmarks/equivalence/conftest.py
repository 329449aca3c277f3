"""Small data of one-coloured images, and settings for them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from benchmarks.equivalence.settings import TITLES, Settings

GREYS = {"black": 0, "white": 255}


def folder_of(root: Path, colours: Mapping[str, tuple[int, int, int]], per_class: int) -> Path:
    """Images of 24 x 20 pixels in root/{train,val}/<name>, PNGs since JPEG changes colours a little."""
    for split in ("train", "val"):
        for name, colour in colours.items():
            folder = root / split / name
            folder.mkdir(parents=True)
            for i in range(per_class):
                Image.new("RGB", (24, 20), colour).save(folder / f"{i}.png")
    return root


@pytest.fixture(scope="session")
def black_and_white(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Two classes of eight images."""
    colours = {name: (grey, grey, grey) for name, grey in GREYS.items()}
    return settings_for(folder_of(tmp_path_factory.mktemp("grey"), colours, 8))


def settings_for(data: Path) -> Settings:
    return Settings(
        data=data,
        model="small",
        epochs=1,
        batch_size=4,
        size=16,
        lr=0.1,
        weight_decay=5e-4,
        device="cpu",
        seeds=2,
        first_seed=0,
        pipelines=tuple(TITLES),
        margin=2.0,
        workers=1,
    )


@pytest.fixture(scope="session")
def coloured(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Four images of one colour, in two classes."""
    colour = (200, 60, 20)
    data = folder_of(tmp_path_factory.mktemp("colour"), {"a": colour, "b": colour}, 2)
    return replace(settings_for(data), batch_size=4)
