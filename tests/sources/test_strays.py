"""Folders that are hardly classes: torchvision's rule is kept, and said."""

from __future__ import annotations

import logging
import os
import re
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from torchvision.datasets import ImageFolder

from dali_mixup.sources import image_folder, open_source
from tests.odd_images import picture


def touch(root: Path, *names: str) -> Path:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    return root


PLAIN = ("cat/0.jpg", "cat/1.jpg", "dog/0.jpg")


@pytest.mark.parametrize(
    ("names", "words", "unfit"),
    [
        ((*PLAIN, ".ipynb_checkpoints/0-checkpoint.jpg"), "are probably not: '.ipynb_checkpoints'", True),
        ((*PLAIN, "__MACOSX/cat/._0.jpg"), "are probably not: '__MACOSX'", True),
        ((*PLAIN, "@eaDir/0.jpg"), "are probably not: '@eaDir'", True),
        (
            (*PLAIN, "cat/.ipynb_checkpoints/0.jpg"),
            "hidden folders inside classes: 1, such as 'cat/.ipynb",
            True,
        ),
        ((*PLAIN, "cat/__MACOSX/x/0.jpg"), "hidden folders inside classes: 1", True),
        ((*PLAIN, "dog/._0.jpg"), "companion files: 1, such as 'dog/._0.jpg'", False),
        (("train/cat/0.jpg", "train/dog/0.jpg", "val/cat/0.jpg"), "one level too high", True),
        (("Training/cat/0.jpg", "test/cat/0.jpg"), "one level too high", True),
        (("train/0.jpg", "val/0.jpg"), "one level too high", True),
        (("train/cat/0.jpg", "annotations/x.jpg"), "one level too high", True),
        (("images/cat/0.jpg", "images/dog/0.jpg"), "then give .*images", True),
    ],
)
def test_stray_folders_are_samples_as_in_torchvision_and_are_named(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, names: tuple[str, ...], words: str, unfit: bool
) -> None:
    touch(tmp_path, *names)
    source, oracle = open_source(tmp_path), ImageFolder(str(tmp_path))
    assert source.samples == oracle.samples and list(source.classes) == oracle.classes
    found = [remark for remark in source.remarks if re.search(words, remark.text)]
    assert len(found) == 1 and found[0].unfit is unfit and str(tmp_path) in found[0].text
    assert [r.getMessage() for r in caplog.records if r.levelno == logging.WARNING] == [
        r.text for r in source.remarks
    ]
    caplog.clear()
    assert source.subset([0]).remarks == source.remarks and not caplog.records, "said once"


@pytest.mark.parametrize(
    "names",
    [
        PLAIN,
        ("bus/0.jpg", "train/0.jpg", "tram/0.jpg"),  # CIFAR-100 has a class "train"
        ("walk/clip1/0.jpg", "run/clip2/0.jpg"),
        ("only/0.jpg",),
        ("test_tube/0.jpg", "valley/0.jpg", "_x/0.jpg"),
        ("cat/.0.jpg", "dog/0.jpg"),
    ],
)
def test_ordinary_folders_have_no_remarks(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, names: tuple[str, ...]
) -> None:
    assert open_source(touch(tmp_path, *names)).remarks == () and not caplog.records


def test_an_empty_hidden_folder_is_refused_like_every_empty_class(tmp_path: Path) -> None:
    touch(tmp_path, *PLAIN)
    (tmp_path / ".ipynb_checkpoints").mkdir()
    with pytest.raises(ValueError, match=r"hold no image .*\['.ipynb_checkpoints'\]"):
        open_source(tmp_path)
    with pytest.raises(FileNotFoundError, match="ipynb_checkpoints"):
        ImageFolder(str(tmp_path))


def _fifo(path: Path) -> None:
    os.mkfifo(path)


def _fifo_by_link(path: Path) -> None:
    os.mkfifo(path.parent.parent.parent / "pipe")
    path.symlink_to(path.parent.parent.parent / "pipe")


def _socket(path: Path) -> None:
    server = socket.socket(socket.AF_UNIX)
    here = os.getcwd()
    os.chdir(path.parent)  # the path of a socket is short
    try:
        server.bind(path.name)
    finally:
        os.chdir(here)
        server.close()


def _device(path: Path) -> None:
    path.symlink_to("/dev/zero")


@pytest.mark.parametrize("make", [_fifo, _fifo_by_link, _socket, _device])
def test_what_would_block_is_left_out_and_named(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, make: Callable[[Path], None]
) -> None:
    data = touch(tmp_path / "data", *PLAIN)
    make(data / "cat/zz.jpg")
    source = image_folder(data)
    assert [source.key(i) for i in range(len(source))] == list(PLAIN)
    assert "pipes, sockets or devices" in caplog.text and "cat/zz.jpg" in caplog.text


def test_links_that_go_in_a_circle_over_two_folders_are_refused(tmp_path: Path) -> None:
    touch(tmp_path, *PLAIN)
    (tmp_path / "cat/to").symlink_to(tmp_path / "dog")
    (tmp_path / "dog/to").symlink_to(tmp_path / "cat")
    with pytest.raises(ValueError, match="links to a folder that contains it"):
        image_folder(tmp_path)


def test_a_link_to_itself_is_a_sample_as_in_torchvision(tmp_path: Path) -> None:
    touch(tmp_path, *PLAIN)
    (tmp_path / "cat/self.jpg").symlink_to(tmp_path / "cat/self.jpg")
    (tmp_path / "dog/loop").symlink_to(tmp_path / "dog/loop")
    assert image_folder(tmp_path).samples == ImageFolder(str(tmp_path)).samples


def test_check_says_so_and_calls_the_data_unfit(tmp_path: Path) -> None:
    for split in ("train", "val"):
        for name in ("cat", "dog"):
            (tmp_path / split / name).mkdir(parents=True)
            picture(40, 30, seed=len(name)).save(tmp_path / split / name / "0.jpg")
    done = subprocess.run(
        [sys.executable, "-m", "dali_mixup", "check", str(tmp_path)], capture_output=True, text=True
    )
    assert done.returncode == 1 and "remark: " in done.stdout and "one level too high" in done.stdout
    done = subprocess.run(
        [sys.executable, "-m", "dali_mixup", "check", str(tmp_path / "train")], capture_output=True, text=True
    )
    assert done.returncode == 0 and "remark" not in done.stdout
