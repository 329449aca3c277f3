"""The wheel, installed where there is no checkout: it imports, it answers, and it carries every recipe."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import dali_mixup
from dali_mixup.recipes.files import recipe_files

CHECKOUT = Path(__file__).parent.parent
RECIPES = sorted(file.stem for file in (CHECKOUT / "pipelines").glob("*.yaml"))


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel's contents in a folder of their own: what an installer does with a wheel of pure Python."""
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(build, cwd=CHECKOUT, check=True, capture_output=True)
    (wheel,) = folder.glob("*.whl")
    target = folder / "site-packages"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(target)
    return target


def run(installed: Path, tmp_path: Path, *arguments: str) -> str:
    """Runs Python with the installed copy first on its path, from a folder that is not the checkout."""
    environment = {**os.environ, "PYTHONPATH": str(installed)}
    result = subprocess.run(
        [sys.executable, *arguments],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    return result.stdout.strip()


def test_the_installed_copy_is_the_one_that_is_imported(installed: Path, tmp_path: Path) -> None:
    file, version = run(
        installed, tmp_path, "-c", "import dali_mixup as d; print(d.__file__, d.__version__)"
    ).split()
    assert Path(file) == installed / "dali_mixup" / "__init__.py"
    assert version == dali_mixup.__version__


def test_the_metadata_name_the_same_version(installed: Path, tmp_path: Path) -> None:
    code = f"from importlib.metadata import distribution, Distribution as D; import sys; \
print(next(iter(D.discover(name='dali-mixup', path=[{str(installed)!r}]))).version)"
    assert run(installed, tmp_path, "-c", code) == dali_mixup.__version__


def test_every_recipe_is_in_the_wheel(installed: Path, tmp_path: Path) -> None:
    code = "from dali_mixup.recipes.files import recipe_files; r = recipe_files(); \
print(*r); assert all(f.read_text() for f in r.values())"
    assert run(installed, tmp_path, "-c", code).split() == RECIPES


def test_the_command_answers(installed: Path, tmp_path: Path) -> None:
    assert "preview" in run(installed, tmp_path, "-m", "dali_mixup", "--help")


def test_types_and_licence_are_in_the_wheel_and_tests_and_experiments_are_not(installed: Path) -> None:
    names = {file.relative_to(installed).as_posix() for file in installed.rglob("*") if file.is_file()}
    assert "dali_mixup/py.typed" in names
    assert any(name.endswith("licenses/LICENSE") for name in names)
    assert {name.split("/")[0] for name in names} == {
        "dali_mixup",
        f"dali_mixup-{dali_mixup.__version__}.dist-info",
    }
    assert not [name for name in names if "claims" in name]


def test_a_checkout_reads_its_own_recipes() -> None:
    assert list(recipe_files()) == RECIPES
    for name, file in recipe_files().items():
        assert file.read_text() == (CHECKOUT / "pipelines" / f"{name}.yaml").read_text()
