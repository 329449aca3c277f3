"""The examples of self-supervised and semi-supervised learning: each trains for a few steps and resumes exactly."""

from __future__ import annotations

import runpy
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from dali_mixup import MixPolicy, MixUp

EXAMPLES = Path(__file__).parents[2] / "examples"
TINY = ["--model", "shufflenet_v2_x0_5", "--image-size", "32", "--batch-size", "8"]
RUNS = {
    "simclr": ["simclr.py"],
    "i-Mix": ["simclr.py", "--recipe", "imix-cifar10"],
    "Un-Mix": ["simclr.py", "--recipe", "unmix-cifar10"],
    "byol": ["byol.py"],
    "moco-v3": ["byol.py", "--recipe", "moco-v3", "--contrast"],
    "dino": ["dino.py", "--prototypes", "64"],
    "dinov2": ["dino.py", "--prototypes", "64", "--recipe", "dinov2"],
    "fixmatch": ["fixmatch.py"],
    "uda": ["fixmatch.py", "--recipe", "uda-cifar10", "--soft", "--threshold", "0"],
}
FOLDERS = {"fixmatch.py": ("train", "train", "val")}


@pytest.fixture
def run(imagenet_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Any]]:
    """Runs an example's main on 24 images, three steps an epoch, from the same weights."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    threads = torch.get_num_threads()

    def main(name: str, *arguments: str) -> Any:
        torch.manual_seed(0)
        torch.set_num_threads(1)  # the network is too small to be shared
        folders = [str(imagenet_root / part) for part in FOLDERS.get(name, ("train",))]
        return runpy.run_path(str(EXAMPLES / name))["main"]([*folders, *TINY, *arguments])

    yield main
    torch.set_num_threads(threads)


@pytest.mark.parametrize("name", RUNS)
def test_trains_and_resumes_in_the_middle_of_an_epoch(run: Callable[..., Any], name: str) -> None:
    """The second epoch of a run that stopped inside it ends with the loss of one that did not."""
    given = [*RUNS[name], "--epochs", "2", "--save-every", "1"]
    whole = run(*given, "--checkpoint", "whole.pt")
    assert len(whole) == 2 and np.isfinite(whole).all()
    assert run(*given, "--checkpoint", "run.pt", "--stop-after", "4") == whole[:1]
    halfway = torch.load("run.pt", map_location="cpu")
    run(*given, "--checkpoint", "run.pt")
    ended, resumed = (torch.load(name, map_location="cpu") for name in ("whole.pt", "run.pt"))
    (trained,) = {"network", "trained", "student"} & set(ended)
    assert any(not weight.equal(halfway[trained][key]) for key, weight in ended[trained].items())
    for key, weight in ended[trained].items():
        torch.testing.assert_close(resumed[trained][key], weight, msg=lambda text, key=key: f"{key}: {text}")


def test_the_loss_falls(run: Callable[..., Any]) -> None:
    losses = run(*RUNS["simclr"], "--epochs", "6", "--checkpoint", "run.pt")
    assert min(losses[3:]) < losses[0]


def test_nt_xent_is_the_paper_s_sum() -> None:
    example = runpy.run_path(str(EXAMPLES / "simclr.py"))
    torch.manual_seed(0)
    first, second = (F.normalize(torch.randn(5, 7, dtype=torch.float64), dim=1) for _ in range(2))
    both, n, total = torch.cat([first, second]), 5, 0.0
    for i in range(2 * n):
        similar = torch.exp(both @ both[i] / 0.5)
        total -= torch.log(similar[(i + n) % (2 * n)] / (similar.sum() - similar[i]))
    torch.testing.assert_close(example["nt_xent"](first, second, 0.5), total / (2 * n))


def test_i_mix_is_the_weighted_sum_of_two_cross_entropies() -> None:
    """kibok90/imix, builder.py: lam CE(logits, own row) + (1 - lam) CE(logits, partner)."""
    example = runpy.run_path(str(EXAMPLES / "simclr.py"))
    plan = MixPolicy(MixUp(1.0, folded=True), granularity="sample").plan(6, 8, 8, seed=0, epoch=0, step=0)
    torch.manual_seed(0)
    mixed, plain = (F.normalize(torch.randn(6, 7), dim=1) for _ in range(2))
    logits, lam = mixed @ plain.T / 0.2, torch.from_numpy(plan.weights[:, 0])
    own, partner = (
        F.cross_entropy(logits, torch.from_numpy(rows).long(), reduction="none")
        for rows in (np.arange(6), plan.partners[:, 1])
    )
    expected = (lam * own + (1 - lam) * partner).mean()
    torch.testing.assert_close(example["of_mixed"](mixed, plain, plan, 0.2), expected)


def test_fixmatch_learns_only_from_what_it_is_certain_of() -> None:
    consistency = runpy.run_path(str(EXAMPLES / "fixmatch.py"))["consistency"]
    weak = torch.tensor([[9.0, 0.0], [0.1, 0.0]])
    strong = torch.zeros(2, 2, requires_grad=True)
    consistency(weak, strong, 0.95, False).backward()
    assert strong.grad is not None and strong.grad[0, 0] < 0 and not strong.grad[1].any()
