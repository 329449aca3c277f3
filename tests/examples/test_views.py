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
TINY = ["--model", "mobilenet_v3_small", "--image-size", "32", "--batch-size", "8"]  # a network with dropout
RUNS = {
    "simclr": ["simclr.py"],
    "i-Mix": ["simclr.py", "--recipe", "imix-cifar10"],
    "Un-Mix": ["simclr.py", "--recipe", "unmix-cifar10"],
    "byol": ["byol.py"],
    "moco-v3": ["byol.py", "--recipe", "moco-v3", "--contrast"],
    "dino": ["dino.py", "--prototypes", "64"],
    "dinov2": ["dino.py", "--prototypes", "64", "--recipe", "dinov2"],
    "fixmatch": ["fixmatch.py"],
    "uda": ["fixmatch.py", "--recipe", "uda-cifar10", "--soft", "--temperature", "0.4", "--threshold", "0.8"],
}
FOLDERS = {"fixmatch.py": ("train", "train", "val")}


@pytest.fixture
def run(imagenet_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Any]]:
    """Runs an example's main on 24 images, three steps an epoch, from the same weights."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    threads = torch.get_num_threads()

    def main(name: str, *arguments: str, replaced: dict[str, Any] | None = None) -> Any:
        torch.manual_seed(0)
        torch.set_num_threads(1)  # the network is too small to be shared
        folders = [str(imagenet_root / part) for part in FOLDERS.get(name, ("train",))]
        example = runpy.run_path(str(EXAMPLES / name))["main"]
        example.__globals__.update(replaced or {})
        return example([*folders, *TINY, *arguments])

    yield main
    torch.set_num_threads(threads)


VARIANTS = ("i-Mix", "Un-Mix", "moco-v3", "dinov2", "uda")  # of another one's code, by another recipe


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.slow] * (name in VARIANTS)) for name in RUNS]
)
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
    different = [key for key, weight in ended[trained].items() if not weight.equal(resumed[trained][key])]
    assert not different, "dropout drew otherwise"


@pytest.mark.parametrize("name", ["byol", "dino"])
def test_the_average_slows_down_until_the_very_end(run: Callable[..., Any], name: str) -> None:
    """arXiv 2006.07733, section 3.2: 1 - (1 - start) (cos(pi k / K) + 1) / 2 at step k of all K."""
    moved: list[float] = []

    def follow(average: torch.nn.Module, network: torch.nn.Module, momentum: float) -> None:
        moved.append(momentum)

    given = [*RUNS[name], "--epochs", "2", "--momentum", "0.9", "--checkpoint", "run.pt", "--save-every", "1"]
    run(*given, "--stop-after", "4", replaced={"follow": follow})
    run(*given, replaced={"follow": follow})
    assert moved == pytest.approx([1 - 0.1 * (np.cos(np.pi * k / 6) + 1) / 2 for k in range(6)])


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


def test_uda_learns_from_a_sharpened_prediction() -> None:
    """google-research/uda, image/main.py: KL(p || strong) with p = softmax(weak / temperature), where the weak view's
    plain softmax is above the threshold."""
    consistency = runpy.run_path(str(EXAMPLES / "fixmatch.py"))["consistency"]
    torch.manual_seed(0)
    weak, strong = 3 * torch.randn(64, 10), torch.randn(64, 10, requires_grad=True)
    sharp = (weak / 0.4).softmax(1)
    divergence = (sharp * (sharp.log() - strong.log_softmax(1))).sum(1)
    certain = weak.softmax(1).amax(1) > 0.8
    assert 5 < certain.sum() < 59
    (theirs,) = torch.autograd.grad((divergence * certain).mean(), strong)
    (ours,) = torch.autograd.grad(consistency(weak, strong, 0.8, True, 0.4), strong)
    torch.testing.assert_close(ours, theirs)


@pytest.mark.parametrize("given", [["0.4"], ["0", "--soft"], ["-1", "--soft"], ["nan", "--soft"]])
def test_a_temperature_that_does_nothing_or_divides_by_zero_is_refused(
    run: Callable[..., Any], capsys: pytest.CaptureFixture[str], given: list[str]
) -> None:
    with pytest.raises(SystemExit):
        run("fixmatch.py", "--checkpoint", "run.pt", "--temperature", *given)
    assert (
        f"--temperature {given[0]}: expected a number above 0, together with --soft"
        in capsys.readouterr().err
    )
