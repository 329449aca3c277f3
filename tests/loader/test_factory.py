"""train_loader and val_loader: what comes out, in which form, and what is refused before anything is built."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from dali_mixup import Output, Runtime
from dali_mixup._decide.policy import GRANULARITIES, MixPolicy
from dali_mixup._decide.schedule import Schedule
from dali_mixup._graph.selftest import window_decoding_works
from dali_mixup._loader.factory import train_loader, val_loader
from dali_mixup.augment import TrainTransform
from dali_mixup.losses import soft_cross_entropy
from dali_mixup.methods import CutMix, MixUp
from dali_mixup.targets import MixedTargets

BOTH = (MixUp(0.8), CutMix(1.0))
RAW = Output(mean=0, std=1)
PLAIN = TrainTransform(32, scale=(1.0, 1.0), ratio=(1.0, 1.0), hflip=0.0)


@pytest.fixture(scope="module")
def colours(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[str, int]]:
    """11 one-colour PNGs, each its own class: the red channel of a batch tells who is in it and with what weight."""
    folder = tmp_path_factory.mktemp("colours")
    files = []
    for label in range(11):
        path = folder / f"{label}.png"
        Image.new("RGB", (40, 40), (20 * label, 0, 255)).save(path)
        files.append((str(path), label))
    return files


def colour_loader(colours: list[tuple[str, int]], policy: MixPolicy | None, **arguments: Any) -> Any:
    defaults = {
        "batch_size": 4,
        "transform": PLAIN,
        "output": RAW,
        "device": "cpu",
        "runtime": Runtime(num_threads=2),
    }
    return train_loader(colours, policy=policy, **(defaults | arguments))


class TestMixing:
    @pytest.mark.parametrize("granularity", GRANULARITIES)
    @pytest.mark.parametrize("methods", [BOTH[:1], BOTH[1:], BOTH])
    def test_pixels_are_mixed_with_the_weights_of_the_targets(
        self, colours: list[tuple[str, int]], methods: tuple, granularity: str
    ) -> None:
        policy = MixPolicy(methods, granularity=granularity)
        loader = colour_loader(colours, policy, drop_last=False, seed=3)
        for _ in range(3):
            for images, targets in loader:
                red = images[:, 0].double().mean((1, 2))
                expected = targets.double() @ (20 * torch.arange(11, dtype=torch.float64))
                assert (red - expected).abs().max() < 220 * 1e-6
                assert (images[:, 2] - 255).abs().max() < 1e-4  # blue is the same in all: weights sum to 1

    def test_partners_of_the_last_batch_are_among_its_real_rows(self, colours: list[tuple[str, int]]) -> None:
        loader = colour_loader(colours, MixPolicy(MixUp(1.0), partners="derangement"), drop_last=False)
        seen = []
        for images, targets in loader:
            own = set(loader.last_batch.labels.tolist())
            seen += sorted(own)
            assert len(images) == len(targets) == len(own)
            assert set(torch.nonzero(targets)[:, 1].tolist()) <= own
        assert sorted(seen) == list(range(11))

    def test_mixing_switches_off_exactly_at_its_epoch_despite_prefetching(
        self, colours: list[tuple[str, int]]
    ) -> None:
        policy = MixPolicy(MixUp(1.0), partners="derangement", schedule=Schedule(stop=2), label_smoothing=0.1)
        loader = colour_loader(colours, policy, runtime=Runtime(2, prefetch=3))
        plain = colour_loader(colours, None, runtime=Runtime(2, prefetch=3))
        for epoch in range(4):
            for (images, targets), (raw, labels) in zip(loader, plain, strict=True):
                assert torch.equal(images, raw) == (epoch >= 2)
                if epoch >= 2:
                    smoothed = torch.nn.functional.one_hot(labels, 11) * 0.9 + 0.1 / 11
                    assert torch.allclose(targets, smoothed, atol=1e-7)

    def test_a_stop_inside_an_epoch_counts_its_steps(self, colours: list[tuple[str, int]]) -> None:
        policy = MixPolicy(MixUp(1.0), partners="derangement", schedule=Schedule(stop=1.5))
        loader = colour_loader(colours, policy, batch_size=1 + 1, drop_last=True)  # 5 steps
        mixed = [[bool(loader.last_batch.plan.mixed.any()) for _ in loader] for _ in range(2)]
        assert mixed == [[True] * 5, [True, True, True, False, False]]

    def test_compact_and_dense_say_the_same(self, colours: list[tuple[str, int]]) -> None:
        policy = MixPolicy(BOTH, granularity="sample", label_smoothing=0.1)
        dense = list(colour_loader(colours, policy))
        compact = list(colour_loader(colours, policy, targets="compact"))
        for (x, y), (u, t) in zip(dense, compact, strict=True):
            assert isinstance(t, MixedTargets) and torch.equal(x, u)
            assert torch.equal(y, t.dense(11))
            assert torch.equal(t.hard, y.argmax(1))

    def test_without_a_policy_labels_are_class_ids(self, colours: list[tuple[str, int]]) -> None:
        images, labels = next(iter(colour_loader(colours, None)))
        assert labels.dtype == torch.int64 and labels.shape == (4,)
        assert torch.equal(images[:, 0, 0, 0].long(), 20 * labels)
        dense = next(iter(colour_loader(colours, None, targets="dense")))[1]
        assert torch.equal(dense, torch.nn.functional.one_hot(labels, 11).float())

    def test_more_classes_than_the_data_have_widen_the_targets(self, colours: list[tuple[str, int]]) -> None:
        assert next(iter(colour_loader(colours, MixPolicy(MixUp()), num_classes=100)))[1].shape == (4, 100)


class TestReproducible:
    def test_threads_and_prefetching_change_nothing(self, image_folder: Path) -> None:
        def epoch(threads: int, prefetch: int) -> list[tuple[torch.Tensor, torch.Tensor]]:
            policy = MixPolicy(BOTH, granularity="sample")
            made = train_loader(
                image_folder,
                policy=policy,
                batch_size=5,
                image_size=48,
                device="cpu",
                seed=9,
                runtime=Runtime(threads, prefetch),
            )
            return [*made, *made]

        reference = epoch(1, 1)
        for threads, prefetch in ((2, 2), (4, 4)):
            for (a, s), (b, t) in zip(reference, epoch(threads, prefetch), strict=True):
                assert torch.equal(a, b) and torch.equal(s, t)

    def test_another_seed_is_another_epoch(self, image_folder: Path) -> None:
        a, b = (next(iter(train_loader(image_folder, batch_size=8, device="cpu", seed=s)))[0] for s in (0, 1))
        assert not torch.equal(a, b)


class TestForms:
    def test_float32_nchw_by_default(self, image_folder: Path) -> None:
        images, _ = next(iter(train_loader(image_folder, batch_size=4, device="cpu", image_size=(32, 48))))
        assert images.dtype == torch.float32 and images.shape == (4, 3, 32, 48) and images.is_contiguous()

    @pytest.mark.parametrize("make", [train_loader, val_loader])
    def test_channels_last_holds_the_same_numbers_without_a_copy(self, image_folder: Path, make: Any) -> None:
        plain, last = (
            next(iter(make(image_folder, batch_size=4, device="cpu", output=Output(channels_last=c))))[0]
            for c in (False, True)
        )
        assert torch.equal(plain, last)
        assert last.is_contiguous(memory_format=torch.channels_last) and not last.is_contiguous()

    @pytest.mark.parametrize(("dtype", "step"), [(torch.float16, 2**-10), (torch.bfloat16, 2**-7)])
    def test_half_types_are_rounded_once(self, image_folder: Path, dtype: torch.dtype, step: float) -> None:
        policy = MixPolicy(BOTH)
        full, half = (
            next(iter(train_loader(image_folder, policy=policy, batch_size=4, device="cpu", output=output)))
            for output in (Output(), Output(dtype=dtype))
        )
        assert half[0].dtype == dtype and half[1].dtype == torch.float32
        assert (half[0].float() - full[0]).abs().max() <= step * full[0].abs().max()

    def test_batches_own_their_memory(self, image_folder: Path) -> None:
        loader = train_loader(
            image_folder, batch_size=2, device="cpu", policy=MixPolicy(MixUp()), image_size=32
        )
        kept = [(x, x.clone()) for _ in range(5) for x, _ in loader]
        loader.close()
        assert len(kept) == 60 and all(torch.equal(a, b) for a, b in kept)

    def test_validation_is_ordered_complete_and_labelled(self, imagenet_root: Path) -> None:
        loader = val_loader(imagenet_root / "val", batch_size=5, image_size=32, device="cpu")
        labels = torch.cat([y for _, y in loader])
        assert labels.tolist() == [c for c in range(4) for _ in range(3)]
        first = torch.cat([x for x, _ in loader])
        assert torch.equal(first, torch.cat([x for x, _ in loader]))


class TestTraining:
    def test_the_loss_of_a_small_network_falls(self, image_folder: Path) -> None:
        torch.manual_seed(0)
        model = torch.nn.Sequential(torch.nn.AdaptiveAvgPool2d(2), torch.nn.Flatten(), torch.nn.Linear(12, 4))
        optimiser = torch.optim.SGD(model.parameters(), lr=0.1)
        loader = train_loader(
            image_folder,
            policy=MixPolicy(MixUp(0.2), label_smoothing=0.1),
            batch_size=8,
            image_size=32,
            device="cpu",
        )
        losses = []
        for _ in range(12):
            for images, targets in loader:
                loss = torch.nn.functional.cross_entropy(model(images), targets)
                optimiser.zero_grad()
                loss.backward()
                optimiser.step()
                losses.append(loss.item())
        assert np.mean(losses[-6:]) < 0.75 * np.mean(losses[:3])

    def test_both_target_forms_give_the_same_gradient(self, image_folder: Path) -> None:
        policy = MixPolicy(BOTH, granularity="sample", label_smoothing=0.1)
        model = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(3 * 32 * 32, 4))
        gradients = []
        for form in ("dense", "compact"):
            loader = train_loader(
                image_folder, policy=policy, batch_size=8, image_size=32, device="cpu", targets=form
            )
            images, targets = next(iter(loader))
            model.zero_grad()
            soft_cross_entropy(model(images), targets).backward()
            gradients.append(model[1].weight.grad.clone())
        assert torch.allclose(gradients[0], gradients[1], atol=1e-6)


@pytest.mark.gpu
class TestGpu:
    @pytest.mark.parametrize("roi", [True, False, "auto"])
    def test_gpu_batches_follow_the_same_decisions(self, image_folder: Path, roi: bool | str) -> None:
        policy = MixPolicy(BOTH, granularity="sample")
        cpu = train_loader(image_folder, policy=policy, batch_size=8, device="cpu")
        gpu = train_loader(
            image_folder, policy=policy, batch_size=8, device="cuda", runtime=Runtime(roi_decoding=roi)
        )
        for (_, a), (x, b) in zip(cpu, gpu, strict=True):
            assert x.is_cuda and b.is_cuda and x.shape == (8, 3, 224, 224)
            assert torch.equal(a, b.cpu())
            assert torch.equal(cpu.last_batch.indices, gpu.last_batch.indices)

    def test_gpu_validation_agrees_with_the_cpu_within_decoder_tolerance(self, image_folder: Path) -> None:
        pairs = zip(*(val_loader(image_folder, batch_size=8, device=d) for d in ("cpu", "cuda")), strict=True)
        for (a, labels), (b, same) in pairs:
            assert torch.equal(labels, same.cpu())
            assert (a - b.cpu()).abs().mean() < 0.05

    def test_the_self_test_of_window_decoding_says_what_a_loader_does(self, image_folder: Path) -> None:
        """In a child process, because where windows cannot be decoded the loader may die with a segmentation fault."""
        code = (
            "import sys; from dali_mixup import Runtime, train_loader; "
            "list(train_loader(sys.argv[1], batch_size=8, device='cuda:0', runtime=Runtime(roi_decoding=True)))"
        )
        loader = subprocess.run(
            [sys.executable, "-c", code, str(image_folder)], capture_output=True, check=False
        )
        assert window_decoding_works(0, 0.0) == (loader.returncode == 0), loader.stderr[-500:]
