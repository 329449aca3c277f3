"""fn.mix in a pipeline with `enable_conditionals`: outside of an `if`, and not inside."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from nvidia.dali import Pipeline, fn, pipeline_def, types

from dali_mixup import MixPolicy, MixUp
from dali_mixup.fn import mix

ROWS, SIZE = 6, 8
FLOAT = types.DALIDataType.FLOAT
MIXING = {"image_size": SIZE, "num_classes": ROWS, "seed": 3}
CHOSEN = np.array([True, False, False, True, True, False])


def inputs() -> Any:
    images = np.random.RandomState(0).randint(0, 256, (ROWS, SIZE, SIZE, 3)).astype(np.uint8)
    return fn.external_source(
        source=lambda info: (images, np.arange(ROWS, dtype=np.int32), CHOSEN),
        num_outputs=3,
        batch=True,
        batch_info=True,
    )


def test_its_rows_may_be_chosen_afterwards() -> None:
    @pipeline_def(batch_size=ROWS, num_threads=2, device_id=None, enable_conditionals=True)
    def graph():  # type: ignore[no-untyped-def]
        images, labels, chosen = inputs()
        _, targets = mix(images, labels, MixUp(), **MIXING)
        if chosen:  # noqa: SIM108  (DALI has no conditional expressions)
            kept = targets * 1.0
        else:
            kept = fn.one_hot(labels, num_classes=ROWS, dtype=FLOAT)
        return kept

    pipe = graph()
    for step in range(3):
        (kept,) = (np.array(out.as_tensor()) for out in pipe.run())
        plan = MixPolicy(MixUp()).plan(ROWS, SIZE, SIZE, seed=3, epoch=0, step=step)
        expected = np.where(CHOSEN[:, None], plan.targets(np.arange(ROWS), ROWS), np.eye(ROWS))
        np.testing.assert_allclose(kept, expected, atol=1e-6)


@pytest.mark.parametrize("negated", [False, True])
def test_inside_an_if_it_is_refused(negated: bool) -> None:
    """A branch without rows would not count as a step."""

    @pipeline_def(batch_size=ROWS, num_threads=1, device_id=None, enable_conditionals=True)
    def graph():  # type: ignore[no-untyped-def]
        images, labels, chosen = inputs()
        if chosen:
            targets = fn.cast(labels, dtype=FLOAT) if negated else mix(images, labels, MixUp(), **MIXING)[1]
        else:
            targets = mix(images, labels, MixUp(), **MIXING)[1] if negated else fn.cast(labels, dtype=FLOAT)
        return targets

    with pytest.raises(Exception, match="mix: called inside an `if`"):
        graph()


def test_outside_a_pipeline_it_is_refused() -> None:
    with Pipeline(batch_size=ROWS, num_threads=1, device_id=None):
        images, labels, _ = inputs()
    with pytest.raises(TypeError, match="call mix inside a pipeline_def"):
        mix(images, labels, MixUp(), **MIXING)
