"""The lists that the benchmark writes are lists, and lead to images."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.long_lists import make_folders, write_list
from dali_mixup.sources import open_source


def test_every_kind_of_list_names_the_same_images(image_folder: Path, tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    images = sorted(image_folder.glob("*/*"))
    make_folders(tmp_path / "train", images, classes=7, per_class=15)
    sources = []
    for suffix in (".txt", ".jsonl", ".parquet"):
        write_list(tmp_path / f"list{suffix}", files=100, classes=7)
        sources.append(open_source(tmp_path / f"list{suffix}"))
    for source in sources:
        assert list(source.samples) == list(sources[0].samples) and len(source) == 100
    names = [name for name, _ in sources[0].samples]
    assert len(set(names)) == 100 and all(Path(name).resolve() in images for name in names)
    assert [sources[0].targets.count(label) for label in range(7)] == [14, 14, 14, 15, 14, 14, 15]
