"""Fixtures every test may use, and the rule for tests that need a GPU."""

from __future__ import annotations

import gc
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

# A shell that starts tests in the background has them ignore Ctrl-C, and their children too.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# Before torch or NumPy is imported, here or in a child process: the tensors are small, and threads that wait for each
# other on a loaded machine take many times longer than one.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import pytest
from hypothesis import settings
from PIL import Image

from tests.object_store import KEYS, S3Server, WebServer, environment
from tests.odd_images import make_odd_images, picture

# No timing in tests, and the same examples in every run.
settings.register_profile("dali-mixup", deadline=None, derandomize=True)
settings.load_profile("dali-mixup")

COUNT = 24
CLASSES = ("n01440764", "n01443537", "n01484850", "n01491361")
IMAGES_PER_CLASS = {"train": 6, "val": 3}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skips (and so reports, with -ra) the gpu tests of a machine that has none."""
    marked = [item for item in items if item.get_closest_marker("gpu")]
    if not marked:
        return
    import torch  # only here: collecting the NumPy tests needs no torch

    if not torch.cuda.is_available():
        for item in marked:
            item.add_marker(pytest.mark.skip(reason="needs a CUDA device, and torch sees none here"))


def pytest_collection_finish() -> None:
    """Modules and collected tests live until the end, so keep the garbage collector from visiting them every time."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session", autouse=True)
def hugging_face_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Hugging Face's datasets convert files into a folder of the tests, not of the user."""
    with pytest.MonkeyPatch.context() as patch:
        folder = str(tmp_path_factory.mktemp("hugging-face"))
        patch.setenv("HF_DATASETS_CACHE", folder)
        if "datasets.config" in sys.modules:  # which reads the variable once, when it is imported
            patch.setattr(sys.modules["datasets.config"], "HF_DATASETS_CACHE", folder)
        yield


@pytest.fixture(scope="session")
def imagenet_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in ImageNet's layout: {train,val}/<wnid>/<name>.JPEG. Read only: every test shares it.

    4 classes, 24 training and 12 validation images of different sizes, wide and tall. Each is a colour of its class
    with a soft pattern of its own, so that classes can be learned and images can be told apart.
    """
    root = tmp_path_factory.mktemp("imagenet")
    colours = np.array([(200, 60, 50), (60, 180, 70), (70, 90, 210), (210, 190, 60)])
    for split, count in IMAGES_PER_CLASS.items():
        for label, wnid in enumerate(CLASSES):
            folder = root / split / wnid
            folder.mkdir(parents=True)
            for i in range(count):
                rng = np.random.RandomState(1000 * label + 10 * i + (split == "val"))
                height, width = rng.randint(80, 160, size=2)
                y, x = np.mgrid[0:height, 0:width] / 40.0
                pattern = 30 * np.sin(x * rng.uniform(1, 3) + y * rng.uniform(1, 3) + rng.uniform(0, 6))
                pixels = np.clip(colours[label] + pattern[..., None], 0, 255).astype(np.uint8)
                Image.fromarray(pixels).save(folder / f"{wnid}_{i}.JPEG", quality=92)
    return root


@pytest.fixture(scope="session")
def image_folder(imagenet_root: Path) -> Path:
    """The training split of `imagenet_root`: what `train_loader` takes."""
    return imagenet_root / "train"


@pytest.fixture(scope="session")
def words_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Spoken words in the layout of Speech Commands: {train,val}/<word>/<name>.wav. Read only: every test shares it.

    8 words of half a second, 160 files by five voices to train on and 64 by two others.
    """
    from benchmarks.claims.zhang.words import write_words

    root = tmp_path_factory.mktemp("words")
    write_words(root / "train", ("en", "en+f2", "en+m3", "en+f4", "en+m7"))
    write_words(root / "val", ("en+f3", "en+m1"))
    return root


@pytest.fixture(scope="session")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    """An S3 server, and an environment in which s3:// leads to it."""
    server = S3Server()
    caches = str(tmp_path_factory.mktemp("caches"))
    with environment(**KEYS, AWS_ENDPOINT_URL=server.endpoint, XDG_CACHE_HOME=caches):
        yield server
    server.close()


@pytest.fixture(scope="session")
def bucket(s3: S3Server, image_folder: Path) -> str:
    """The URL of `image_folder` in a bucket. Read only."""
    s3.make_bucket("images")
    s3.put_folder("images", image_folder, "train/")
    return "s3://images/train"


@pytest.fixture
def web() -> Iterator[WebServer]:
    """A web server without files."""
    server = WebServer()
    yield server
    server.close()


@pytest.fixture(scope="session")
def odd(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Image files of all sorts, see `odd_images`. Read only."""
    folder = tmp_path_factory.mktemp("odd")
    make_odd_images(folder)
    return folder


@pytest.fixture
def pictures(tmp_path: Path) -> list[tuple[str, int]]:
    """24 good pictures, 6 of each of 4 classes: a copy that a test may damage."""
    for i in range(COUNT):
        picture(40, 30, seed=i).save(tmp_path / f"{i:02}.jpg")
    return [(str(tmp_path / f"{i:02}.jpg"), i // 6) for i in range(COUNT)]


@pytest.fixture(scope="session")
def ended() -> Iterator[Callable[[list[object], str, str], dict[str, Any]]]:
    """How a subcommand with these arguments ends, in a process of its own, if writing the file of that name is
    disturbed: see `faulty`."""
    command = [sys.executable, "-m", "tests.faulty"]
    driver = subprocess.Popen(
        command, cwd=Path(__file__).parents[1], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )

    def run(arguments: list[object], target: str, fault: str) -> dict[str, Any]:
        driver.stdin.write(json.dumps([list(map(str, arguments)), target, fault]) + "\n")
        driver.stdin.flush()
        return json.loads(driver.stdout.readline())

    yield run
    driver.stdin.close()
    driver.wait(60)
