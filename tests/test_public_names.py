"""`import dali_mixup`: light, lazy, and everything it promises is there."""

from __future__ import annotations

import subprocess
import sys

import pytest

import dali_mixup


def loaded_by(statement: str) -> set[str]:
    """Every module in `sys.modules` of a fresh interpreter after the statement."""
    code = f"{statement}\nimport sys\nprint(*sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    return set(run.stdout.split())


def around(statement: str) -> list[str]:
    """The modules it loads that belong to what is built around the loaders."""
    rooms = tuple(f"dali_mixup.{room}" for room in ("bench", "check", "cli", "recipes", "train"))
    return sorted(module for module in loaded_by(statement) if module.startswith(rooms))


@pytest.mark.parametrize("name", dali_mixup.__all__)
def test_every_public_name_resolves(name: str) -> None:
    assert getattr(dali_mixup, name) is not None


def test_dir_lists_every_public_name_before_it_is_used() -> None:
    assert set(dali_mixup.__all__) <= set(dir(dali_mixup))


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no_such_name"):
        dali_mixup.no_such_name  # noqa: B018


def test_a_broken_dependency_is_said_and_not_that_the_name_is_unknown() -> None:
    broken = "import sys, types; sys.modules['nvidia.dali'] = types.ModuleType('nvidia.dali')"
    for name in ("train_loader", "fn"):
        run = subprocess.run(
            [sys.executable, "-c", f"{broken}\nfrom dali_mixup import {name}"], capture_output=True, text=True
        )
        assert run.returncode == 1
        assert "nvidia.dali" in run.stderr.splitlines()[-1]


@pytest.mark.parametrize(
    "statement",
    [
        "import dali_mixup",
        "from dali_mixup import MixPolicy, MixUp, CutMix, MixPlan, Schedule, methods",
        "import dali_mixup; dir(dali_mixup)",
        "from dali_mixup.cli import app",
        "import dali_mixup.viewing, dali_mixup.recipes.files",
    ],
)
def test_neither_dali_nor_torch_is_loaded_by(statement: str) -> None:
    assert not loaded_by(statement) & {"nvidia.dali", "torch"}


def test_the_loaders_load_both() -> None:
    """The control: shows that the test above would see them."""
    assert loaded_by("from dali_mixup import train_loader") >= {"nvidia.dali", "torch"}


def test_the_loaders_load_nothing_that_is_built_around_them() -> None:
    assert (
        around("from dali_mixup import train_loader, val_loader, fn, dynamic, latent, losses, methods") == []
    )
    assert "dali_mixup.bench.work" in around("import dali_mixup.bench.work"), "the control"
