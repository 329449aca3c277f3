"""LitData's StreamingRawDataset on the same files, in torch's DataLoader, with TorchCodec and torchvision.

LitData's own chunks are not measured: each worker has its part of the images, and with `drop_last` leaves out its own
last batch, so an epoch has fewer batches than the work asks for.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from typing import Any, ClassVar

from torch.utils.data import Dataset

from dali_mixup.bench.contenders.base import Contender, Loader
from dali_mixup.bench.contenders.torch_loader import TorchLoader
from dali_mixup.bench.contenders.torchcodec_images import missing_torchcodec, read_tensor
from dali_mixup.bench.contenders.torchvision_v2 import Finish, crop_and_flip
from dali_mixup.bench.work import Samples, Work


class Decode:
    """(image, label) of (the bytes of a file, label)."""

    def __init__(self, transform: Callable[[Any], Any]):
        self.transform = transform

    def __call__(self, sample: tuple[bytes, int]) -> tuple[Any, int]:
        content, label = sample
        return self.transform(read_tensor(content)), label


class Listed:
    """The part of an indexer of LitData that its data set calls. LitData's own lists every file of the folder, and
    writes the list into it."""

    def __init__(self, samples: Samples):
        from litdata.raw.indexer import FileMetadata

        self.files = [FileMetadata(path, os.path.getsize(path)) for path, _ in samples]

    def build_or_load_index(self, *_: Any) -> list[Any]:
        return self.files


class RawFiles(Dataset[tuple[bytes, int]]):
    """(bytes, label) of each file; LitData reads the files of a batch side by side."""

    def __init__(self, samples: Samples, cache: str):
        from litdata import StreamingRawDataset

        folder = os.path.commonpath([os.path.dirname(path) for path, _ in samples])
        self.raw = StreamingRawDataset(folder, cache_dir=cache, indexer=Listed(samples))
        self.labels = [label for _, label in samples]

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> tuple[bytes, int]:
        return self.raw[index], self.labels[index]

    def __getitems__(self, indices: list[int]) -> list[tuple[bytes, int]]:
        return list(zip(self.raw.__getitems__(indices), [self.labels[i] for i in indices], strict=True))


class _LitDataLoader(TorchLoader):
    def __init__(self, samples: Samples, work: Work):
        from torchvision.transforms import v2

        self.cache = tempfile.TemporaryDirectory()
        data = RawFiles(samples, self.cache.name)
        decode = Decode(v2.Compose(crop_and_flip(work)))
        super().__init__(data, work, Finish(work), work.device == "cuda", decode)

    def close(self) -> None:
        self.cache.cleanup()


class LitData(Contender):
    name: ClassVar[str] = "litdata"
    title: ClassVar[str] = "LitData, raw files, torchvision v2"
    modules: ClassVar[tuple[str, ...]] = ("litdata.raw.indexer", "torchvision", "torchcodec")

    def missing(self, device: str) -> str:
        return super().missing(device) or missing_torchcodec()

    def build(self, samples: Samples, work: Work) -> Loader:
        return _LitDataLoader(samples, work)
