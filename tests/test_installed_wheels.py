"""The wheel in empty environments: every Python of the machine, without and with each extra. Slow: minutes, and the
packages are fetched from the registry."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
DECLARED = re.search(
    r"\[project.optional-dependencies\]\n(.*?)\n\[", (ROOT / "pyproject.toml").read_text(), re.DOTALL
)
EXTRAS = re.findall(r"^([a-z0-9]+) = ", DECLARED[1] if DECLARED else "", re.MULTILINE)
OF_DEVELOPERS = {"test", "docs", "dev"}

LOADER = """
from dali_mixup import MixUp, train_loader
images, targets = next(iter(train_loader({data!r}, policy=MixUp(), batch_size=4, image_size=32, device="cpu")))
assert images.shape == (4, 3, 32, 32) and targets.shape[0] == 4
"""

# What each extra is for, as code that runs with it and fails without.
USES = {
    "cuda12": LOADER,
    "cpu": "import numba",
    "recipes": "from dali_mixup import load_recipe; assert load_recipe('deit-s').policy is not None",
    "cli": "import sys; sys.argv = ['dali-mixup', '--help']; from dali_mixup.__main__ import main; main()",
    "demo": "import skimage, sklearn",
    "imagenet": "import scipy.io",
    "parquet": "import pyarrow.parquet",
    "datasets": "import datasets",
    "remote": "import fsspec, obstore, huggingface_hub",
    "tfrecord": "import google_crc32c",
    "train": "import timm, tensorboard",
    "bench": "import matplotlib, psutil, torchvision",
}


def pythons() -> list[tuple[str, str]]:
    listed = subprocess.run([ROOT / ".ci" / "pythons"], capture_output=True, text=True, check=True).stdout
    return [(line.split(" ", 1)[0], line.split(" ", 1)[1]) for line in listed.splitlines()]


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    (file,) = folder.glob("*.whl")
    return file


def installed(wheel: Path, python: str, folder: Path, extras: str = "") -> Path:
    """The Python of a new environment that holds the wheel, the extras and nothing else."""
    uv = [sys.executable, "-m", "uv"]
    subprocess.run([*uv, "venv", "--quiet", "--python", python, folder], check=True)
    mine = folder / "bin" / "python"
    add = [*uv, "pip", "install", "--quiet", "--python", mine, f"dali-mixup{extras} @ {wheel.as_uri()}"]
    subprocess.run(add, check=True)
    return mine


def run(python: Path, code: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([python, "-W", "error", "-c", code], cwd=folder, capture_output=True, text=True)


def test_every_extra_for_users_is_tried() -> None:
    # DALI for CUDA 13 installs as that for CUDA 12 does, and needs no GPU for that; nobody has both.
    assert set(USES) | {"cuda13"} == set(EXTRAS) - OF_DEVELOPERS


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize(("version", "python"), pythons(), ids=lambda part: part if len(part) < 5 else "")
def test_without_and_with_each_extra(
    version: str, python: str, wheel: Path, image_folder: Path, tmp_path: Path
) -> None:
    bare = installed(wheel, python, tmp_path / "bare")
    assert run(bare, "import dali_mixup; dali_mixup.MixUp(0.2)", tmp_path).returncode == 0
    refused = run(bare, "from dali_mixup import train_loader", tmp_path)
    assert (
        refused.returncode == 1 and "NVIDIA DALI is not installed; pip install 'dali-mixup[" in refused.stderr
    )
    for extra, code in USES.items():
        use = code.format(data=str(image_folder)) if extra == "cuda12" else code
        assert run(bare, use, tmp_path).returncode != 0, f"{extra} is not needed for this"
        # A library may warn of its own future; the package itself must not.
        found = installed(wheel, python, tmp_path / extra, f"[{extra}]")
        assert run(found, "import dali_mixup", tmp_path).returncode == 0
        done = subprocess.run([found, "-c", use], cwd=tmp_path, capture_output=True, text=True)
        assert done.returncode == 0, f"{version}, {extra}: {done.stderr[-2000:]}"
