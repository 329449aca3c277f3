"""Every method end to end through a DALI graph: what the labels say is what the pixels show.

Image i is 255 in channel i and 0 in the others, so the mean of channel j of row i is the weight of image j in it, and
one run shows all weights of a batch.
"""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from dali_mixup._decide.policy import MixPolicy
from dali_mixup._graph.options import Output
from dali_mixup.fn import mix
from dali_mixup.methods import REGISTRY, CutMix, CutThumbnail, FMix, Form, GMix, MixUp, ResizeMix, StackMix

NAMES = sorted(REGISTRY)
UNIT = Output(mean=0, std=255, channels_last=True)  # pixels in 0..1, in the layout that the images have
SIZES = [(1, 9, 13), (2, 20, 30), (5, 31, 22), (8, 140, 66)]  # rows, height, width
EVERY = [method() for method in REGISTRY.values()]


def run(images, policy, *, steps=1, labels=None, num_classes=None, device="cpu", seed=3, **options):
    """[(images (N, H, W, C) or CHW, targets (N, K))] of `steps` batches, every one mixed anew from the same images."""
    from nvidia.dali import fn, pipeline_def

    rows, (height, width) = len(images), images[0].shape[:2]
    labels = np.arange(rows) if labels is None else np.asarray(labels)
    ids = [np.array([label], np.int32) for label in labels]

    @pipeline_def(batch_size=rows, num_threads=2, device_id=None if device == "cpu" else 0)
    def graph():
        pixels = fn.external_source(source=lambda info: list(images), batch=True, batch_info=True)
        classes = fn.external_source(source=lambda info: ids, batch=True, batch_info=True)
        mixed, targets = mix(
            pixels.gpu() if device == "gpu" else pixels,
            classes,
            policy,
            image_size=(height, width),
            num_classes=num_classes or rows,
            seed=seed,
            **options,
        )
        return mixed, targets

    pipeline = graph()
    pipeline.build()
    batches = []
    for _ in range(steps):
        outputs = pipeline.run()
        if device == "gpu":
            outputs = [output.as_cpu() for output in outputs]
        batches.append(tuple(np.array(output.as_tensor()) for output in outputs))
    return batches


def coded(rows, height, width):
    return [
        np.broadcast_to(np.uint8(255) * np.eye(rows, dtype=np.uint8)[i], (height, width, rows)).copy()
        for i in range(rows)
    ]


def noise(rows, height, width, seed=0):
    return list(np.random.RandomState(seed).randint(0, 256, (rows, height, width, 3)).astype(np.uint8))


def granularities(method):
    return ("batch", "pair", "sample") if method.columns == 2 else ("batch", "sample")


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("granularity", ["batch", "pair", "sample"])
@pytest.mark.parametrize(("rows", "height", "width"), SIZES)
def test_pixels_have_the_weights_of_the_labels(name, granularity, rows, height, width):
    method = REGISTRY[name]()
    if granularity not in granularities(method):
        with pytest.raises(ValueError, match="pair"):
            MixPolicy([method], granularity=granularity)
        return
    policy = MixPolicy([method], granularity=granularity)
    for pixels, targets in run(coded(rows, height, width), policy, steps=4, output=UNIT):
        np.testing.assert_allclose(pixels.mean((1, 2), dtype=np.float64), targets, atol=1e-6)
        np.testing.assert_allclose(targets.sum(1), 1, atol=1e-6)


@pytest.mark.parametrize("law", ["openmixup", "mmpretrain"])
def test_pixels_have_the_weights_of_the_labels_for_the_other_laws_of_resizemix(law):
    policy = MixPolicy([ResizeMix(law)], granularity="sample")
    for pixels, targets in run(coded(6, 37, 52), policy, steps=6, output=UNIT):
        np.testing.assert_allclose(pixels.mean((1, 2), dtype=np.float64), targets, atol=1e-6)


@pytest.mark.parametrize("k", [3, 5])
def test_k_images_blend_with_the_weights_of_the_labels(k):
    policy = MixPolicy([MixUp(0.7, k=k)], granularity="sample", partners="derangement")
    for pixels, targets in run(coded(7, 9, 8), policy, steps=4, output=UNIT):
        np.testing.assert_allclose(pixels.mean((1, 2), dtype=np.float64), targets, atol=1e-6)


def test_all_methods_together_in_one_batch():
    policy = MixPolicy(EVERY, granularity="sample")
    batches = run(coded(16, 80, 70), policy, steps=4, output=UNIT)
    for step, (pixels, targets) in enumerate(batches):
        plan = policy.plan(16, 80, 70, seed=3, epoch=0, step=step)
        assert len(set(plan.form)) >= 3
        np.testing.assert_allclose(pixels.mean((1, 2), dtype=np.float64), targets, atol=1e-6)


@pytest.mark.parametrize(
    "label_map", ["majority", "smoothstep", ("polynomial", 0, 0, 1), ("independent", 1.0), ("constant", 0.6)]
)
def test_decoupled_labels_leave_the_pixels_their_own_weights(label_map):
    policy = MixPolicy([MixUp(1.0, label_map=label_map)], granularity="sample", partners="derangement")
    ((pixels, targets),) = run(coded(6, 8, 9), policy, output=UNIT)
    plan = policy.plan(6, 8, 9, seed=3, epoch=0, step=0)
    rows = np.arange(6)[:, None]
    expected = np.zeros((2, 6, 6))
    np.add.at(expected[0], (rows, plan.partners), plan.pixel_weights)
    np.add.at(expected[1], (rows, plan.partners), plan.weights)
    np.testing.assert_allclose(pixels.mean((1, 2), dtype=np.float64), expected[0], atol=1e-6)
    np.testing.assert_allclose(targets, expected[1], atol=1e-6)
    assert abs(plan.pixel_weights - plan.weights).max() > 0.01


@pytest.mark.parametrize("name", NAMES)
def test_images_of_one_class_keep_their_whole_label(name):
    """Weights of equal classes are added; a library overwrites one by the other, and rows sum to less than 1."""
    policy = MixPolicy([REGISTRY[name]()], granularity="sample")
    ((_, targets),) = run(coded(6, 70, 66), policy, labels=[2] * 6, num_classes=5)
    np.testing.assert_allclose(targets, np.eye(5)[[2] * 6], atol=1e-6)


@pytest.mark.parametrize("name", NAMES)
def test_a_row_without_a_partner_is_exactly_its_own_image(name):
    images = noise(1, 70, 66)
    for granularity in granularities(REGISTRY[name]()):
        for pixels, targets in run(images, MixPolicy([REGISTRY[name]()], granularity=granularity), steps=3):
            np.testing.assert_array_equal(pixels[0], images[0])
            assert targets.tolist() == [[1.0]]


@pytest.mark.parametrize("name", [n for n in NAMES if REGISTRY[n].form != Form.RESIZE])
def test_what_is_mixed_is_normalised(name):
    policy = MixPolicy([REGISTRY[name]()], granularity="sample", partners="derangement")
    images = noise(4, 70, 66)
    mean, std = np.array([120.0, 115.0, 100.0]), np.array([60.0, 58.0, 57.0])
    ((pixels, _),) = run(images, policy, output=Output(tuple(mean), tuple(std)))
    mixed = policy.plan(4, 70, 66, seed=3, epoch=0, step=0).apply(np.stack(images))
    np.testing.assert_allclose(pixels.transpose(0, 2, 3, 1), (mixed - mean) / std, atol=1e-4)


def test_where_a_mask_is_0_or_1_pixels_are_exactly_one_images():
    images = noise(4, 32, 48)
    ((pixels, _),) = run(images, MixPolicy([FMix(lam=0.5)], granularity="sample", partners="roll"))
    for i, image in enumerate(pixels):
        mine, partners = (image == images[i]).all(2), (image == images[i - 1]).all(2)
        assert (mine | partners).all() and 0.4 < mine.mean() < 0.6


@pytest.mark.parametrize(
    "method",
    [ResizeMix(), ResizeMix("openmixup"), ResizeMix("mmpretrain"), CutThumbnail(), StackMix()],
    ids=repr,
)
@pytest.mark.parametrize(("height", "width"), [(64, 64), (48, 90)])
def test_resized_images_are_pillows_to_a_few_grey_levels(method, height, width):
    """Bilinear with an antialiasing filter; the rest of the image is the row's own, bit by bit."""
    policy = MixPolicy([method], granularity="sample", partners="derangement")
    y, x = np.mgrid[0:height, 0:width]
    images = [
        np.stack(
            [
                128 + 100 * np.sin(y / 7 + i),
                128 + 90 * np.cos(x / 9 + 2 * i),
                128 + 60 * np.sin(x / 5 + y / 8),
            ],
            2,
        ).astype(np.uint8)
        for i in range(5)
    ]
    ((pixels, _),) = run(images, policy)
    plan = policy.plan(5, height, width, seed=3, epoch=0, step=0)
    for i, insets in enumerate(plan.insets):
        outside = np.ones((height, width), bool)
        for column, top, left, h, w in insets:
            image = Image.fromarray(images[plan.partners[i, column]])
            small = np.asarray(image.resize((w, h), Image.Resampling.BILINEAR))
            inside = np.s_[top : top + h, left : left + w]
            error = abs(pixels[i][inside] - small)
            assert error.max() <= 4 and error.mean() <= 0.25  # nearest neighbour is 2 off on average
            outside[inside] = False
        np.testing.assert_array_equal(pixels[i][outside], images[i][outside])


def test_the_background_is_weighted_by_what_is_left_of_it():
    """White images with one black partner: a row's brightness is its own label weight, not the pasted share."""
    images = [np.full((32, 40, 3), 255, np.uint8), np.zeros((32, 40, 3), np.uint8)]
    for method in (CutMix(1.0), GMix(1.0), ResizeMix()):
        policy = MixPolicy([method], granularity="sample", partners="derangement")
        for pixels, targets in run(images, policy, steps=4, output=UNIT):
            assert abs(pixels[0].mean(dtype=np.float64) - targets[0, 0]) < 1e-6


@pytest.mark.parametrize("name", NAMES)
def test_label_smoothing_is_added_on_top(name):
    plain, smooth = (
        MixPolicy([REGISTRY[name]()], label_smoothing=eps, granularity="sample") for eps in (0.0, 0.1)
    )
    ((_, hard),), ((_, soft),) = (run(coded(5, 20, 24), policy, num_classes=8) for policy in (plain, smooth))
    np.testing.assert_allclose(soft, hard * 0.9 + 0.1 / 8, atol=1e-6)


@pytest.mark.gpu
@pytest.mark.parametrize("granularity", ["batch", "sample"])
@pytest.mark.parametrize("name", NAMES)
def test_the_gpu_graph_makes_the_same_images_to_one_rounding_step(name, granularity):
    policy = MixPolicy([REGISTRY[name]()], granularity=granularity)
    images = noise(9, 70, 66)
    for cpu, gpu in zip(
        run(images, policy, steps=3), run(images, policy, steps=3, device="gpu"), strict=True
    ):
        np.testing.assert_allclose(gpu[0], cpu[0], atol=1.0)
        np.testing.assert_allclose(gpu[1], cpu[1], atol=1e-6)


@pytest.mark.gpu
def test_all_methods_together_on_the_gpu():
    policy = MixPolicy(EVERY, granularity="sample")
    images = noise(16, 80, 70)
    ((cpu, labels),), ((gpu, gpu_labels),) = run(images, policy), run(images, policy, device="gpu")
    np.testing.assert_allclose(gpu, cpu, atol=1.0)
    np.testing.assert_allclose(gpu_labels, labels, atol=1e-6)
