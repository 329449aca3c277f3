"""Drawn images: what they are like, and that a folder is drawn once."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dali_mixup.bench import synthetic
from dali_mixup.bench.environment import image_statistics


@pytest.fixture(scope="module")
def drawn() -> list[bytes]:
    return [synthetic.image_like(number) for number in range(12)]


def test_images_are_baseline_420_jpegs_of_the_listed_sizes(drawn: list[bytes], tmp_path: Path) -> None:
    samples = []
    for number, data in enumerate(drawn):
        image = Image.open(io.BytesIO(data))
        assert image.size in synthetic.SIZES and "progressive" not in image.info
        (tmp_path / f"{number}.jpg").write_bytes(data)
        samples.append((str(tmp_path / f"{number}.jpg"), 0))
    assert image_statistics(samples)["kinds"] == {"JPEG RGB 4:2:0": 1.0}


def test_bytes_a_pixel_are_those_of_a_500_by_375_image_of_110_kilobytes(drawn: list[bytes]) -> None:
    """The mean of 12 draws deviates by 9% (one sigma); a right implementation stays within 30% but for 1 in 1000."""
    density = [len(data) / np.prod(Image.open(io.BytesIO(data)).size) for data in drawn]
    assert np.mean(density) == pytest.approx(synthetic.BYTES / (500 * 375), rel=0.3)


def test_the_same_number_is_the_same_image_and_another_one_another(drawn: list[bytes]) -> None:
    assert synthetic.image_like(3) == drawn[3]
    assert len(set(drawn)) == len(drawn)


def test_shares_of_the_sizes_sum_to_one() -> None:
    assert sum(synthetic.SIZES.values()) == pytest.approx(1)


def test_a_folder_is_completed_and_then_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    root = tmp_path / "dali-mixup" / f"imagenet-like-v{synthetic.VERSION}-100"
    for number in range(99):
        synthetic._path(root, number).parent.mkdir(parents=True, exist_ok=True)
        synthetic._path(root, number).write_bytes(b"there already")
    seen: list[int] = []
    assert synthetic.synthetic_folder(100, seen.append) == root
    assert seen == [99, 100]
    assert synthetic._path(root, 99).read_bytes() == synthetic.image_like(99)
    assert synthetic._path(root, 5).read_bytes() == b"there already"


def test_fewer_images_than_classes_are_refused() -> None:
    with pytest.raises(ValueError, match="count"):
        synthetic.synthetic_folder(99)
