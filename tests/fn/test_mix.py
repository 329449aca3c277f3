"""fn.mix inside foreign pipelines: weights, pixels and labels, recovered from what comes out.

In batch s image s is white and all others are black, so the mean of row i is the weight with which image s went into
it; and labels are unique, so the target of row i says the same. Both are compared, and with the plan.
"""

from __future__ import annotations

import numpy as np
import pytest
import torch
from nvidia.dali import fn, pipeline_def

from dali_mixup._decide.policy import GRANULARITIES, MixPolicy
from dali_mixup._decide.schedule import Schedule
from dali_mixup._graph.options import Output
from dali_mixup.fn import mix
from dali_mixup.methods import CutMix, MixUp
from tests.fn.mixing import BOTH, ROWS, UNIT, H, W, noise, pipeline, run


class TestWeights:
    @pytest.mark.parametrize("conditionals", [False, True])
    @pytest.mark.parametrize("granularity", GRANULARITIES)
    @pytest.mark.parametrize("methods", [BOTH[:1], BOTH[1:], BOTH])
    def test_pixels_and_labels_carry_the_weights_of_the_plan(
        self, methods: tuple, granularity: str, conditionals: bool
    ) -> None:
        policy = MixPolicy(methods, granularity=granularity, prob=0.8)
        for step, (images, targets) in enumerate(run(pipeline(policy, conditionals=conditionals), 2 * ROWS)):
            plan = policy.plan(ROWS, H, W, seed=5, epoch=0, step=step)
            dense = np.zeros((ROWS, ROWS))
            np.add.at(dense, (np.arange(ROWS)[:, None], plan.partners), plan.weights)
            assert np.abs(targets.numpy() - dense).max() < 1e-6
            shown = images.to(torch.float64).mean((1, 2, 3)).numpy()
            assert np.abs(shown - dense[:, step % ROWS]).max() < 1e-6

    def test_same_class_rows_add_up(self) -> None:
        policy = MixPolicy(BOTH, granularity="sample", partners="derangement")
        pipe = pipeline(policy, labels=lambda step: np.zeros((ROWS, 1), np.int32), num_classes=3)
        for _, targets in run(pipe, 4):
            assert torch.allclose(targets, torch.tensor([1.0, 0, 0]).expand(ROWS, 3), atol=1e-6)

    def test_smoothing_is_timms_and_applied_once(self) -> None:
        plain = MixPolicy(BOTH, granularity="sample")
        smooth = MixPolicy(BOTH, granularity="sample", label_smoothing=0.1)
        for (_, a), (_, b) in zip(run(pipeline(plain), 3), run(pipeline(smooth), 3), strict=True):
            assert torch.allclose(b, a * 0.9 + 0.1 / ROWS, atol=1e-6)

    def test_compact_form_holds_the_same_targets(self) -> None:
        policy = MixPolicy(BOTH, granularity="sample")
        dense, compact = run(pipeline(policy), 3), run(pipeline(policy, targets="compact"), 3)
        for (_, expected), (_, labels, weights) in zip(dense, compact, strict=True):
            assert (
                labels.dtype == torch.int64 and weights.dtype == torch.float32 and labels.shape == (ROWS, 2)
            )
            assert torch.allclose(
                torch.zeros(ROWS, ROWS).scatter_add_(1, labels, weights), expected, atol=1e-6
            )

    def test_scalar_labels_work_like_labels_of_one_element(self) -> None:
        policy = MixPolicy(BOTH)
        scalar = pipeline(policy, labels=lambda step: np.arange(ROWS, dtype=np.int64))
        assert torch.equal(run(scalar, 1)[0][1], run(pipeline(policy), 1)[0][1])

    def test_float_vectors_are_mixed_with_the_same_weights(self) -> None:
        vectors = np.random.RandomState(0).rand(ROWS, 4).astype(np.float32)
        policy = MixPolicy(BOTH, granularity="sample")
        for step, (_, targets) in enumerate(
            run(pipeline(policy, labels=lambda s: vectors, num_classes=None), 3)
        ):
            plan = policy.plan(ROWS, H, W, seed=5, epoch=0, step=step)
            expected = np.einsum("nk,nkc->nc", plan.weights, vectors[plan.partners])
            assert np.abs(targets.numpy() - expected).max() < 1e-6


class TestPixels:
    def test_cutmix_is_bit_exact(self) -> None:
        policy = MixPolicy(CutMix(1.0), granularity="sample")
        pipe = pipeline(policy, images=noise, output=Output(0, 1, "uint8", channels_last=True))
        for step, (images, _) in enumerate(run(pipe, 4)):
            plan, source = policy.plan(ROWS, H, W, seed=5, epoch=0, step=step), noise(step)
            for i, (y0, x0, y1, x1) in enumerate(plan.boxes):
                expected = source[i].copy()
                expected[y0:y1, x0:x1] = source[plan.partners[i, 1], y0:y1, x0:x1]
                assert np.array_equal(images[i].numpy(), expected)

    def test_mixup_is_not_rounded_between_mixing_and_normalising(self) -> None:
        policy = MixPolicy(MixUp(0.2), granularity="sample")
        mean, std = np.array([123.675, 116.28, 103.53]), np.array([58.395, 57.12, 57.375])
        pipe = pipeline(policy, images=noise, output=Output(mean.tolist(), std.tolist()))
        for step, (images, _) in enumerate(run(pipe, 6)):
            plan, source = policy.plan(ROWS, H, W, seed=5, epoch=0, step=step), noise(step).astype(np.float64)
            mixed = np.einsum("nk,nkhwc->nhwc", plan.pixel_weights.astype(np.float64), source[plan.partners])
            expected = ((mixed - mean) / std).transpose(0, 3, 1, 2)
            assert np.abs(images.numpy() - expected).max() < 2e-6  # uint8 rounding would be 9e-3

    def test_off_is_bit_identical_to_a_pipeline_without_mixing(self) -> None:
        policy = MixPolicy(BOTH, schedule=Schedule(start=1))
        off = run(pipeline(policy, images=noise, steps_per_epoch=3), 5)
        plain = run(pipeline(None, images=noise), 5)
        for step, ((a, _), (b, _)) in enumerate(zip(off, plain, strict=True)):
            assert torch.equal(a, b) == (step < 3), step

    @pytest.mark.parametrize("granularity", GRANULARITIES)
    def test_rows_left_alone_are_bit_identical_among_mixed_ones(self, granularity: str) -> None:
        policy = MixPolicy(BOTH, granularity=granularity, prob=0.5)
        plain = run(pipeline(None, images=noise), 6)
        for step, (images, _) in enumerate(run(pipeline(policy, images=noise), 6)):
            alone = ~policy.plan(ROWS, H, W, seed=5, epoch=0, step=step).mixed
            assert torch.equal(images[alone], plain[step][0][alone])

    @pytest.mark.parametrize("kind", ["float HWC", "float CHW", "half HWC", "half CHW", "uint8 CHW"])
    def test_other_types_and_layouts_give_the_same_images(self, kind: str) -> None:
        policy = MixPolicy(BOTH, granularity="sample")
        dtype, layout = kind.split()
        cast = {"float": np.float32, "half": np.float16, "uint8": np.uint8}[dtype]
        axes = (0, 1, 2, 3) if layout == "HWC" else (0, 3, 1, 2)

        def images(step: int) -> np.ndarray:
            return np.ascontiguousarray(noise(step).astype(cast).transpose(axes))

        expected = run(pipeline(policy, images=noise), 3)
        output = Output(mean=0, std=255, channels_last=layout == "HWC")
        half = dtype == "half"
        got = run(pipeline(policy, images=images, layout=layout, half_images=half, output=output), 3)
        for (a, _), (b, _) in zip(expected, got, strict=True):
            assert torch.allclose(a.permute(axes), b, atol=1e-6)

    def test_half_precision_and_the_other_layout_come_out_on_request(self) -> None:
        policy = MixPolicy(BOTH)
        full = run(pipeline(policy, images=noise), 2)
        half = run(pipeline(policy, images=noise, output=Output(0, 255, "float16")), 2)
        for (a, _), (b, _) in zip(full, half, strict=True):
            assert b.dtype == torch.float16
            assert torch.allclose(a.permute(0, 3, 1, 2), b.float(), atol=1e-3)


class TestAddresses:
    def test_threads_and_prefetching_change_nothing(self) -> None:
        policy = MixPolicy(BOTH, granularity="sample", prob=0.7)
        reference = run(pipeline(policy, images=noise, threads=1, prefetch=1), 5)
        for threads, prefetch in ((2, 2), (4, 1), (4, 5)):
            got = run(pipeline(policy, images=noise, threads=threads, prefetch=prefetch), 5)
            assert all(
                torch.equal(a, b)
                for r, g in zip(reference, got, strict=True)
                for a, b in zip(r, g, strict=True)
            )

    def test_mixing_switches_off_exactly_at_its_epoch_despite_prefetching(self) -> None:
        policy = MixPolicy(MixUp(1.0), partners="derangement", schedule=Schedule(stop=2))
        batches = run(pipeline(policy, steps_per_epoch=4, prefetch=5), 12)
        assert [bool((t.max(1).values < 1).any()) for _, t in batches] == [True] * 8 + [False] * 4

    def test_a_checkpoint_restores_the_decisions(self) -> None:
        policy = MixPolicy(BOTH, granularity="sample")
        pipe = pipeline(policy, images=noise)
        run(pipe, 3)
        saved = pipe.checkpoint()
        expected = run(pipe, 3)

        @pipeline_def(
            batch_size=ROWS, num_threads=2, device_id=None, enable_checkpointing=True, checkpoint=saved
        )
        def again():  # type: ignore[no-untyped-def]
            x = fn.external_source(
                source=lambda i: noise(i.iteration), batch=True, batch_info=True, layout="HWC"
            )
            y = fn.external_source(
                source=lambda i: np.arange(ROWS, dtype=np.int32)[:, None], batch=True, batch_info=True
            )
            return mix(x, y, policy, num_classes=ROWS, output=UNIT, seed=5, image_size=(H, W))

        restored = again()
        restored.build()
        for (a, s), (b, t) in zip(expected, run(restored, 3), strict=True):
            assert torch.equal(a, b) and torch.equal(s, t)

    def test_ranks_mix_differently(self) -> None:
        policy = MixPolicy(BOTH, granularity="sample")
        assert not torch.equal(run(pipeline(policy, rank=0), 1)[0][1], run(pipeline(policy, rank=1), 1)[0][1])


@pytest.mark.gpu
class TestGpu:
    @pytest.mark.parametrize("granularity", GRANULARITIES)
    def test_gpu_decides_as_the_cpu_and_differs_by_rounding_only(self, granularity: str) -> None:
        policy = MixPolicy(BOTH, granularity=granularity, prob=0.8)
        cpu, gpu = (run(pipeline(policy, images=noise, device_id=d), 5) for d in (None, 0))
        for (a, s), (b, t) in zip(cpu, gpu, strict=True):
            assert torch.allclose(s, t, atol=1e-6)
            assert torch.allclose(a, b, atol=2e-6)

    def test_targets_follow_the_images_to_the_gpu(self) -> None:
        images, targets = pipeline(MixPolicy(BOTH), device_id=0).run()
        assert (
            torch.from_dlpack(images.as_tensor()).is_cuda and torch.from_dlpack(targets.as_tensor()).is_cuda
        )
