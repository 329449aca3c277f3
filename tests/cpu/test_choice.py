"""Which kernels a CPU loader uses, and that it makes no difference but speed."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest
import torch

from dali_mixup import CutMix, MixPolicy, MixUp, Output, Runtime, TrainTransform, _cpu, train_loader
from dali_mixup._cpu import abi
from dali_mixup.methods import FMix, ResizeMix

ROWS = 8
COMMON: dict[str, Any] = {
    "batch_size": ROWS,
    "image_size": 32,
    "device": "cpu",
    "seed": 4,
    "rank": 0,
    "world_size": 1,
}


def batches(data: Path, kernels: str, **arguments: Any) -> list[tuple[torch.Tensor, torch.Tensor]]:
    with train_loader(data, runtime=Runtime(cpu_kernels=kernels), **{**COMMON, **arguments}) as loader:
        return list(loader)


@pytest.mark.parametrize(
    "policy",
    [
        None,
        MixPolicy([MixUp(1.0)]),
        MixPolicy([MixUp(1.0, k=3)]),
        MixPolicy([MixUp(1.0, k=7)]),
        MixPolicy([CutMix(1.0)]),
        MixPolicy([MixUp(1.0), CutMix(1.0), ResizeMix(), FMix()], granularity="sample", prob=0.8),
    ],
    ids=["none", "mixup", "three", "seven", "cutmix", "several a batch"],
)
@pytest.mark.parametrize(
    "arguments", [{}, {"output": Output(dtype="float16", channels_last=True)}], ids=["", "half"]
)
def test_both_give_the_same_batches(image_folder: Path, policy: Any, arguments: dict[str, Any]) -> None:
    compiled, dali = (
        batches(image_folder, kernels, policy=policy, **arguments) for kernels in ("numba", "dali")
    )
    assert len(compiled) == len(dali) == 3
    for (ours, labels), (theirs, same) in zip(compiled, dali, strict=True):
        assert ours.dtype == theirs.dtype and ours.stride() == theirs.stride()
        torch.testing.assert_close(labels, same)
        # In levels of 1/255. DALI's resize differs at the edges of an image: it repeats pixels where Pillow stops.
        difference = (ours.float() - theirs.float()).abs() * 57
        assert difference.mean() < 0.2 and difference.max() < 12


def test_a_state_of_the_other_kernels_is_refused(image_folder: Path) -> None:
    saved = train_loader(image_folder, runtime=Runtime(cpu_kernels="dali"), **COMMON)
    iterator = iter(saved)
    next(iterator)
    with pytest.raises(ValueError, match="cpu_kernels"):
        train_loader(image_folder, runtime=Runtime(cpu_kernels="numba"), **COMMON).load_state_dict(
            saved.state_dict()
        )


def test_what_numba_lacks_stays_dalis(image_folder: Path) -> None:
    for transform in (
        TrainTransform(32, interpolation="nearest"),
        TrainTransform(32, antialias=False),
        TrainTransform(32, crop="padded"),
    ):
        compiled, dali = (
            batches(image_folder, kernels, transform=transform, image_size=32)
            for kernels in ("numba", "dali")
        )
        for (ours, _), (theirs, _) in zip(compiled, dali, strict=True):
            torch.testing.assert_close(ours, theirs, atol=1e-6, rtol=0)


def test_the_choice_is_logged(image_folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "dali_mixup"):
        train_loader(image_folder, **COMMON)
    assert [m for m in caplog.messages if "cpu_kernels" in m] == ["train_loader: cpu_kernels='numba'"]


def test_without_numba_dalis_operators_are_chosen_and_the_log_says_why(
    image_folder: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_cpu, "unusable", lambda: "ModuleNotFoundError: No module named 'numba'")
    with caplog.at_level(logging.INFO, "dali_mixup"):
        loader = train_loader(image_folder, **COMMON)
    assert not loader.spec.pipeline.backend.compiled
    assert "cpu_kernels='dali'" in caplog.text and "No module named 'numba'" in caplog.text
    with pytest.raises(ValueError, match=r"No module named 'numba'.*dali-mixup\[cpu\]"):
        train_loader(image_folder, runtime=Runtime(cpu_kernels="numba"), **COMMON)


@pytest.mark.parametrize("given", ["cuda", None, True])
def test_other_values_are_refused(given: Any) -> None:
    with pytest.raises(ValueError, match="cpu_kernels"):
        Runtime(cpu_kernels=given)
    with pytest.raises(ValueError, match="cpu_kernels"):
        _cpu.use_compiled("train_loader", given, gpu=True)


def test_a_dali_that_calls_functions_in_another_way_is_noticed() -> None:
    class Later(abi.NumbaFunction):  # type: ignore[misc]
        def _run_fn_sig(self, batch_processing: bool = False) -> Any:
            return abi.SETUP

    abi.check_convention(abi.NumbaFunction)
    for other in (Later, object):
        with pytest.raises(ImportError, match="in another way"):
            abi.check_convention(other)


@pytest.mark.gpu
def test_a_gpu_has_nothing_to_compile(image_folder: Path) -> None:
    with train_loader(
        image_folder, runtime=Runtime(cpu_kernels="numba"), **{**COMMON, "device": "cuda"}
    ) as loader:
        images, _ = next(iter(loader))
    assert images.is_cuda and not loader.spec.pipeline.backend.compiled
