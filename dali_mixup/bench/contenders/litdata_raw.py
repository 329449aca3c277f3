"""LitData's StreamingRawDataset on the same files, in torch's DataLoader, with TorchCodec and torchvision.

LitData's own chunks are not measured: they give the workers different images, so with `drop_last` every worker leaves out
images at the end of an epoch, not only the loader.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from typing import Any, ClassVar

from torchvision.transforms import v2

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


def raw_dataset(samples: Samples, cache: str) -> Any:
    """LitData's data set of these files. It lists them itself otherwise, and writes the list beside them."""
    from litdata import StreamingRawDataset
    from litdata.raw.indexer import BaseIndexer, FileMetadata

    files = [FileMetadata(path, os.path.getsize(path)) for path, _ in samples]
    labels = [label for _, label in samples]

    class Listed(BaseIndexer):
        def discover_files(self, *_: Any, **__: Any) -> list[FileMetadata]:
            return files

        def build_or_load_index(self, *_: Any, **__: Any) -> list[FileMetadata]:
            return files

    class Labelled(StreamingRawDataset):
        def __getitems__(self, indices: list[int]) -> list[tuple[bytes, int]]:
            return list(zip(super().__getitems__(indices), [labels[i] for i in indices], strict=True))

    folder = os.path.commonpath([os.path.dirname(path) for path, _ in samples])
    return Labelled(folder, cache_dir=cache, indexer=Listed())


class _LitDataLoader(TorchLoader):
    def __init__(self, samples: Samples, work: Work):
        self.cache = tempfile.TemporaryDirectory()
        data = raw_dataset(samples, self.cache.name)
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
