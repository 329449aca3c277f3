"""`dynamic.mix` against `fn.mix`, the same operators in a graph, and its forms of batches and labels. Against
`MixPlan.apply` it is tested with the other engines, in tests/conformance."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from nvidia.dali.experimental import dynamic as ndd

from dali_mixup import Alternation, MixPolicy, Output
from dali_mixup.dynamic import mix
from dali_mixup.methods import REGISTRY, RICAP, CutMix, FMix, Form, MixUp, Mosaic, ResizeMix, SmoothMix
from tests.fn.test_forms import EVERY, NAMES, coded, noise, run

ULP = 255e-6  # a millionth of the range of uint8 pixels


def planned(policy: MixPolicy, rows: int, height: int, width: int, step: int = 0) -> Any:
    return policy.plan(rows, height, width, seed=3, epoch=0, step=step)


def mixed(images: Any, plan: Any, labels: Any = None, device: str = "cpu", **options: Any) -> tuple[Any, Any]:
    """(images, targets) as arrays."""
    labels = np.arange(len(plan)) if labels is None else labels
    batch = ndd.as_batch(np.stack(images), layout=options.pop("layout", "HWC"), device=device)
    made = mix(batch, ndd.as_batch(labels), plan, **{"num_classes": len(plan), **options})
    return tuple(part.cpu().torch().numpy() for part in made)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    "output",
    [
        None,
        Output(mean=(120, 115, 100), std=(60, 58, 57)),
        Output(dtype="float16", channels_last=True),
        Output(mean=0, std=1, dtype="uint8", channels_last=True),
    ],
    ids=["plain", "normalised", "half", "uint8"],
)
def test_the_pixels_are_bit_for_bit_those_of_a_pipeline(name: str, output: Output | None) -> None:
    policy = MixPolicy([REGISTRY[name]()], granularity="sample", prob=0.8)
    images = noise(7, 31, 22)
    for step, (pixels, targets) in enumerate(run(images, policy, steps=2, output=output)):
        mine = mixed(images, planned(policy, 7, 31, 22, step), output=output)
        assert mine[0].dtype == pixels.dtype
        np.testing.assert_array_equal(mine[0], pixels)
        np.testing.assert_allclose(mine[1], targets, atol=1e-6)


def test_all_forms_in_one_batch() -> None:
    policy = MixPolicy(
        [MixUp(1.0), CutMix(1.0), ResizeMix(), FMix(), SmoothMix()], granularity="sample", prob=0.8
    )
    images = noise(24, 80, 70)
    seen = set()
    for step, (pixels, _) in enumerate(run(images, policy, steps=2, output=Output())):
        plan = planned(policy, 24, 80, 70, step)
        seen |= set(plan.form)
        np.testing.assert_array_equal(mixed(images, plan, output=Output())[0], pixels)
    assert seen == set(Form)


@pytest.mark.parametrize("k", [3, 5])
def test_rows_of_few_and_of_many_images(k: int) -> None:
    policy = MixPolicy([MixUp(0.7, k=k), MixUp(1.0), RICAP(), Mosaic()], granularity="sample")
    plan = planned(policy, 9, 12, 10)
    unit = Output(mean=0, std=255, channels_last=True)
    pixels, targets = mixed(coded(9, 12, 10), plan, output=unit)
    np.testing.assert_allclose(pixels.mean((1, 2), dtype=np.float64), targets, atol=1e-6)


@pytest.mark.parametrize("dtype", [np.uint8, np.float32, np.float16])
@pytest.mark.parametrize("layout", ["HWC", "CHW", None])
@pytest.mark.parametrize("channels", [1, 3, 5])
def test_layouts_types_and_channels(dtype: type, layout: str | None, channels: int) -> None:
    rng = np.random.RandomState(0)
    images = rng.randint(0, 256, (5, 20, 34, channels)).astype(dtype)
    plan = planned(MixPolicy([MixUp(1.0), CutMix(1.0)], granularity="sample"), 5, 20, 34)
    expected = plan.apply(images.astype(np.float32))
    given = np.ascontiguousarray(images.transpose(0, 3, 1, 2)) if layout == "CHW" else images
    pixels, _ = mixed(given, plan, layout=layout)
    np.testing.assert_allclose(
        pixels.transpose(0, 2, 3, 1) if layout == "CHW" else pixels, expected, rtol=0, atol=ULP
    )
    turned, _ = mixed(given, plan, layout=layout, output=Output(0, 1, channels_last=layout == "CHW"))
    np.testing.assert_array_equal(turned, pixels.transpose((0, 2, 3, 1) if layout == "CHW" else (0, 3, 1, 2)))


def test_a_batch_left_alone_keeps_every_bit() -> None:
    images = np.stack(noise(6, 20, 30))
    for policy in (MixPolicy([MixUp(0.2)], prob=0), MixPolicy([CutMix(1.0)], alternation=Alternation(0.5))):
        plans = [planned(policy, 6, 20, 30, step) for step in range(4)]
        alone = next(plan for plan in plans if not plan.mixed.any())
        pixels, targets = mixed(images, alone, output=Output(0, 1, dtype="uint8", channels_last=True))
        np.testing.assert_array_equal(pixels, images)
        np.testing.assert_array_equal(targets, np.eye(6))


def test_float_vectors_are_mixed_like_one_hot_ones() -> None:
    images = noise(6, 20, 30)
    plan = planned(MixPolicy([MixUp(1.0), CutMix(1.0)], granularity="sample"), 6, 20, 30)
    _, dense = mixed(images, plan)
    for hot in (np.eye(6, dtype=np.float32), np.eye(6, dtype=np.int64), np.eye(6)):
        _, vectors = mixed(images, plan, labels=hot, num_classes=None)
        np.testing.assert_allclose(vectors, dense, atol=1e-6)
        assert vectors.dtype == np.float32
    regression = np.random.RandomState(1).normal(size=(6, 2)).astype(np.float32)
    _, values = mixed(images, plan, labels=regression, num_classes=None)
    np.testing.assert_allclose(values, plan.targets(regression), atol=1e-6)


def test_compact_targets_are_ids_and_weights() -> None:
    plan = planned(MixPolicy([RICAP(), MixUp(0.5)], granularity="sample"), 6, 20, 30)
    labels = np.array([[3], [1], [4], [1], [5], [0]], np.int32)
    batch = ndd.as_batch(np.stack(noise(6, 20, 30)), layout="HWC")
    _, (ids, weights) = mix(batch, ndd.as_batch(labels), plan, num_classes=6, targets="compact")
    np.testing.assert_array_equal(ids.torch(), labels[plan.partners, 0])
    np.testing.assert_array_equal(weights.torch(), plan.weights)
    assert (ids.torch().dtype, weights.torch().dtype) == (torch.int64, torch.float32)


@pytest.mark.parametrize("labels", [np.uint8, np.int32, np.int64])
def test_labels_of_any_integer_type_and_arrays_instead_of_batches(labels: type) -> None:
    images = np.stack(noise(5, 9, 13))
    plan = planned(MixPolicy(MixUp(1.0)), 5, 9, 13)
    expected = mixed(images, plan)
    ids = np.arange(5, dtype=labels)
    for given in (ids, ids[:, None], torch.arange(5), list(ids), np.repeat(ids, 2)[::2]):
        strided = np.repeat(images, 2, 0)[::2], torch.from_numpy(np.repeat(images, 2, 2))[:, :, ::2]
        for pixels in (images, torch.from_numpy(images), list(images), ndd.as_tensor(images), *strided):
            made = mix(pixels, given, plan, num_classes=5)
            for mine, theirs in zip(made, expected, strict=True):
                np.testing.assert_array_equal(mine.torch(), theirs)


def test_images_and_labels_are_left_as_they_are() -> None:
    images, labels = np.stack(noise(5, 40, 30)), np.arange(5)
    kept = images.copy()
    batch = ndd.as_batch(images, layout="HWC")
    for _ in range(2):
        plan = planned(MixPolicy(EVERY, granularity="sample"), 5, 40, 30)
        mix(batch, labels, plan, num_classes=5)[0].torch().zero_()
    np.testing.assert_array_equal(images, kept)
    np.testing.assert_array_equal(batch.torch(), kept)


@pytest.mark.parametrize("mode", ["deferred", "eager", "sync_cpu", "sync_full"])
def test_in_every_mode_of_evaluation(mode: str) -> None:
    images = np.stack(noise(6, 31, 22))
    policy = MixPolicy([MixUp(1.0), CutMix(1.0), ResizeMix()], granularity="sample")
    plan = planned(policy, 6, 31, 22)
    expected, _ = mixed(images, plan)
    with getattr(ndd.EvalMode, mode):
        computed = ndd.flip(ndd.flip(ndd.as_batch(images, layout="HWC")))
        pixels, _ = mix(computed, np.arange(6), plan, num_classes=6)
        np.testing.assert_array_equal(pixels.torch(), expected)


@pytest.mark.gpu
@pytest.mark.parametrize("name", NAMES)
def test_on_a_gpu_the_images_are_the_same_to_one_rounding_step(name: str) -> None:
    policy = MixPolicy([REGISTRY[name]()], granularity="sample")
    images = noise(9, 70, 66)
    plan = planned(policy, 9, 70, 66)
    cpu, gpu = mixed(images, plan), mixed(images, plan, device="gpu")
    np.testing.assert_allclose(gpu[0], cpu[0], atol=1.0)
    np.testing.assert_array_equal(gpu[1], cpu[1])


@pytest.mark.gpu
def test_on_a_gpu_everything_stays_there() -> None:
    plan = planned(MixPolicy(EVERY, granularity="sample"), 16, 80, 70)
    batch = ndd.as_batch(np.stack(noise(16, 80, 70)), layout="HWC", device="gpu")
    for part in mix(batch, np.arange(16), plan, num_classes=16):
        assert part.device.device_type == "gpu" and part.torch().is_cuda
