"""The examples with a --checkpoint: what it holds at the end, after an interruption, and when started again."""

from __future__ import annotations

import runpy
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

EXAMPLES = Path(__file__).parents[2] / "examples"
FOLDERS = {
    "plain_loop": ["train", "val"],
    "simclr": ["train"],
    "byol": ["train"],
    "dino": ["train"],
    "fixmatch": ["train", "train", "val"],
}


@pytest.fixture
def run(imagenet_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Any]]:
    """Runs an example's main on 24 images, three steps an epoch, from the same weights, with dropout."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    threads = torch.get_num_threads()

    def main(name: str, *arguments: str) -> Any:
        torch.manual_seed(0)
        torch.set_num_threads(1)  # the network is too small to be shared
        folders = [str(imagenet_root / part) for part in FOLDERS[name]]
        tiny = ["--model", "mobilenet_v3_small", "--image-size", "32", "--batch-size", "8"]
        prototypes = ["--prototypes", "64"] if name == "dino" else []
        return runpy.run_path(str(EXAMPLES / f"{name}.py"))["main"](
            [*folders, *tiny, *prototypes, *arguments]
        )

    yield main
    torch.set_num_threads(threads)


@pytest.mark.parametrize("name", FOLDERS)
def test_the_end_is_saved_and_not_trained_again(
    run: Callable[..., Any], name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Also where the run is shorter than --save-every, into folders that are not there yet."""
    file = Path("of", "mine", "run.pt")
    given = ["--checkpoint", str(file), "--epochs", "1"]
    run(name, *given)
    assert torch.load(file, map_location="cpu")["loader"]["epoch"] == 1
    assert list(file.parent.iterdir()) == [file]
    written = file.read_bytes()
    capsys.readouterr()
    assert run(name, *given) in ([], None)
    assert capsys.readouterr().out == f"nothing to do: {file} has 1 of 1 epochs\n"
    assert file.read_bytes() == written


@pytest.mark.parametrize("name", FOLDERS)
def test_an_interrupted_save_leaves_the_last_checkpoint(
    run: Callable[..., Any], name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(states: object, file: Path) -> None:
        Path(file).write_bytes(b"the first half")
        raise KeyboardInterrupt

    run(name, "--checkpoint", "run.pt", "--epochs", "1", "--save-every", "1")
    written = Path("run.pt").read_bytes()
    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(torch, "save", interrupted)
        run(name, "--checkpoint", "run.pt", "--epochs", "2", "--save-every", "1")
    assert Path("run.pt").read_bytes() == written


def test_plain_loop_resumes_bit_for_bit_with_dropout(run: Callable[..., Any]) -> None:
    given = ["--epochs", "2", "--save-every", "1", "--checkpoint"]
    run("plain_loop", *given, "whole.pt")
    run("plain_loop", *given, "run.pt", "--stop-after", "4")
    run("plain_loop", *given, "run.pt")
    whole, resumed = (torch.load(name, map_location="cpu")["model"] for name in ("whole.pt", "run.pt"))
    assert not [key for key, weight in whole.items() if not weight.equal(resumed[key])]
