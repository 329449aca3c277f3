"""Google Cloud Storage, Azure and Hugging Face's hub, as far as they can be had on this machine: the same images,
labels and keys as in the same files.

Google's service is asked through its XML API, which has the protocol of S3 (cloud.google.com/storage/docs/xml-api), so
moto answers for it.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import fsspec
import numpy as np
import pytest
import torch

from dali_mixup import MixUp, train_loader
from dali_mixup.sources import StorageError, open_source
from tests.cloud_services import Azure, Hub
from tests.object_store import S3Server, environment
from tests.odd_images import picture
from tests.tars import write_tar

SERVICES = ("gs", "gcs", "az", "abfss", "hf")


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eleven images in three class folders, and a shard."""
    folder = tmp_path_factory.mktemp("files")
    for number in range(11):
        buffer = io.BytesIO()
        picture(40, 50, seed=number).save(buffer, "JPEG")
        path = folder / "train" / ("a", "b ü", "c&d")[number % 3] / f"{number} x.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(buffer.getvalue())
    content = (folder / "train" / "a" / "0 x.jpg").read_bytes()
    members = [
        (f"{row}.{kind}", content if kind == "jpg" else b"%d" % row)
        for row in range(3)
        for kind in ("jpg", "cls")
    ]
    write_tar(folder / "shard.tar", members)
    return folder


@pytest.fixture(scope="module")
def filled(files: Path, s3: S3Server) -> Iterator[tuple[Azure, Hub]]:
    s3.make_bucket("photos")
    s3.put_folder("photos", files)
    services: tuple[Azure, Hub] = Azure(), Hub()
    for service, name in zip(services, ("photos", "me/photos"), strict=True):
        for path in files.rglob("*.*"):
            service.objects[f"{name}/{path.relative_to(files)}"] = path.read_bytes()
    yield services
    for service in services:
        service.close()


@pytest.fixture(params=SERVICES)
def root(
    request: pytest.FixtureRequest,
    filled: tuple[Azure, Hub],
    s3: S3Server,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> Iterator[str]:
    """The URL of the files at a service."""
    azure, hub = filled
    monkeypatch.setitem(fsspec.config.conf, "hf", {"endpoint": hub.url, "skip_instance_cache": True})
    variables = {
        "GOOGLE_BASE_URL": s3.endpoint,
        "GOOGLE_BEARER_TOKEN": "token",
        "AZURE_STORAGE_ENDPOINT": f"{azure.url}/account",
        "AZURE_STORAGE_ACCOUNT_NAME": "account",
        "AZURE_STORAGE_ACCOUNT_KEY": "a2V5",
        "XDG_CACHE_HOME": str(tmp_path),
    }
    with environment(**variables):
        yield {
            "hf": "hf://datasets/me/photos",
            "abfss": "abfss://photos@account.dfs.core.windows.net",
        }.get(request.param, f"{request.param}://photos")


def test_folders(root: str, files: Path) -> None:
    local, remote = open_source(files / "train"), open_source(f"{root}/train")
    assert remote.fingerprint() == local.fingerprint() and len(local) == 11
    assert [remote.encoded(row) for row in range(11)] == [local.encoded(row) for row in range(11)]
    assert remote.name(4) == f"{root}/train/{local.key(4)}"


def test_shards_are_read_by_ranges(root: str, files: Path) -> None:
    local, remote = open_source(files / "shard.tar"), open_source(f"{root}/shard.tar")
    assert remote.fingerprint() == local.fingerprint() and local.labels.tolist() == [0, 1, 2]
    assert [remote.encoded(row) for row in range(3)] == [local.encoded(row) for row in range(3)]


def test_batches(root: str, files: Path) -> None:
    def images(data: object) -> list[torch.Tensor]:
        with train_loader(data, policy=MixUp(0.2), batch_size=3, image_size=16, device="cpu") as loader:
            return [images for images, _ in loader]

    ours, theirs = images(f"{root}/train"), images(files / "train")
    assert len(ours) == 3 and all(map(torch.equal, ours, theirs))


def test_an_object_that_is_missing(root: str) -> None:
    with pytest.raises(FileNotFoundError, match=r"does not exist|not found|No such file"):
        open_source([(f"{root}/train/a/none.jpg", 0)]).feed(np.array([0]))


def test_a_bucket_that_is_missing(root: str) -> None:
    with pytest.raises((StorageError, FileNotFoundError), match=r"does not exist|not found"):
        open_source(root.replace("photos", "nothing") + "/train")
