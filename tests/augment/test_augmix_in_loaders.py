"""AugMix as an option of a loader: resume, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from dali_mixup import train_loader
from dali_mixup.augment import TrainTransform
from dali_mixup.augment.augmix import AugMix, TorchvisionAugMix
from dali_mixup.augment.parse import auto_augmentation


def test_a_resumed_run_goes_on_with_the_same_images(jpegs: dict[str, Path]) -> None:
    data = [(path, i) for i, path in enumerate(jpegs.values())] * 3

    def loader() -> Any:
        transform = TrainTransform(32, auto_augment="augmix-d1-w2")
        return train_loader(data, batch_size=2, transform=transform, device="cpu", seed=7)

    with loader() as whole:
        images = [batch[0] for batch in whole]
    with loader() as begun:
        batches = iter(begun)
        for _ in range(2):
            next(batches)
        state = begun.state_dict()
    with loader() as resumed:
        resumed.load_state_dict(state)
        rest = [batch[0] for batch in resumed]
    assert len(rest) == 4 and all(torch.equal(a, b) for a, b in zip(rest, images[2:], strict=True))


@pytest.mark.parametrize("text", ["augmix", "augmix-m3-w2-d1"])
def test_masks_are_refused(text: str, tmp_path: Path) -> None:
    pairs = []
    for i in range(2):
        Image.new("RGB", (32, 32)).save(tmp_path / f"{i}.jpg")
        Image.new("L", (32, 32)).save(tmp_path / f"{i}.png")
        pairs.append((tmp_path / f"{i}.jpg", tmp_path / f"{i}.png"))
    with pytest.raises(ValueError, match=f"auto_augment='{text}' averages.*mask"):
        train_loader(pairs, batch_size=2, transform=TrainTransform(32, auto_augment=text), device="cpu")


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("augmix-", "''"),
        ("augmix-m3-x1", "'x1'"),
        ("augmix-m3-m4", "m is given twice"),
        ("augmix-d-1", "'d'"),
        ("augmix-d0", "depth=0"),
        ("augmix-w0", "width=0"),
        ("augmix-a0", "alpha=0.0"),
        ("augmix-m3.5", "'m3.5'"),
        ("augmix-b2", "'b2'"),
        ("augmix_paper-m3", "'m3'"),
        ("augmix_paper-s0", "severity=0.0"),
        ("augmix_paper-all-all", "all is given twice"),
        ("augmixx", "did you mean 'augmix'"),
    ],
)
def test_a_string_that_is_not_understood_is_refused_with_its_bad_part(text: str, part: str) -> None:
    with pytest.raises(ValueError) as error:
        auto_augmentation(text)
    assert part in str(error.value)


@pytest.mark.parametrize(
    "given",
    [{"width": 1.5}, {"depth": True}, {"alpha": float("nan")}, {"magnitude": -1}, {"std": "1"}],
    ids=str,
)
def test_other_values_are_refused(given: dict[str, Any]) -> None:
    with pytest.raises((TypeError, ValueError), match=f"AugMix: {next(iter(given))}="):
        AugMix(**given)
    with pytest.raises(ValueError, match="TorchvisionAugMix: severity=11"):
        TorchvisionAugMix(severity=11)
