"""What the suite in this folder runs over: torchdata's StatefulDataLoader, as a control of the suite, and our loaders
over every kind of source. A subject is a function that makes a new loader, the same one every time."""

from __future__ import annotations

import hashlib
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.utils.data import Dataset, Sampler
from torchdata.stateful_dataloader import StatefulDataLoader

from dali_mixup import CutMix, MixPolicy, MixUp, Output, Runtime, Skip, train_loader, val_loader
from dali_mixup.sources import open_source
from dali_mixup.sources.listed.manifest import write_manifest
from tests.object_store import S3Server
from tests.sources.kinds import KINDS, pictures

BATCH = 4
SIZE = {"image_size": 16, "device": "cpu", "runtime": Runtime(num_threads=1)}


class Numbers(Dataset):
    def __len__(self) -> int:
        return 22

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
        return torch.full((3, 4, 4), float(index)), index % 4


class EpochOrder(Sampler):
    """A seeded order per epoch; the epoch counts up by itself and begins when its first index is asked for."""

    def __init__(self, samples: int) -> None:
        self.samples, self.epoch = samples, 0

    def set_epoch(self, epoch: int) -> None:
        self.epoch = epoch

    def __len__(self) -> int:
        return self.samples

    def __iter__(self) -> Iterator[int]:
        return EpochOrderIterator(self)


class EpochOrderIterator(Iterator[int]):
    def __init__(self, sampler: EpochOrder) -> None:
        self.sampler, self.epoch, self.position = sampler, None, 0

    def __next__(self) -> int:
        if self.epoch is None:
            self.epoch = self.sampler.epoch
            self.sampler.epoch += 1
        if self.position == self.sampler.samples:
            raise StopIteration
        order = np.random.RandomState(self.epoch).permutation(self.sampler.samples)
        self.position += 1
        return int(order[self.position - 1])

    def state_dict(self) -> dict[str, int]:
        return {"epoch": self.sampler.epoch if self.epoch is None else self.epoch, "position": self.position}

    def load_state_dict(self, state: dict[str, int]) -> None:
        self.epoch, self.position = state["epoch"], state["position"]
        self.sampler.epoch = self.epoch + 1


class Control(StatefulDataLoader):
    def set_epoch(self, epoch: int) -> None:
        self.sampler.set_epoch(epoch)


def control() -> Control:
    return Control(Numbers(), batch_size=BATCH, sampler=EpochOrder(22), drop_last=False)


def train(data: Any, **changed: Any) -> Callable[[], Any]:
    policy = MixPolicy([MixUp(0.8), CutMix(1.0)], granularity="sample", label_smoothing=0.1)
    arguments = {"policy": policy, "batch_size": BATCH, "seed": 5, "drop_last": False, **SIZE, **changed}
    return lambda: train_loader(data, **arguments)


def val(data: Any, **changed: Any) -> Callable[[], Any]:
    return lambda: val_loader(data, **{"batch_size": 5, **SIZE, **changed})


@pytest.fixture(scope="session")
def data(
    image_folder: Path, s3: S3Server, bucket: str, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Any]:
    """The same images as every kind of source."""
    place = tmp_path_factory.mktemp("sources")
    files = open_source(image_folder)
    pairs = [(files.name(i), int(label)) for i, label in enumerate(files.labels)]
    (place / "list.txt").write_text("".join(f"{path} {label}\n" for path, label in pairs))
    write_manifest(place / "manifest.jsonl", files)
    for shard in range(2):
        with tarfile.open(place / f"shard-{shard}.tar", "w") as tar:
            for number, (path, label) in list(enumerate(pairs))[shard::2]:
                (place / "label").write_text(str(label))
                tar.add(path, f"{number:04}.jpg")
                tar.add(place / "label", f"{number:04}.cls")
        s3.put("images", f"shard-{shard}.tar", (place / f"shard-{shard}.tar").read_bytes())
    return {
        "bucket": bucket,
        "bucket_tar": "s3://images/shard-{0..1}.tar",
        "place": place,
        "folder": image_folder,
        "pairs": pairs,
        "list": place / "list.txt",
        "manifest": place / "manifest.jsonl",
        "tar": str(place / "shard-*.tar"),
    }


OURS: list[Any] = [
    f"{kind}-{source}" for kind in ("train", "val") for source in ("folder", "list", "manifest", "tar")
]
OURS += ["train-pairs", "train-compact", "train-skip", "train-bucket", "val-bucket", "train-bucket_tar"]
EVERY = {kind.name: kind for kind in KINDS}
"""Every kind of data; those that differ from the above in the source that they lead to run by default."""
BY_DEFAULT = {"Hugging-Face-Dataset", "Dataset-with-targets-or-labels"}
OURS += [
    pytest.param(f"train-{name}", marks=() if name in BY_DEFAULT else pytest.mark.slow) for name in EVERY
]


@pytest.fixture(params=["torchdata", *OURS], scope="session")
def new(request: pytest.FixtureRequest, data: dict[str, Any]) -> Callable[[], Any]:
    """Makes a new loader of the kind under test."""
    return subject(request.param, data)


@pytest.fixture(scope="session")
def whole(new: Callable[[], Any], digest: Callable[[Any], str]) -> list[list[str]]:
    """The batches of the first three epochs of such a loader, run through without interruption."""
    loader = new()
    return [[digest(batch) for batch in loader] for _ in range(3)]


@pytest.fixture(params=["train-folder", "val-folder"])
def new_ours(request: pytest.FixtureRequest, data: dict[str, Any]) -> Callable[[], Any]:
    """As `new`, for what torch's loaders do not promise."""
    return subject(request.param, data)


def subject(name: str, data: dict[str, Any]) -> Callable[[], Any]:
    kind, _, source = name.partition("-")
    if kind == "torchdata":
        return control
    changed = {
        "compact": {"targets": "compact", "output": Output(dtype="bfloat16", channels_last=True)},
        "skip": {"bad_files": Skip()},
    }
    if source in EVERY and source not in data:
        folder = data["place"] / source
        folder.mkdir()
        data[source] = EVERY[source].made(pictures(), folder)
    if source in changed:
        return train(data["folder"], **changed[source])
    return train(data[source]) if kind == "train" else val(data[source])


@pytest.fixture(scope="session")
def digest() -> Callable[[Any], str]:
    """A short name of everything that a batch holds."""

    def of(batch: Any) -> str:
        images, targets = batch
        parts = [images, *((targets.labels, targets.weights) if hasattr(targets, "weights") else (targets,))]
        raw = b"".join(p.contiguous().view(torch.uint8).numpy().tobytes() for p in parts)
        return hashlib.sha256(raw).hexdigest()[:12]

    return of
