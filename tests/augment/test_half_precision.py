"""Float16 images erased after mixing: DALI's GPU kernel takes none, so they stay float32 until they are out."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from dali_mixup import Output, train_loader
from dali_mixup.augment import RandomErasing, TrainTransform


@pytest.mark.parametrize("mode", ["const", "rand", "pixel"])
def test_erasing_after_mixing_rounds_once(image_folder: Path, mode: str) -> None:
    transform = TrainTransform(32, random_erasing=RandomErasing(1.0, mode, place="after_mix"))
    images = [
        next(
            iter(train_loader(image_folder, batch_size=8, transform=transform, device="cpu", output=output))
        )[0]
        for output in (Output(dtype="float16"), Output())
    ]
    assert images[0].dtype == torch.float16
    assert torch.equal(images[0], images[1].to(torch.float16))
