"""The checks that torchvision and Composer run on their own MixUp and CutMix, run on the DALI graph around `fn.mix`.

torchvision, test/test_transforms_v2.py, TestCutMixMixUp:
    test_supported_input_structure
        size, type and device of the images are kept              test_images_keep_their_form
        targets (N, C), rows sum to 1, classes of i and i - 1     test_targets_are_two_classes_a_row
        class ids and one-hot labels                              test_one_hot_labels_are_class_ids
    test_error
        labels of another form or range, num_classes wrong        tests/fn/test_mix.py
        PIL images, boxes and masks beside the images             none: a graph has no such inputs
    transform, make_params
        pixels and labels for a given lam and box                 test_pixels_and_labels_are_torchvisions
        the laws of lam and of the box                            test_the_laws_of_lam_and_box
Composer, tests/algorithms/test_mixup.py and test_cutmix.py, whose formulas are written here again:
    validate_mixup_batch: (1 - m) x_i + m x_perm(i)               test_every_pixel_and_label_is_composers
    validate_cutmix: pixels by the box, labels by its share       test_every_pixel_and_label_is_composers
    test_cutmix_nclasses: a batch of one image                    test_a_single_image_is_left_alone
    _gen_mixing_coef: m = min(z, 1 - z), z ~ Beta(a, a)           test_folded_lam_is_composers
    _rand_bbox: its two laws of the box                           tests/methods/test_cutmix.py
    interpolate_loss: the losses are mixed, not the labels        test_a_mean_of_losses_is_the_loss_of_the_mean
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from nvidia.dali import fn, pipeline_def
from scipy import stats
from torchvision.transforms import v2

from dali_mixup import CutMix, MixPolicy, MixUp, Output
from dali_mixup.fn import mix

ROWS, CLASSES, HEIGHT, WIDTH, STEPS = 8, 11, 20, 34, 12
LABELS = np.array([3, 0, 7, 10, 1, 2, 5, 9], np.int32)  # different ones, so that targets name the images
P = 1e-4  # chance of a true law to be called another one, per comparison

POLICIES = {
    "mixup": MixPolicy(MixUp(0.8), partners="roll"),
    "cutmix": MixPolicy(CutMix(1.0), partners="roll"),
    "mixup by rows": MixPolicy(MixUp(0.8), partners="roll", granularity="sample"),
    "cutmix by rows": MixPolicy(CutMix(1.0), partners="roll", granularity="sample"),
    "mixup, permuted": MixPolicy(MixUp(0.2), partners="permutation"),
    "cutmix, permuted": MixPolicy(CutMix(0.2), partners="permutation"),
    "cutmix, uniform": MixPolicy(CutMix(1.0, sampling="uniform"), partners="permutation"),
}


def images(step: int, rows: int = ROWS) -> np.ndarray:
    return np.random.RandomState(step).randint(0, 256, (rows, HEIGHT, WIDTH, 3), dtype=np.uint8)


def one_hot(labels: np.ndarray = LABELS) -> np.ndarray:
    return np.eye(CLASSES, dtype=np.float32)[labels]


def mixed(
    policy: MixPolicy, labels: Any = LABELS, rows: int = ROWS
) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """Images (N, 3, H, W) float32 in 0..255, and targets, of each step."""

    @pipeline_def(batch_size=rows, num_threads=1, device_id=None)
    def graph() -> Any:
        x = fn.external_source(
            source=lambda i: images(i.iteration, rows), batch=True, batch_info=True, layout="HWC"
        )
        y = fn.external_source(source=lambda i: labels[:rows], batch=True, batch_info=True)
        arguments = {"num_classes": CLASSES} if labels.ndim == 1 else {}
        return mix(
            x, y, policy, seed=5, image_size=(HEIGHT, WIDTH), output=Output(mean=0, std=1), **arguments
        )

    pipe = graph()
    pipe.build()
    return [tuple(torch.from_dlpack(out.as_tensor()).clone() for out in pipe.run()) for _ in range(STEPS)]


def plan_of(policy: MixPolicy, step: int, rows: int = ROWS) -> Any:
    return policy.plan(rows, HEIGHT, WIDTH, seed=5, epoch=0, step=step)


def before(step: int, rows: int = ROWS) -> torch.Tensor:
    return torch.from_numpy(images(step, rows)).permute(0, 3, 1, 2).float()


@pytest.mark.parametrize("name", POLICIES)
def test_images_keep_their_form(name: str) -> None:
    for batch, targets in mixed(POLICIES[name]):
        assert batch.shape == (ROWS, 3, HEIGHT, WIDTH) and batch.dtype == torch.float32
        assert targets.shape == (ROWS, CLASSES) and targets.dtype == torch.float32
        assert batch.device == targets.device == torch.device("cpu")


@pytest.mark.parametrize("name", ["mixup", "cutmix", "mixup by rows", "cutmix by rows"])
def test_targets_are_two_classes_a_row(name: str) -> None:
    for _, targets in mixed(POLICIES[name]):
        torch.testing.assert_close(targets.sum(1), torch.ones(ROWS), atol=1e-6, rtol=0)
        rows = torch.arange(ROWS)
        own = targets[rows, torch.from_numpy(LABELS).long()]
        other = targets[rows, torch.from_numpy(np.roll(LABELS, 1)).long()]
        torch.testing.assert_close(own + other, torch.ones(ROWS), atol=1e-6, rtol=0)


@pytest.mark.parametrize("name", POLICIES)
def test_one_hot_labels_are_class_ids(name: str) -> None:
    for (x, y), (u, v) in zip(mixed(POLICIES[name]), mixed(POLICIES[name], one_hot()), strict=True):
        assert torch.equal(x, u)
        torch.testing.assert_close(y, v, atol=1e-6, rtol=0)


@pytest.mark.parametrize("name", ["mixup", "cutmix"])
@pytest.mark.parametrize("form", ["class ids", "one-hot"])
def test_pixels_and_labels_are_torchvisions(name: str, form: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Given our lam, or our box and its share. It shifts the batch by one, as partners="roll" does."""
    labels = LABELS if form == "class ids" else one_hot()
    theirs = (v2.MixUp if name == "mixup" else v2.CutMix)(
        num_classes=CLASSES if form == "class ids" else None
    )
    for step, (batch, targets) in enumerate(mixed(POLICIES[name], labels)):
        plan = plan_of(POLICIES[name], step)
        lam = float(plan.weights[0, 0])
        y0, x0, y1, x1 = plan.boxes[0].tolist()
        params = {"lam": lam} if name == "mixup" else {"box": (x0, y0, x1, y1), "lam_adjusted": lam}
        monkeypatch.setattr(theirs, "make_params", lambda inputs, params=params: params)
        given = torch.from_numpy(labels)
        expected, expected_targets = theirs(before(step), given.long() if form == "class ids" else given)
        torch.testing.assert_close(batch, expected, atol=1e-3 if name == "mixup" else 0, rtol=0)
        torch.testing.assert_close(targets, expected_targets, atol=1e-6, rtol=0)


@pytest.mark.parametrize("name", POLICIES)
def test_every_pixel_and_label_is_composers(name: str) -> None:
    policy, seen = POLICIES[name], 0
    y = torch.from_numpy(one_hot())
    for step, (batch, targets) in enumerate(mixed(policy)):
        plan, x = plan_of(policy, step), before(step)
        for row, partner in enumerate(plan.partners[:, 1].tolist()):
            if "mixup" in name:
                m = 1 - float(plan.weights[row, 0])
                expected = (1 - m) * x[row] + m * x[partner]
            else:
                y0, x0, y1, x1 = plan.boxes[row].tolist()
                expected = x[row].clone()
                expected[:, y0:y1, x0:x1] = x[partner, :, y0:y1, x0:x1]
                m = (y1 - y0) * (x1 - x0) / (HEIGHT * WIDTH)
            torch.testing.assert_close(batch[row], expected, atol=1e-3 if "mixup" in name else 0, rtol=0)
            label = (1 - m) * y[row] + m * y[partner]
            torch.testing.assert_close(targets[row], label, atol=1e-6, rtol=0)
            seen += 0 < m < 1 and partner != row
    assert seen > STEPS * ROWS / 2, "most rows were mixed"


@pytest.mark.parametrize("alpha", [0.2, 1.0, 2.0])
def test_the_laws_of_lam_and_box(alpha: float) -> None:
    """With torchvision's own draws. Its boxes have even sides, up to two pixels less than ours of 224: that shifts the
    distribution functions of places by at most 0.01, of sides and areas by 0.02."""
    torch.manual_seed(1)
    draws, rng = 4000, np.random.RandomState(2)
    blank = [torch.zeros(2, 3, 224, 224)]
    lams = [v2.MixUp(alpha=alpha, num_classes=2).make_params(blank)["lam"] for _ in range(draws)]
    ours = MixUp(alpha).draw(rng, draws, 224, 224).weights[:, 0]
    assert stats.ks_2samp(ours, lams).pvalue > P

    found = [v2.CutMix(alpha=alpha, num_classes=2).make_params(blank) for _ in range(draws)]
    theirs = np.array([each["box"] for each in found])
    boxes = CutMix(alpha).draw(rng, draws, 224, 224)
    y0, x0, y1, x1 = boxes.boxes.T
    critical = float(np.sqrt(-np.log(P / 2) / draws))  # two samples of this size
    pairs = {
        "left": (x0, theirs[:, 0], 0.01),
        "top": (y0, theirs[:, 1], 0.01),
        "width": (x1 - x0, theirs[:, 2] - theirs[:, 0], 0.02),
        "height": (y1 - y0, theirs[:, 3] - theirs[:, 1], 0.02),
        "area": (boxes.weights[:, 0], [each["lam_adjusted"] for each in found], 0.02),
    }
    for what, (mine, other, shift) in pairs.items():
        assert stats.ks_2samp(mine, other).statistic < critical + shift, what


@pytest.mark.parametrize("alpha", [0.2, 1.0])
def test_folded_lam_is_composers(alpha: float) -> None:
    rng = np.random.RandomState(3)
    z = rng.beta(alpha, alpha, 4000)
    ours = 1 - MixUp(alpha, folded=True).draw(rng, 4000, 8, 8).weights[:, 0]
    assert stats.ks_2samp(ours, np.minimum(z, 1 - z)).pvalue > P
    assert ours.max() <= 0.5


@pytest.mark.parametrize("name", POLICIES)
def test_a_single_image_is_left_alone(name: str) -> None:
    for step, (batch, targets) in enumerate(mixed(POLICIES[name], rows=1)):
        assert torch.equal(batch, before(step, 1))
        assert torch.equal(targets, torch.from_numpy(one_hot()[:1]))


@pytest.mark.parametrize("name", POLICIES)
def test_a_mean_of_losses_is_the_loss_of_the_mean(name: str) -> None:
    """Composer can mix the losses instead of the labels: cross-entropy is linear in them."""
    logits = torch.from_numpy(np.random.RandomState(4).normal(size=(ROWS, CLASSES))).float()
    labels = torch.from_numpy(LABELS).long()
    for step, (_, targets) in enumerate(mixed(POLICIES[name])):
        plan = plan_of(POLICIES[name], step)
        lam, partners = torch.from_numpy(plan.weights[:, 0]), torch.from_numpy(plan.partners[:, 1]).long()
        losses = [
            torch.nn.functional.cross_entropy(logits, each, reduction="none")
            for each in (labels, labels[partners])
        ]
        expected = lam * losses[0] + (1 - lam) * losses[1]
        got = torch.nn.functional.cross_entropy(logits, targets, reduction="none")
        torch.testing.assert_close(got, expected, atol=1e-5, rtol=0)
