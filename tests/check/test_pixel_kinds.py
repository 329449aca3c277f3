"""The check of images for loaders of other pixels than RGB of 8 bits."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from dali_mixup import open_source
from dali_mixup._graph.look import Problem
from dali_mixup._graph.pixel_kind import PixelKind
from dali_mixup.check import scan
from dali_mixup.cli import app
from tests.image_kinds import kinds
from tests.pixel_files import folder_of, jpeg, noise, png, tiff

FILES = {
    "png1.png": png(noise(20, 20, 1, 8)),
    "png2.png": png(noise(20, 20, 2, 8)),
    "png3.png": png(noise(20, 20, 3, 8)),
    "png4.png": png(noise(20, 20, 4, 8)),
    "png1_16.png": png(noise(20, 20, 1, 16)),
    "png3_16.png": png(noise(20, 20, 3, 16)),
    "png4_16.png": png(noise(20, 20, 4, 16)),
    "tiff2_16.tif": tiff(noise(20, 20, 2, 16)),
    "tiff3_16.tif": tiff(noise(20, 20, 3, 16), byteorder=">"),
    "tiff4.tif": tiff(noise(20, 20, 4, 8), tile=(16, 16)),
    "tiff5.tif": tiff(noise(20, 20, 5, 8)),
    "tiff5_16.tif": tiff(noise(20, 20, 5, 16), compression="zlib"),
    "planes5_16.tif": tiff(noise(20, 20, 5, 16), planarconfig="separate"),
    "float.tif": tiff(noise(20, 20, 3, 8).astype(np.float32)),
    "jpeg.jpg": jpeg(noise(20, 20, 3, 8)),
    "half.tif": tiff(noise(20, 20, 5, 16))[:900],
    "cmyk.tif": kinds()["tiff_cmyk"],
    "palette.tif": kinds()["tiff_palette"],
    "ycc.tif": kinds()["tiff_ycc"],
}

FIT: dict[PixelKind, set[str]] = {
    PixelKind(1): {
        "png1.png", "png2.png", "png3.png", "png4.png", "png1_16.png", "png3_16.png", "png4_16.png", "tiff3_16.tif",
        "tiff4.tif", "jpeg.jpg", "cmyk.tif", "palette.tif", "ycc.tif",
    },
    PixelKind(4): {"png4.png", "png4_16.png", "tiff4.tif"},
    PixelKind(5): {"tiff5.tif", "tiff5_16.tif"},
    PixelKind(1, 16): {"png1_16.png", "png3_16.png", "png4_16.png", "tiff3_16.tif"},
    PixelKind(2, 16): {"tiff2_16.tif"},
    PixelKind(3, 16): {"png1_16.png", "png3_16.png", "png4_16.png", "tiff3_16.tif"},
    PixelKind(4, 16): {"png4_16.png"},
    PixelKind(5, 16): {"tiff5_16.tif"},
}  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("data")
    (root / "a").mkdir()
    for name, content in FILES.items():
        (root / "a" / name).write_bytes(content)
    return root


@pytest.mark.parametrize("kind", FIT, ids=str)
def test_exactly_the_fit_files_are_fit(kind: PixelKind, folder: Path) -> None:
    source = open_source(folder)
    findings = {finding.key.split("/")[1]: finding for finding in scan(source, threads=1, kind=kind).findings}
    assert set(FILES) - set(findings) == FIT[kind]
    wrong = {name for name, finding in findings.items() if finding.problem is Problem.OTHER_PIXEL_KIND}
    assert wrong >= set(findings) - {
        "float.tif",
        "half.tif",
        "tiff2_16.tif",
        "tiff5.tif",
        "tiff5_16.tif",
        "planes5_16.tif",
    }
    assert findings["float.tif"].problem is Problem.UNSUPPORTED


def run(*arguments: Any) -> Any:
    return CliRunner().invoke(app, list(map(str, arguments)))


def test_the_command_takes_channels_and_bits(tmp_path: Path) -> None:
    folder_of(tmp_path, [tiff(noise(20, 20, 5, 16))] * 4, "tif")
    assert run("check", tmp_path).exit_code == 1
    assert run("check", tmp_path, "--channels", 5, "--bits", 16).exit_code == 0
    assert run("check", tmp_path, "--channels", 5, "--bits", 12).exit_code == 2
    assert run("check", tmp_path, "--channels", 33).exit_code == 2


@pytest.mark.parametrize(("channels", "bits"), [(1, 8), (1, 16), (4, 8), (5, 16)])
def test_the_preview_draws_other_pixels(channels: int, bits: int, tmp_path: Path) -> None:
    folder_of(tmp_path / "data", [tiff(noise(20, 20, channels, bits))] * 4, "tif")
    picture = tmp_path / "preview.png"
    made = run(
        "preview", tmp_path / "data", "--out", picture, "--image-size", 16, "--channels", channels, "--bits", bits,
        "--device", "cpu",
    )  # fmt: skip
    assert made.exit_code == 0, made.output
    assert picture.exists()
