"""What `dynamic.mix` does not take, and what it says."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import numpy as np
import pytest
import torch
from nvidia.dali.experimental import dynamic as ndd

from dali_mixup import CutMix, MixPolicy, MixUp, Neighbours, Output
from dali_mixup.dynamic import mix
from tests.fn.test_forms import noise

ROWS, H, W = 4, 20, 34
POLICY = MixPolicy([MixUp(0.8), CutMix(1.0)], granularity="sample")


def given(**changed: Any) -> dict[str, Any]:
    """Arguments that are accepted, but for those changed."""
    address = {"seed": 0, "epoch": 0, "step": 0}
    return {
        "images": np.stack(noise(ROWS, H, W)),
        "labels": np.arange(ROWS),
        "plan": POLICY.plan(ROWS, H, W, **address),
        "num_classes": ROWS,
        **changed,
    }


def made(policy: MixPolicy = POLICY, rows: int = ROWS, height: int = H, width: int = W, **more: Any) -> Any:
    return policy.plan(rows, height, width, seed=0, epoch=0, step=0, **more)


def test_the_arguments_around_these_are_accepted() -> None:
    images, targets = mix(**given())
    assert (images.batch_size, targets.batch_size) == (ROWS, ROWS)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"images": None}, "images is a NoneType, expected a Batch"),
        ({"images": "a.jpg"}, "images is a str"),
        ({"images": [[1, 2], [3, 4]]}, "images is a list"),
        ({"images": np.zeros((ROWS, H, W, 3))}, "images of type f64, expected uint8, float32 or float16"),
        ({"images": np.zeros((ROWS, H, W, 3), np.int16)}, "images of type i16"),
        ({"labels": None}, "labels is a NoneType"),
        ({"labels": [0, 1, 2, 3]}, "labels is a list"),
        ({"plan": POLICY}, r"plan=MixPolicy\(.*expected a MixPlan; MixPolicy.plan"),
        ({"plan": None}, "plan=None, expected a MixPlan"),
        ({"num_classes": 4.0}, "num_classes=4.0 is a float"),
        ({"output": "float32"}, r"output='float32', expected Output\(...\) or None"),
    ],
)
def test_arguments_of_another_type(changed: dict[str, Any], message: str) -> None:
    with pytest.raises(TypeError, match=f"^mix: {message}"):
        mix(**given(**changed))


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"images": np.zeros((3, H, W, 3), np.uint8)}, "3 images, but the plan is for 4 rows"),
        ({"images": np.zeros((0, H, W, 3), np.uint8)}, "0 images of 3 dimensions"),
        ({"images": np.zeros((ROWS, H, W), np.uint8)}, "4 images of 2 dimensions"),
        ({"images": np.zeros((ROWS, 2, H, W, 3), np.uint8)}, "4 images of 4 dimensions"),
        ({"images": np.zeros((ROWS, W, H, 3), np.uint8)}, "34 x 20 pixels with 3 channels, .* plan is for 20 x 34"),
        ({"images": np.zeros((ROWS, 3, H, W), np.uint8)}, "3 x 20 pixels with 34 channels"),
        ({"images": [np.zeros((H, W - i, 3), np.uint8) for i in range(ROWS)]}, "images of the shapes .* in one batch"),
        ({"labels": np.arange(3)}, r"3 labels of the shapes \[\(\)\]; expected one for each of 4 images"),
        ({"labels": np.zeros((ROWS, 2), int)}, r"labels of shape \(2,\) and type i64 with num_classes=4"),
        ({"labels": np.arange(4.0)}, r"labels of shape \(\) and type f64 with num_classes=4"),
        ({"labels": np.arange(4) + 1}, r"label 4 is outside \[0, 4\); 1 of 4 labels .* num_classes >= 5"),
        ({"labels": np.arange(4) - 1}, r"label -1 is outside \[0, 4\)"),
        ({"num_classes": 2}, r"label 2 is outside \[0, 2\); 2 of 4 labels"),
        ({"num_classes": 0}, "num_classes=0, expected an integer >= 1"),
        ({"num_classes": None}, r"labels of shape \(\) and type i64 without num_classes"),
        ({"num_classes": None, "labels": np.zeros((ROWS, 1), int)}, r"labels of shape \(1,\) and type i64 without"),
        ({"num_classes": None, "labels": np.zeros((ROWS, 2)), "targets": "compact"}, "targets='compact' consists of"),
        ({"targets": "sparse"}, "targets='sparse', expected one of 'dense', 'compact'"),
        ({"output": Output(dtype="bfloat16")}, "output has dtype='bfloat16', expected one of 'float32'"),
        ({"output": Output((1, 2), (1, 1))}, "images of 3 channels, but output has 2 means"),
        ({"output": Output(0.0, 1.0, channels=4)}, "output has .* for the loaders, that decode"),
        ({"output": Output(0.0, 1.0, bits=16)}, "output has .* for the loaders, that decode"),
    ],
)  # fmt: skip
def test_arguments_that_do_not_fit(changed: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=f"^mix: {message}|^mix: images of {message}"):
        mix(**given(**changed))


def test_more_means_than_dali_has_room_for() -> None:
    """Of uint8; DALI's CPU operator ended the process."""
    images = np.zeros((ROWS, H, W, 12), np.uint8)
    many = Output((0.0,) * 12, (1.0,) * 12, "uint8")
    with pytest.raises(ValueError, match=r"^mix: output has 12 means and dtype='uint8'"):
        mix(**given(images=images, output=many))
    for output in (Output((0.0,) * 12, (1.0,) * 12), Output(0.0, 1.0, "uint8")):
        assert mix(**given(images=images, output=output))[0].shape[0] == (12, H, W)


def test_what_is_written_into_targets_is_not_written_into_the_plan() -> None:
    plan = made()
    weights = plan.weights.copy()
    for part in mix(**given(plan=plan, targets="compact"))[1]:
        part.torch().zero_()
    np.testing.assert_array_equal(plan.weights, weights)


def test_a_layout_that_images_do_not_have() -> None:
    batch = ndd.as_batch(np.stack(noise(ROWS, H, W)), layout="FHW")
    with pytest.raises(ValueError, match=r"^mix: 4 images of 3 dimensions with the layout 'FHW'; expected"):
        mix(**given(images=batch))


def test_one_image_instead_of_a_batch() -> None:
    with pytest.raises(ValueError, match=r"^mix: 20 images of 2 dimensions"):
        mix(**given(images=ndd.as_tensor(noise(1, H, W)[0])))


def test_label_smoothing_without_a_place_for_it() -> None:
    smooth = made(MixPolicy([MixUp(0.8)], label_smoothing=0.1))
    with pytest.raises(ValueError, match=r"^mix: policy has label_smoothing=0.1, but compact targets"):
        mix(**given(plan=smooth, targets="compact"))
    with pytest.raises(ValueError, match=r"label_smoothing=0.1 on them depends on their meaning"):
        mix(**given(plan=smooth, num_classes=None, labels=np.eye(ROWS, dtype=np.float32)))


def test_partners_that_the_batch_does_not_have() -> None:
    policy = MixPolicy([MixUp(1.0)], granularity="sample", partners=Neighbours(np.zeros((9, 1), int)))
    plan = made(policy, others=np.arange(ROWS)[:, None] + ROWS)
    assert plan.partners.max() >= ROWS
    with pytest.raises(ValueError, match=r"^mix: the plan has partners beyond the rows of the batch"):
        mix(**given(plan=plan))


def test_a_plan_with_a_box_outside_the_image() -> None:
    plan = made(MixPolicy([CutMix(1.0)]))
    plan.boxes[2] = 0, 0, H + 1, W
    with pytest.raises(ValueError, match="a box outside the image of 20 x 34 pixels, first in row 2"):
        mix(**given(plan=plan))


@pytest.mark.gpu
def test_labels_on_the_gpu() -> None:
    with pytest.raises(ValueError, match=r"^mix: labels are on the GPU"):
        mix(**given(labels=torch.arange(ROWS).cuda()))


def test_mean_and_std_for_the_unit_scale_are_warned_of_once(caplog: pytest.LogCaptureFixture) -> None:
    unit = Output((0.485, 0.456, 0.407), (0.229, 0.224, 0.226))
    for _ in range(2):
        mix(**given(output=unit))
        mix(**given(images=np.zeros((ROWS, H, W, 3), np.float32), output=Output(0.5, 0.25)))
    (record,) = caplog.records
    assert "for images in 0..1; for pixels in 0..255 give 255 times as much" in record.getMessage()


def test_without_dynamic_mode_the_message_says_what_to_do() -> None:
    code = "import sys; sys.modules['nvidia.dali.experimental.dynamic'] = None; import dali_mixup; dali_mixup.dynamic"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert run.returncode == 1
    assert "ImportError: dali_mixup.dynamic needs DALI's dynamic mode, which cannot be" in run.stderr
    assert "mix in a pipeline, with dali_mixup.fn" in run.stderr
