"""examples/segmentation.py learns the colours of discs."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest
import torch

from dali_mixup import open_source, val_loader
from tests.masks import CLASSES, make_pairs

EXAMPLE = Path(__file__).parents[2] / "examples" / "segmentation.py"


def test_it_learns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    folders = [str(place) for name in ("train", "val") for place in make_pairs(tmp_path / name, 16)]
    given = [*folders, "--num-classes", str(CLASSES), "--batch-size", "8", "--image-size", "48"]
    main = runpy.run_path(str(EXAMPLE))["main"]
    assert main([*given, "--epochs", "8"]) > 0.8


@pytest.mark.parametrize("num_classes", [CLASSES, 256])
def test_pixels_without_a_class_count_for_nothing(num_classes: int, tmp_path: Path) -> None:
    """With all classes that a mask can hold, their value is below the number of classes too."""
    images, masks = make_pairs(tmp_path, 4)
    given = {"batch_size": 4, "num_classes": num_classes, "image_size": 32, "device": "cpu"}
    mean_iou = runpy.run_path(str(EXAMPLE))["mean_iou"]

    class First(torch.nn.Module):
        """Finds the first class everywhere."""

        def forward(self, images: torch.Tensor) -> torch.Tensor:
            logits = images.new_zeros(len(images), num_classes, *images.shape[2:])
            logits[:, 0] = 1
            return logits

    with val_loader(open_source(images, masks=masks), **given) as validation:
        score = mean_iou(First(), validation, num_classes)
        maps = torch.cat([maps for _, maps in validation])
    known = maps[maps != 255]
    assert len(known) < maps.numel()
    share = float((known == 0).double().mean())  # the first class's; the others that are there have none
    assert score == pytest.approx(share / len(known.unique()), rel=1e-5)
