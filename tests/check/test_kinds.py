"""Every kind of image file: decoded to Pillow's pixels and called fit, or named by the check. Nothing in between."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from nvidia.dali import Pipeline, fn
from PIL import Image

from dali_mixup import BadFileError, Runtime, ValTransform, val_loader
from dali_mixup._graph.look import Problem
from dali_mixup.check import scan
from dali_mixup.sources import FileList
from tests.bad_images import png_chunk
from tests.image_kinds import DIFFERENT, REFUSED, SCALED, kinds

NAMES = tuple(kinds())
FIT = tuple(name for name in NAMES if name not in DIFFERENT | REFUSED)


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> FileList:
    folder = tmp_path_factory.mktemp("kinds")
    for name, content in kinds().items():
        (folder / name).write_bytes(content)
    return FileList(NAMES, [0] * len(NAMES), ["c"], root=folder)


def of_pillow(name: str) -> np.ndarray:
    """(H, W, 3) uint8."""
    with Image.open(io.BytesIO(kinds()[name])) as image:
        if name in SCALED:
            return np.repeat(np.rint(np.asarray(image) / 257)[:, :, None], 3, axis=2).astype(np.uint8)
        return np.asarray(image.convert("RGB"))


def test_there_are_many_kinds() -> None:
    assert len(NAMES) >= 130 and set(NAMES) >= DIFFERENT | REFUSED | SCALED


def test_the_check_names_exactly_the_kinds_that_are_not_right(source: FileList) -> None:
    findings = {finding.key: finding.problem for finding in scan(source, threads=2).findings}
    assert set(findings) == DIFFERENT | REFUSED
    assert {name for name, problem in findings.items() if problem is Problem.OTHER_PIXELS} == DIFFERENT


def test_what_is_called_fit_has_pillows_pixels() -> None:
    pipe = Pipeline(1, num_threads=1, device_id=None, prefetch_queue_depth=1)
    with pipe:
        encoded = fn.external_source(name="encoded")
        pipe.set_outputs(fn.decoders.image(encoded, adjust_orientation=False, jpeg_fancy_upsampling=True))
    pipe.build()
    for name in FIT:
        (decoded,) = pipe.run(encoded=[np.frombuffer(kinds()[name], np.uint8)])
        ours, theirs = np.array(decoded.at(0)).astype(int), of_pillow(name)
        assert ours.shape == theirs.shape, name
        assert np.abs(ours - theirs).max() <= 1, name


def test_the_loader_refuses_what_the_check_refuses_and_nothing_else(source: FileList, tmp_path: Path) -> None:
    whole = {"transform": ValTransform(32), "device": "cpu", "runtime": Runtime(1)}
    good = [(source.name(NAMES.index(name)), 0) for name in NAMES if name not in REFUSED]
    assert sum(len(images) for images, _ in val_loader(good, batch_size=31, **whole)) == len(good)
    for name in REFUSED:
        with pytest.raises(BadFileError, match=name):
            list(val_loader([(source.name(NAMES.index(name)), 0)], batch_size=1, **whole))


def test_files_that_only_pillow_refuses_are_fit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A PNG with a damaged chunk beside the pixels, and an image beyond Pillow's limit."""
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 48 * 40 // 2 - 1)
    png = kinds()["png_RGB"]
    (tmp_path / "date.png").write_bytes(png[:33] + png_chunk(b"tIME", bytes(7))[:-1] + b"\1" + png[33:])
    (tmp_path / "large.png").write_bytes(png)
    for file in ("date.png", "large.png"):
        with pytest.raises(Exception, match=r"cannot identify|exceeds limit"):
            Image.open(tmp_path / file)
    source = FileList(["date.png", "large.png"], [0, 0], ["c"], root=tmp_path)
    assert scan(source, threads=2).findings == ()
    assert len(scan(source, threads=2, max_pixels=48 * 40 - 1).findings) == 2
    loader = val_loader(source, batch_size=2, image_size=32, device="cpu", runtime=Runtime(1))
    assert sum(len(images) for images, _ in loader) == 2
