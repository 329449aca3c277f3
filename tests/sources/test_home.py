"""A leading ~ is the home folder wherever a path is given, and a letter where a name below a root or in a list is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from dali_mixup.sources import FileList, open_source


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    for name in ("data/a.jpg", "data/b.jpg", "masks/a.png", "masks/b.png"):
        (tmp_path / "home" / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (8, 8)).save(tmp_path / "home" / name)
    return tmp_path / "home"


IMAGES, MASKS = ["~/data/a.jpg", "~/data/b.jpg"], ["~/masks/a.png", "~/masks/b.png"]


@pytest.mark.parametrize(
    ("data", "options"),
    [
        ([(path, 0) for path in IMAGES], {}),
        ([(Path(path), 0) for path in IMAGES], {}),
        (IMAGES, {"masks": MASKS}),
        (IMAGES, {"masks": lambda key: f"~/masks/{Path(key).stem}.png"}),
        (IMAGES, {"masks": "~/masks"}),
        (list(zip(IMAGES, MASKS, strict=True)), {}),
    ],
    ids=["pairs", "pairs of Path", "images, masks", "function", "folder of masks", "mask pairs"],
)
def test_paths_are_expanded(home: Path, data: Any, options: dict[str, Any]) -> None:
    source = open_source(data, **options)
    assert [source.name(i) for i in range(2)] == [f"{home}/data/a.jpg", f"{home}/data/b.jpg"]
    assert source[1][0].size == (8, 8)


def test_names_are_not(tmp_path: Path) -> None:
    (tmp_path / "l.txt").write_text("~/data/a.jpg 0\n")
    assert open_source(tmp_path / "l.txt").name(0) == f"{tmp_path}/~/data/a.jpg"
    assert open_source([("~/data/a.jpg", 0)], root="/r").name(0) == "/r/~/data/a.jpg"
    assert FileList(["~/a.jpg"], np.zeros(1, int), root="~").name(0) == f"{tmp_path}/home/~/a.jpg"
    odd = open_source([("x/~a.jpg", 0), ("~no such user/a.jpg", 0)])
    assert [name for name, _ in odd.samples] == [
        f"{Path.cwd()}/x/~a.jpg",
        f"{Path.cwd()}/~no such user/a.jpg",
    ]
