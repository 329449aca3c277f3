"""Maps are mixed exactly like the pixels of their images."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torchvision import tv_tensors
from torchvision.transforms.v2 import functional as F

from dali_mixup import CutMix, HandOver, MixPolicy, MixUp
from dali_mixup._loader.segmentation import soft_maps
from dali_mixup.methods import (
    RICAP,
    ClassMix,
    DCutMix,
    FMix,
    GMix,
    GridMix,
    Mosaic,
    ResizeMix,
    StackMix,
    TokenMix,
    VHMixUp,
)
from tests.masks import CLASSES, COLOURS, IGNORED, SIZE, paired_loader

HARD = (
    CutMix(),
    DCutMix(),
    ResizeMix(),
    StackMix(),
    RICAP(),
    Mosaic(),
    FMix(),
    GridMix(),
    TokenMix(),
    ClassMix(),
)
SOFT = (MixUp(), MixUp(1.0, extrapolate=0.5), GMix(), VHMixUp(), FMix(max_soft=0.3))


class TestMixing:
    """Maps are mixed exactly like pixels: the reference places every pixel by itself."""

    @staticmethod
    def mixed(plan: Any, maps: np.ndarray, row: int) -> np.ndarray:
        """One row of the soft maps (H, W, CLASSES) by the plan's definition."""
        onehot = (maps[..., None] == np.arange(CLASSES)).astype(np.float64)
        form, partners = plan.form[row], plan.partners[row]
        own = onehot[row].copy()
        if form == 1:
            return sum(w * onehot[p] for w, p in zip(plan.weights[row], partners, strict=True))
        if form == 2:
            for column, sy, sx, ty, tx, h, w in plan.regions[row]:
                own[ty : ty + h, tx : tx + w] = onehot[partners[column], sy : sy + h, sx : sx + w]
        if form == 3:
            for column, y, x, h, w in plan.insets[row].tolist():
                mask = tv_tensors.Mask(torch.from_numpy(maps[partners[column]][None]))
                small = F.resize(mask, [h, w])[0].numpy()
                own[y : y + h, x : x + w] = small[..., None] == np.arange(CLASSES)
        if form in (4, 5):
            share = np.asarray(plan.mask(row), np.float64)[..., None]
            own = share * own + (1 - share) * onehot[partners[1]]
        return own

    @pytest.mark.parametrize("method", HARD, ids=lambda method: method.name)
    @pytest.mark.parametrize("granularity", ["batch", "sample"])
    def test_methods_that_copy_pixels(
        self, folders: tuple[Path, Path], method: Any, granularity: Any
    ) -> None:
        policy = MixPolicy(method, granularity=granularity)
        made = paired_loader(folders, policy=policy, handover=HandOver())
        changed = 0
        for _, maps, record in made:
            assert maps.shape == (4, SIZE, SIZE) and maps.dtype == torch.int64
            for row in range(4):
                soft = self.mixed(made.last_batch.plan, record.maps.numpy().astype(np.uint8), row)
                expected = np.where(soft.sum(-1) == 0, IGNORED, soft.argmax(-1))
                np.testing.assert_array_equal(maps[row].numpy(), expected)
            changed += int((maps != record.maps).any())
        assert changed

    @pytest.mark.parametrize("method", [*HARD, *SOFT], ids=lambda method: method.name)
    def test_soft_targets(self, folders: tuple[Path, Path], method: Any) -> None:
        policy = MixPolicy([method, CutMix()], granularity="sample")
        made = paired_loader(folders, policy=policy, handover=HandOver(), targets="dense")
        for _, soft, record in made:
            assert soft.shape == (4, CLASSES, SIZE, SIZE) and soft.dtype == torch.float32
            for row in range(4):
                expected = self.mixed(made.last_batch.plan, record.maps.numpy().astype(np.uint8), row)
                np.testing.assert_allclose(soft[row].permute(1, 2, 0).numpy(), expected, atol=1e-6)

    def test_soft_maps_are_float32_whatever_torchs_default_is(self) -> None:
        torch.set_default_dtype(torch.float64)
        try:
            soft = soft_maps(
                [(torch.tensor([[[0, 1]]], dtype=torch.uint8), torch.ones(1, 1, 1).float())], 2, 255, 0.1
            )
        finally:
            torch.set_default_dtype(torch.float32)
        torch.testing.assert_close(soft, torch.tensor([[[[0.95, 0.05]], [[0.05, 0.95]]]]))

    def test_the_form_follows_the_policy(self, folders: tuple[Path, Path]) -> None:
        for policy, form in ((None, "labels"), (CutMix(), "labels"), ([CutMix(), MixUp()], "dense")):
            assert paired_loader(folders, policy=policy).spec.targets == form

    def test_smoothing(self, folders: tuple[Path, Path]) -> None:
        policy = MixPolicy(CutMix(), label_smoothing=0.1)
        hard = next(iter(paired_loader(folders, policy=CutMix())))[1]
        soft = next(iter(paired_loader(folders, policy=policy, targets="dense")))[1]
        loss = torch.nn.functional.cross_entropy
        scores = torch.randn(4, CLASSES, SIZE, SIZE, generator=torch.Generator().manual_seed(0))
        theirs = loss(scores, hard, ignore_index=IGNORED, label_smoothing=0.1, reduction="sum")
        torch.testing.assert_close(loss(scores, soft, reduction="sum"), theirs)

    def test_classmix_pastes_half_of_the_partners_classes(self, folders: tuple[Path, Path]) -> None:
        made = paired_loader(folders, policy=MixPolicy(ClassMix(), granularity="sample"), handover=HandOver())
        pasted = 0
        for _, _, record in made:
            for row in np.flatnonzero(made.last_batch.plan.mixed):
                partner = record.maps[record.partners[row, 1]].numpy()
                own = made.last_batch.plan.mask(row) == 1
                present, shown = set(partner.ravel()) - {IGNORED}, set(partner[~own])
                assert len(shown) == len(present) // 2 and not shown & set(partner[own])
                assert record.weights[row, 0] == np.float32(own.mean())
                pasted += len(shown)
        assert pasted > 10

    def test_pixels_and_maps_are_mixed_together(self, folders: tuple[Path, Path]) -> None:
        colours = torch.from_numpy(COLOURS.astype(np.float32))
        policy = MixPolicy([CutMix(), FMix(), ResizeMix()], granularity="sample")
        for images, maps in paired_loader(folders, policy=policy):
            far = (images.permute(0, 2, 3, 1)[:, :, :, None] - colours).square().sum(-1)
            known = maps != IGNORED
            assert (far.argmin(-1) == maps)[known].float().mean() > 0.9, "apart from the edges of discs"
