"""Recipe files for tests."""

from __future__ import annotations

from pathlib import Path


def written(folder: Path, text: str, name: str = "mine.yaml") -> Path:
    file = folder / name
    file.write_text(text)
    return file
