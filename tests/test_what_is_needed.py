"""What works where only the core's dependencies are installed, and what is said where an extra is missing."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

EXTRAS = [
    "accelerate",
    "datasets",
    "lightning",
    "matplotlib",
    "numba",
    "pandas",
    "polars",
    "psutil",
    "pyarrow",
    "pydantic",
    "rich",
    "scipy",
    "skimage",
    "sklearn",
    "tensorboard",
    "timm",
    "torchdata",
    "torchvision",
    "transformers",
    "typer",
    "webdataset",
    "yaml",
]
BLOCKING = """
import sys
class Missing:
    def find_spec(self, name, path=None, target=None):
        if name in {names!r} or name.split(".")[0] in {names!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
sys.meta_path.insert(0, Missing())
"""


def without(names: list[str], code: str) -> subprocess.CompletedProcess[str]:
    """Runs code in a Python that has none of these modules."""
    return subprocess.run(
        [sys.executable, "-c", BLOCKING.format(names=names) + code],
        capture_output=True,
        text=True,
        check=False,
    )


def test_loaders_need_no_extra(image_folder: Path) -> None:
    code = f"""
import dali_mixup
from dali_mixup import CutMix, MixPolicy, MixUp, TrainTransform, train_loader, val_loader
from dali_mixup.augment import RandomErasing
transform = TrainTransform(32, auto_augment="rand-m9-mstd0.5", random_erasing=RandomErasing(0.5))
policy = MixPolicy([MixUp(), CutMix()])
for loader in (
    train_loader({str(image_folder)!r}, batch_size=4, policy=policy, transform=transform, device="cpu"),
    val_loader({str(image_folder)!r}, batch_size=4, device="cpu"),
):
    print(len(next(iter(loader))))
"""
    done = without(EXTRAS, code)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["2", "2"]


@pytest.mark.parametrize(
    "statement",
    [
        "from dali_mixup import train_loader",
        "from dali_mixup.fn import mix",
        "import dali_mixup._loader.loader",
    ],
)
def test_without_dali_the_first_use_says_what_to_install(statement: str) -> None:
    done = without(["nvidia.dali"], statement)
    assert "NVIDIA DALI is not installed; pip install 'dali-mixup[cuda1" in done.stderr.splitlines()[-1]


def test_policies_transforms_and_recipes_need_no_dali() -> None:
    code = """
from dali_mixup import MixPolicy, MixUp, Output, Runtime, TrainTransform, ValTransform, load_recipe
assert load_recipe("deit-s").transform.size == TrainTransform().size == ValTransform().size
print(MixPolicy([MixUp()]).plan(2, 8, 8, seed=0, epoch=0, step=0).partners.shape)
"""
    assert without(["nvidia.dali"], code).stdout.strip() == "(2, 2)"


@pytest.mark.parametrize("missing", ["pydantic", "yaml"])
def test_recipes_name_their_extra(missing: str) -> None:
    done = without([missing], "from dali_mixup import load_recipe")
    assert done.stderr.splitlines()[-1].endswith(
        f"recipes are read with pydantic and PyYAML, but {missing} is not installed; "
        "pip install 'dali-mixup[recipes]'"
    )


@pytest.mark.parametrize("missing", ["typer", "rich"])
def test_the_command_names_its_extra_in_one_line(missing: str) -> None:
    done = without([missing], "from dali_mixup.__main__ import main; main()")
    assert done.returncode == 1
    assert done.stderr == (
        f"dali-mixup: the command needs {missing}, which is not installed; pip install 'dali-mixup[cli]'\n"
    )


RUN = """
from typer.testing import CliRunner
from dali_mixup.cli import app
for command in {commands!r}:
    result = CliRunner().invoke(app, command)
    print(result.exit_code, result.stderr, end="")
"""


@pytest.mark.parametrize(
    ("missing", "commands", "words"),
    [
        (
            "pyarrow",
            ["check DATA --manifest m.parquet"],
            "pip install 'dali-mixup[parquet]', or write .jsonl",
        ),
        (
            "matplotlib",
            ["bench DATA"],
            "bench needs matplotlib, which is not installed; pip install 'dali-mixup[bench]'",
        ),
        (
            "psutil",
            ["bench DATA"],
            "bench needs psutil, which is not installed; pip install 'dali-mixup[bench]'",
        ),
        (
            "scipy",
            ["bench DATA"],
            "bench needs scipy, which is not installed; pip install 'dali-mixup[bench]'",
        ),
        ("torchvision", ["bench DATA"], "bench needs torchvision, which is not installed"),
        ("torchvision", ["tune DATA --model resnet18"], "--model needs torchvision, which is not installed"),
        ("yaml", ["tune DATA"], "tune needs yaml, which is not installed; pip install 'dali-mixup[bench]'"),
        (
            "yaml",
            [
                "recipes list",
                "recipes show deit-s",
                "recipes schema",
                "recipes diff deit-s dino",
                "recipes validate a.yaml",
            ],
            "recipes are read with pydantic and PyYAML, but yaml is not installed; pip install 'dali-mixup[recipes]'",
        ),
        (
            "nvidia.dali",
            [
                "check DATA",
                "preview DATA",
                "gallery a.jpg b.jpg",
                "demo",
                "pack DATA to",
                "bench DATA",
                "tune DATA",
            ],
            "NVIDIA DALI is not installed; pip install 'dali-mixup[cuda1",
        ),
        ("skimage", ["demo"], "'dali-mixup[demo]' for those of the demo"),
    ],
)
def test_a_command_names_its_extra_in_one_line_before_the_work(
    image_folder: Path, tmp_path: Path, missing: str, commands: list[str], words: str
) -> None:
    given = [command.replace("DATA", str(image_folder)).split() for command in commands]
    code = f"import os; os.chdir({str(tmp_path)!r})\n" + RUN.format(commands=given)
    done = without([missing], code)
    lines = done.stdout.splitlines()
    assert len(lines) == len(commands), done.stdout + done.stderr
    assert all(line.startswith("2 error: ") and words in line for line in lines), done.stdout


@pytest.mark.parametrize(
    ("missing", "what"), [("accelerate", "AccelerateLoader"), ("torchdata", "LoaderNode")]
)
def test_an_adapter_names_its_package(missing: str, what: str) -> None:
    last = without([missing], f"import dali_mixup.integrations.{missing}").stderr.splitlines()[-1]
    assert f"{what} needs {missing}" in last and last.endswith(
        f"which is not installed; pip install {missing}"
    )


def test_contenders_and_the_search_for_settings_need_no_torchvision() -> None:
    code = """
from dali_mixup.bench import tuning
from dali_mixup.bench.contenders import CONTENDERS
for name in ("dali-mixup", "dali-torch", "torchvision-pil", "litdata"):
    print(CONTENDERS[name].missing("cpu"))
"""
    said = without(["torchvision"], code).stdout.splitlines()
    assert (
        said[:2] == ["", ""]
        and all(line.startswith("not installed: ") for line in said[2:])
        and len(said) == 4
    )
