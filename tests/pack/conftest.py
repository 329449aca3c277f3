"""Small data and quick runs for the tests of packing."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from dali_mixup.pack import Options, Packing, Part, Tally
from dali_mixup.sources import open_source

Pack = Callable[..., Tally]


@pytest.fixture
def packed(image_folder: Path, tmp_path: Path) -> Callable[..., Path]:
    """Packs the session's 24 images in 5 shards, or with the given options; returns the folder."""

    def pack(name: str = "packed", **options: object) -> Path:
        run(image_folder, tmp_path / name, **options)
        return tmp_path / name

    return pack


def run(
    data: object, folder: Path, *, part: Part | None = None, skip_bad: bool = False, **options: object
) -> Tally:
    """One run of two processes, with 5 samples per shard unless the options say otherwise."""
    chosen = Options(**{"per_shard": 5, **options})
    return Packing(open_source(data), folder, chosen, part=part, workers=2, skip_bad=skip_bad).run()


def bytes_of(folder: Path) -> dict[str, bytes]:
    """The content of every file at or below a folder."""
    return {
        str(file.relative_to(folder)): file.read_bytes()
        for file in sorted(folder.rglob("*"))
        if file.is_file()
    }


def command(*arguments: object, **options: object) -> subprocess.Popen[str]:
    """`dali-mixup pack` in a process of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "dali_mixup", "pack", *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **options,  # type: ignore[call-overload]
    )
