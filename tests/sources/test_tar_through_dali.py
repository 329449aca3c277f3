"""Shards and files of the same images are the same training."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import torch

from dali_mixup import MixPolicy, MixUp, train_loader
from tests.odd_images import picture


def test_shards_give_the_batches_that_files_give(tmp_path: Path) -> None:
    files = []
    for shard in range(3):
        with tarfile.open(tmp_path / f"t-{shard}.tar", "w") as tar:
            for number in range(8 * shard, 8 * shard + 8):
                content = io.BytesIO()
                picture(60, 50, seed=number).save(content, "JPEG")
                path = tmp_path / f"{number}.jpg"
                path.write_bytes(content.getvalue())
                files.append((path, number % 4))
                for name, body in ((path.name, path.read_bytes()), (f"{number}.cls", b"%d" % (number % 4))):
                    info = tarfile.TarInfo(name)
                    info.size = len(body)
                    tar.addfile(info, io.BytesIO(body))
    runs = []
    for data in (str(tmp_path / "t-*.tar"), files):
        policy = MixPolicy([MixUp(0.4)])
        with train_loader(data, policy=policy, batch_size=8, image_size=32, device="cpu", seed=3) as loader:
            runs.append([batch for _ in range(2) for batch in loader])
    assert len(runs[0]) == len(runs[1]) == 6
    for (images, targets), (same_images, same_targets) in zip(*runs, strict=True):
        assert torch.equal(images, same_images) and torch.equal(targets, same_targets)
