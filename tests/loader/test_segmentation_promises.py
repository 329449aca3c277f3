"""What loaders promise for images with labels holds for images with masks."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from dali_mixup import (
    BadFileError,
    CutMix,
    HandOver,
    MixPolicy,
    Output,
    Pool,
    Runtime,
    Sequential,
    Skip,
    TrainTransform,
    Unlabelled,
    open_source,
    val_loader,
)
from dali_mixup.augment import MultiScale
from dali_mixup.methods import FMix
from tests.masks import COUNT, IGNORED, class_map, make_pairs, paired_loader, picture_of

KINDS = {
    "missing": "missing",
    "truncated": "truncated",
    "other size": r"10 x 20 pixels; its image .*images/b/05.png has 60 x 81",
    "colours": "expected one channel of class ids",
    "classes": r"class id 77 outside \[0, 5\)",
    "text": "cannot identify",
}


@pytest.fixture
def copied(tmp_path: Path) -> tuple[Path, Path]:
    """A copy that a test may damage."""
    return make_pairs(tmp_path)


class TestBadMasks:
    def damage(self, masks: Path, kind: str) -> Path:
        file = masks / "b" / "05.png"
        content = file.read_bytes()
        if kind == "missing":
            file.unlink()
        elif kind == "truncated":
            file.write_bytes(content[: len(content) // 2])
        elif kind == "other size":
            Image.fromarray(class_map(10, 20, 0)).save(file)
        elif kind == "colours":
            picture_of(class_map(60, 81, 5), 5).save(file)
        elif kind == "classes":
            Image.fromarray(np.full((60, 81), 77, np.uint8)).save(file)
        else:
            file.write_bytes(b"no image")
        return file

    @pytest.mark.parametrize("kind", KINDS)
    def test_a_bad_mask_is_a_bad_sample(self, copied: tuple[Path, Path], kind: str) -> None:
        file = self.damage(copied[1], kind)
        with pytest.raises(BadFileError, match=f"{file}.*{KINDS[kind]}") as raised:
            list(paired_loader(copied))
        assert [each.name for each in raised.value.files] == [str(file)]
        made = paired_loader(copied, bad_files=Skip(at_most=1), drop_last=False)
        seen = [int(i) for _ in made for i in made.last_batch.indices]
        assert made.skipped == (str(copied[0] / "b" / "05.png"),)
        assert len(seen) == COUNT and made.dataset.key(8) == "b/05.png" and 8 not in seen

    def test_validation_names_it(self, copied: tuple[Path, Path]) -> None:
        file = self.damage(copied[1], "truncated")
        with pytest.raises(BadFileError, match=str(file)):
            list(
                val_loader(open_source(copied[0], masks=copied[1]), batch_size=4, image_size=8, device="cpu")
            )

    def test_a_bad_image_is_one_too(self, copied: tuple[Path, Path]) -> None:
        file = copied[0] / "a" / "04.png"
        file.write_bytes(file.read_bytes()[:-200])
        with pytest.raises(BadFileError, match=str(file)):
            list(paired_loader(copied))
        assert len(list(paired_loader(copied, bad_files=Skip()))) == COUNT // 4


class TestPromises:
    POLICY = MixPolicy([CutMix(), FMix()], granularity="sample")

    def new(self, folders: tuple[Path, Path], **changed: Any) -> Any:
        transform = TrainTransform(24, auto_augment="rand-m9-mstd0.5-inc1")
        return paired_loader(folders, **{"policy": self.POLICY, "transform": transform, **changed})

    @staticmethod
    def equal(a: list[Any], b: list[Any]) -> bool:
        return len(a) == len(b) and all(
            torch.equal(x, y) for p, q in zip(a, b, strict=True) for x, y in zip(p, q, strict=True)
        )

    def test_it_resumes_bit_for_bit(self, folders: tuple[Path, Path]) -> None:
        whole = self.new(folders)
        expected = [batch for _ in range(2) for batch in whole]
        for stop in (1, 3, 4):
            first, second = self.new(folders), self.new(folders, runtime=Runtime(num_threads=2, prefetch=3))
            seen: list[Any] = []
            while len(seen) < stop:
                for batch in first:
                    seen.append(batch)
                    if len(seen) == stop:
                        break
            second.load_state_dict(json.loads(json.dumps(first.state_dict())))
            seen += [batch for _ in range(2) for batch in second][: len(expected) - stop]
            assert self.equal(seen, expected)

    def test_the_state_of_other_masks_is_refused(self, folders: tuple[Path, Path]) -> None:
        images, masks = (sorted(folder.rglob("*.png")) for folder in folders)
        state = self.new(folders, data=open_source(list(images), masks=list(masks))).state_dict()
        other = self.new(folders, data=open_source(list(images), masks=list(masks[::-1])))
        with pytest.raises(ValueError, match="data"):
            other.load_state_dict(state)

    def test_ranks_share_an_epoch(self, folders: tuple[Path, Path]) -> None:
        seen: list[int] = []
        for rank in range(3):
            made = self.new(folders, rank=rank, world_size=3, batch_size=2)
            for _ in made:
                seen += made.last_batch.indices.tolist()
        assert sorted(seen) == list(range(COUNT))

    def test_an_order_that_fails_costs_no_batch_before(self, folders: tuple[Path, Path]) -> None:
        """Masks are read one batch ahead of DALI, and an epoch's order is asked for then."""

        class Failing(Sequential):
            def indices(self, seed: int, epoch: int, labels: np.ndarray) -> np.ndarray:
                if epoch:
                    raise ArithmeticError("no order")
                return super().indices(seed, epoch, labels)

        made = self.new(folders, order=Failing(), runtime=Runtime(num_threads=1, prefetch=1))
        assert len(list(made)) == COUNT // 4
        with pytest.raises(ArithmeticError, match="no order"):
            next(iter(made))

    def test_the_last_batch_a_batch_of_one_and_peek(self, folders: tuple[Path, Path]) -> None:
        made = self.new(folders, batch_size=5, drop_last=False)
        ahead = made.peek()
        batches = list(made)
        assert [len(maps) for _, maps in batches] == [5, 5, 2] and self.equal([ahead], batches[:1])
        assert [maps.shape for _, maps in self.new(folders, batch_size=1)] == [(1, 24, 24)] * COUNT

    def test_the_same_source_as_unlabelled_images_has_no_masks(self, copied: tuple[Path, Path]) -> None:
        """Neither is a mask of theirs used, nor is one that cannot be read a reason to leave an image out."""
        source = open_source(copied[0], masks=copied[1], classes=["0", "1", "2", "3", "4"])
        policy = MixPolicy(CutMix(), partners=Pool(Unlabelled(source)), granularity="sample")
        with paired_loader(copied, data=source, policy=policy, batch_size=4) as loader:
            for _, maps in loader:
                plan = loader.last_batch.plan
                for row in np.flatnonzero(plan.partners[:, 1] >= 4):
                    y0, x0, y1, x1 = plan.boxes[row]
                    assert (maps[row, y0:y1, x0:x1] == IGNORED).all()
        (copied[1] / "b" / "05.png").write_bytes(b"")
        handover = HandOver(unlabelled=Unlabelled(source, batch_size=12))
        with paired_loader(copied, data=source, handover=handover, bad_files=Skip(), batch_size=4) as loader:
            for _, _, record in loader:
                assert sorted(record.unlabelled_ids.tolist()) == list(range(12))
            assert len(loader.skipped) == 1

    def test_unlabelled_images(self, folders: tuple[Path, Path], image_folder: Path) -> None:
        stream = Unlabelled(open_source(image_folder), batch_size=3)
        for rule in ("permutation", Pool(stream)):
            handover = HandOver(clean=True, unlabelled=stream)
            policy = MixPolicy(CutMix(), partners=rule, granularity="sample")
            for _, maps, record in self.new(folders, policy=policy, handover=handover):
                assert record.maps.shape == (4, 24, 24) and len(record.unlabelled[0]) == 3
                alien = (record.partners >= 4).any(1)
                assert (
                    torch.equal((maps == IGNORED).float().mean((1, 2)) > 0.9, torch.zeros(4).bool())
                    or alien.any()
                )

    def test_a_size_that_changes_and_channels_last(self, folders: tuple[Path, Path]) -> None:
        transform = TrainTransform(MultiScale((16, 24, 32), every="batch"))
        made = paired_loader(folders, transform=transform, policy=CutMix(), output=Output(channels_last=True))
        sizes = {
            tuple(maps.shape[1:])
            for _ in range(3)
            for images, maps in made
            if images.shape[2:] == maps.shape[1:]
        }
        assert len(sizes) > 1
