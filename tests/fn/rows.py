"""Rows of any kind through fn.mix."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from nvidia.dali import fn, pipeline_def

from dali_mixup.fn import mix

SEED = 3


def mixed(
    rows: np.ndarray | Sequence[np.ndarray],
    policy: Any,
    steps: int = 1,
    labels: Any = None,
    device: str = "cpu",
    **options: Any,
) -> list[tuple[np.ndarray, ...]]:
    """What `steps` batches of the same rows become, every one mixed anew; labels are the rows' numbers."""
    ids = np.arange(len(rows), dtype=np.int32) if labels is None else labels
    classes = {"num_classes": len(rows)} | options

    @pipeline_def(batch_size=len(rows), num_threads=2, device_id=0 if device == "gpu" else None)
    def graph():  # type: ignore[no-untyped-def]
        x = fn.external_source(source=lambda info: list(rows), batch=True, batch_info=True)
        y = fn.external_source(source=lambda info: list(ids), batch=True, batch_info=True)
        made = mix(x.gpu() if device == "gpu" else x, y, policy, seed=SEED, **classes)
        return tuple(node for part in made for node in (part if isinstance(part, tuple) else (part,)))

    pipeline = graph()
    return [tuple(np.array(out.as_cpu().as_tensor()) for out in pipeline.run()) for _ in range(steps)]
