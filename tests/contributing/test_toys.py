"""CONTRIBUTING.md's lists are complete: a toy that touches what a list names, and nothing else, works and passes."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

import tests.contributing.toys as toys
from dali_mixup import MixPolicy, Output, TrainTransform, train_loader
from dali_mixup.augment.operations import OPERATIONS, Kernel
from dali_mixup.cli import app
from dali_mixup.sources import open_source, opening

CHECKOUT = Path(__file__).parents[2]
PIXELS = Output(mean=0.0, std=1.0)


def whole(
    image_size: int, kind: Callable[..., TrainTransform] = TrainTransform, **more: float
) -> TrainTransform:
    """A transform without chance: the whole image, resized."""
    return kind(image_size, scale=(1.0, 1.0), ratio=(1.0, 1.0), hflip=0.0, **more)


def batch(
    data: object, transform: TrainTransform, policy: object = None
) -> tuple[torch.Tensor, torch.Tensor]:
    loader = train_loader(
        data,
        policy=policy,
        batch_size=6,
        transform=transform,
        output=PIXELS,
        device="cpu",
        rank=0,
        world_size=1,
    )
    with loader:
        return next(iter(loader))


def test_a_method_plans_and_mixes(image_folder: Path) -> None:
    policy = MixPolicy(toys.Halves(), partners="roll")
    plan = policy.plan(6, 16, 20, seed=0, epoch=0, step=0)
    assert plan.weights.tolist() == [[0.5, 0.5]] * 6
    assert plan.boxes.tolist() == [[0, 10, 16, 20]] * 6

    plain, _ = batch(image_folder, whole(20))
    mixed, targets = batch(image_folder, whole(20), policy)
    expected = torch.cat([plain[..., :10], plain.roll(1, 0)[..., 10:]], dim=3)
    assert torch.equal(mixed, expected)
    assert torch.allclose(targets.sum(1), torch.ones(6))


def test_an_augmentation_is_applied_checked_and_off_by_default(image_folder: Path) -> None:
    plain, _ = batch(image_folder, whole(20))
    inverted, _ = batch(image_folder, whole(20, toys.Inverting, invert=1.0))
    assert torch.equal(inverted, 255 - plain)
    assert toys.Inverting(20).draws.names == TrainTransform(20).draws.names == (), "off costs nothing"
    with pytest.raises(ValueError, match="prob=2, expected a number >= 0 and <= 1"):
        toys.Inverting(20, invert=2)


def test_a_new_operation_of_a_known_kernel_is_one_line(
    image_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(OPERATIONS, "OneBit", (Kernel.POSTERIZE, lambda v, h, w: np.full_like(v, 128)))

    class OneBit(toys.Inverting):
        @property
        def stages(self):  # type: ignore[no-untyped-def]
            return (toys.Chance("OneBit", 1.0),)

    images, _ = batch(image_folder, whole(20, OneBit))
    assert set(images.unique().tolist()) == {0.0, 128.0}


@pytest.fixture
def album(image_folder: Path, tmp_path: Path) -> str:
    return toys.album_of(str(image_folder), str(tmp_path / "images.album"))


def test_a_source_is_read_excluded_from_and_resumed(image_folder: Path, album: str) -> None:
    source, folder = toys.Album(album), open_source(image_folder)
    assert source.classes == folder.classes and source.labels.tolist() == folder.labels.tolist()
    assert torch.equal(batch(source, whole(20))[0], batch(image_folder, whole(20))[0])

    fewer, less = source.exclude([source.key(0), source.key(7)]), folder.exclude([0, 7])
    assert len(fewer) == 22
    assert torch.equal(batch(fewer, whole(20))[0], batch(less, whole(20))[0]), (
        "the images of the samples that are left"
    )

    def loader(data: object):  # type: ignore[no-untyped-def]
        return train_loader(
            data, policy=toys.Halves(), batch_size=4, image_size=16, device="cpu", rank=0, world_size=1
        )

    first, second = loader(fewer), loader(toys.Album(album).exclude([0, 7]))
    batches = iter(first)
    next(batches)
    second.load_state_dict(json.loads(json.dumps(first.state_dict())))
    for (a, x), (b, y) in zip(batches, second, strict=True):
        assert torch.equal(a, b) and torch.equal(x, y)
    with pytest.raises(ValueError, match="samples: saved 22, now 24"):
        loader(source).load_state_dict(first.state_dict())


def test_a_source_with_an_entry_is_opened_and_checked_by_path(
    album: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kind = opening.Kind("an .album", lambda path: path.endswith(".album"), lambda wish: toys.Album(wish.data))
    monkeypatch.setattr(opening, "PATHS", (*opening.PATHS, kind))
    assert type(open_source(album)) is toys.Album
    result = CliRunner().invoke(app, ["check", album, "--exclude", str(tmp_path / "unfit.jsonl")])
    assert result.exit_code == 0, result.output
    assert "24 files, 0 unfit" in result.output
    with pytest.raises(ValueError, match=r"an \.album"):
        (tmp_path / "x.foo").touch()
        open_source(tmp_path / "x.foo")


def insert(file: Path, after: str, text: str) -> None:
    """A line behind the last line that begins so."""
    lines = file.read_text().splitlines(keepends=True)
    last = max(i for i, line in enumerate(lines) if line.startswith(after))
    file.write_text("".join([*lines[: last + 1], text, *lines[last + 1 :]]))


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the checkout to which a contributor has added the method and the subcommand, as the lists say."""
    copy = tmp_path_factory.mktemp("contributed")
    for folder in ("dali_mixup", "tests", "docs", "pipelines"):
        shutil.copytree(CHECKOUT / folder, copy / folder, ignore=shutil.ignore_patterns("__pycache__"))
    (copy / "benchmarks").mkdir()
    for file in ("benchmarks/__init__.py", "benchmarks/mixing_cost.py", "pyproject.toml", "README.md"):
        shutil.copy(CHECKOUT / file, copy / file)

    methods, cli = copy / "dali_mixup" / "methods", copy / "dali_mixup" / "cli"
    (methods / "halves.py").write_text(toys.HALVES)
    insert(
        methods / "__init__.py",
        "from dali_mixup.methods.gridmix",
        "from dali_mixup.methods.halves import Halves as Halves\n",
    )
    (cli / "where.py").write_text(toys.WHERE)
    insert(cli / "__init__.py", "from dali_mixup.cli.tune", "from dali_mixup.cli.where import where\n")
    insert(cli / "__init__.py", "app.command()", "app.command()(where)\n")
    return copy


def run(checkout: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(checkout)}
    command = [sys.executable, *arguments]
    return subprocess.run(command, cwd=checkout, env=environment, capture_output=True, text=True, check=False)


def test_a_subcommand_is_listed_and_runs(checkout: Path) -> None:
    assert " where " in run(checkout, "-m", "dali_mixup", "--help").stdout
    assert run(checkout, "-m", "dali_mixup", "where").stdout.startswith(str(checkout))


@pytest.mark.slow
def test_no_test_of_ours_asks_for_more_than_the_lists_say(checkout: Path) -> None:
    """The tests that go through every method and every command, and those of the rooms and of the page of methods."""
    whole_files = ["tests/cli/test_app.py", "tests/house/test_rooms.py", "tests/methods/test_docs.py"]
    generic = ["tests/methods/test_every_method.py", "tests/fn/test_forms.py", "tests/cli/test_gallery.py"]
    chosen = "halves or test_app or test_rooms or test_docs"
    result = run(
        checkout, "-m", "pytest", "-v", "-p", "no:cacheprovider", *whole_files, *generic, "-k", chosen
    )
    assert result.returncode == 0, result.stdout[-3000:]
    assert result.stdout.count("[halves]") >= 10, "the method was among them"
