"""What fn.mix refuses, when the graph is built or when a batch does not fit."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from nvidia.dali import Pipeline, fn

from dali_mixup import Remix
from dali_mixup._decide.policy import MixPolicy
from dali_mixup._decide.schedule import Schedule
from dali_mixup._graph.options import Output
from dali_mixup.fn import mix
from dali_mixup.methods import CutMix, FMix, Method, MixUp, ResizeMix, SmoothMix
from tests.fn.mixing import ROWS, H, W, noise, pipeline, run


class TestErrors:
    @pytest.mark.parametrize("bad", [-1, ROWS, 1000])
    def test_a_label_out_of_range_ends_the_run_with_its_value(self, bad: int) -> None:
        def labels(step: int) -> np.ndarray:
            y = np.arange(ROWS, dtype=np.int32)[:, None].copy()
            y[3] = bad
            return y

        with pytest.raises(RuntimeError, match=rf"label {bad} is outside \[0, {ROWS}\)"):
            run(pipeline(MixPolicy(MixUp()), labels=labels), 1)

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            ({"num_classes": 0}, "num_classes=0"),
            ({"targets": "soft"}, "'soft', expected one of 'dense', 'compact'"),
            ({"layout": "NCHW"}, "'NCHW'"),
            ({"image_size": 0}, "image_size=0"),
            ({"image_size": (1, 2, 3)}, r"expected one number of pixels or \(height, width\)"),
            ({"output": 255.0}, r"expected Output\(\.\.\.\)"),
            ({"output": Output(dtype="bfloat16")}, "output has dtype='bfloat16'"),
            ({"half_images": 1}, "half_images=1"),
            ({"steps_per_epoch": 0}, "steps_per_epoch=0"),
            ({"num_classes": None, "targets": "compact"}, "consists of class ids"),
        ],
    )
    def test_bad_arguments_are_refused_when_the_graph_is_built(self, arguments: dict, message: str) -> None:
        with pytest.raises((TypeError, ValueError), match=message):
            pipeline(MixPolicy(MixUp()), **arguments)

    def test_counts_of_another_number_of_classes_are_refused(self) -> None:
        with pytest.raises(ValueError, match=f"mix: policy has Remix with 2 counts, .* {ROWS} classes"):
            pipeline(MixPolicy(MixUp(), remix=Remix([1, 2])))

    @pytest.mark.parametrize(
        "executor",
        [
            {"exec_dynamic": False},
            {"exec_async": False},
            {"exec_pipelined": False},
            {"prefetch_queue_depth": {"cpu_size": 2, "gpu_size": 2}},
        ],
        ids=str,
    )
    def test_images_on_the_gpu_need_the_dynamic_executor(self, executor: dict[str, Any]) -> None:
        """DALI said "require legacy execution model, which was explicitly disabled"."""
        with Pipeline(batch_size=ROWS, num_threads=1, device_id=0, **executor):
            x, y = fn.external_source(source=lambda: (), num_outputs=2)
            maps = fn.external_source(source=lambda: ())
            given: dict[str, Any] = {"image_size": 8, "num_classes": ROWS}
            with pytest.raises(ValueError, match=r"mix: .* leave out exec_dynamic=False"):
                mix(x.gpu(), y, CutMix(), **given)
            with pytest.raises(ValueError, match=r"mix: .* leave out exec_dynamic=False"):
                mix(x, y, CutMix(), segmentation=maps.gpu(), **given)
            mix(x, y, CutMix(), segmentation=maps, **given)
        with Pipeline(batch_size=ROWS, num_threads=1, device_id=0):
            x, y = fn.external_source(source=lambda: (), num_outputs=2)
            assert mix(x.gpu(), y, CutMix(), **given)[0].device == "gpu"

    @pytest.mark.parametrize("given", [(H + 8, W), (H - 8, W), (W, H), 16])
    def test_another_size_than_the_images_have_ends_the_run_with_both(self, given: Any) -> None:
        """Case 20: pixels and labels differed by up to 0.75."""
        height, width = (given, given) if isinstance(given, int) else given
        message = rf"{H} x {W} pixels.*image_size=\({height}, {width}\)"
        with pytest.raises(RuntimeError, match=message):
            run(pipeline(MixPolicy(CutMix(1.0)), image_size=given), 1)

    def test_a_schedule_that_could_not_act_is_refused(self) -> None:
        """Case 21: DALI's iterators do not tell a pipeline when an epoch ends."""
        policy = MixPolicy(MixUp(), schedule=Schedule(stop=1))
        with pytest.raises(ValueError, match="Give steps_per_epoch"):
            pipeline(policy)

    def test_a_stop_iteration_of_a_curve_does_not_pass_for_the_end_of_the_data(self) -> None:
        policy = MixPolicy(MixUp(), schedule=Schedule(prob=lambda epoch: next(iter([1.0] * (epoch == 0)))))
        with pytest.raises(RuntimeError, match="raised StopIteration"):
            run(pipeline(policy, steps_per_epoch=1), 2)

    def test_a_policy_is_needed(self) -> None:
        with pytest.raises(TypeError, match="expected a MixPolicy"):
            mix(None, None, None, image_size=1)  # type: ignore[arg-type]

    @pytest.mark.parametrize(
        ("method", "taken"),
        [
            (ResizeMix(), ["uint8", "int16", "float32"]),
            (CutMix(), ["uint8", "int16", "int32", "float32"]),
            (MixUp(), ["uint8", "int16", "uint16", "int32", "float32"]),
            (FMix(), ["uint8", "int16", "uint16", "int32", "float32"]),
            (SmoothMix(), ["uint8", "int16", "uint16", "int32", "float32"]),
        ],
        ids=repr,
    )
    def test_types_that_no_operator_of_the_methods_takes_are_refused_by_name(
        self, method: Method, taken: list[str]
    ) -> None:
        """DALI ended the batch with "Unsupported type: int32" of one of its operators."""
        policy = MixPolicy(method, granularity="sample", prob=0.7)
        every = ["bool", *np.typecodes["AllInteger"], "float16", "float32", "float64"]
        for dtype in {np.dtype(kind).name for kind in every}:
            made = pipeline(policy, images=lambda step, dtype=dtype: noise(step).astype(dtype))
            if dtype in taken:
                assert run(made, 1)[0][0].shape == (ROWS, H, W, 3)
            else:
                message = (
                    rf"rows of type {dtype}; .* expected {', '.join(taken[:-1])} or float32: give them as"
                )
                with pytest.raises(RuntimeError, match=message):
                    run(made, 1)

    def test_half_images_are_told_how_to_be_mixed(self) -> None:
        with pytest.raises(RuntimeError, match=r"rows of type float16.* or, for float16, half_images=True"):
            run(pipeline(MixPolicy(MixUp()), images=lambda step: noise(step).astype(np.float16)), 1)
