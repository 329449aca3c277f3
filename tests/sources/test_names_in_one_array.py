"""Names go to DALI in one array, the shorter ones followed by zeros: each must still open its own file."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from dali_mixup import Output, TrainTransform, train_loader
from dali_mixup.sources.feeding import as_one

NAMES = st.lists(st.binary(min_size=1, max_size=300).map(lambda name: name.replace(b"\0", b"x")), min_size=1)


@given(NAMES)
def test_every_row_is_its_name_and_zeros(names: list[bytes]) -> None:
    table = as_one([np.frombuffer(name, np.uint8) for name in names])
    assert table.dtype == np.uint8 and table.shape == (len(names), max(map(len, names)))
    for row, name in zip(table, names, strict=True):
        assert row.tobytes()[: len(name)] == name and not row[len(name) :].any()


def test_files_of_very_different_names_are_their_own(tmp_path: Path) -> None:
    # A name of one letter, ones that begin like others, blanks, other alphabets, no UTF-8 at all, and a long one.
    names = ["a", "a.png", "a.png.png", "b ", " b", "ä.png", "图像", os.fsdecode(b"\xff"), "c" * 250]
    deep = tmp_path / ("d" * 200) / ("e" * 200)
    deep.mkdir(parents=True)
    paths = [tmp_path / name for name in names] + [deep / name for name in names]
    for grey, path in enumerate(paths):
        Image.new("L", (8, 8), 10 * grey).save(path, "PNG")
    loader = train_loader(
        [(str(path), label) for label, path in enumerate(paths)],
        batch_size=len(paths),
        device="cpu",
        rank=0,
        world_size=1,
        transform=TrainTransform(8, hflip=0),
        output=Output(mean=0.0, std=1.0),
    )
    images, labels = next(iter(loader))
    assert np.allclose(images.numpy().mean((1, 2, 3)), 10.0 * labels.numpy(), atol=0.01)
    assert sorted(labels.tolist()) == list(range(len(paths)))
