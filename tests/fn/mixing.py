"""A small pipeline around fn.mix, whose images are one white one among black ones, or noise."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from nvidia.dali import Pipeline, fn, pipeline_def, types

from dali_mixup._decide.policy import MixPolicy
from dali_mixup._graph.options import Output
from dali_mixup.fn import mix
from dali_mixup.methods import CutMix, MixUp

ROWS, H, W = 7, 20, 34
BOTH = (MixUp(0.8), CutMix(1.0))
FLOAT = types.DALIDataType.FLOAT
UNIT = Output(mean=0, std=255, channels_last=True)  # pixels in 0..1, in the layout that the images have

Images = Callable[[int], np.ndarray]


def white(step: int) -> np.ndarray:
    """(ROWS, H, W, 3): image `step` mod ROWS is white, the others black."""
    images = np.zeros((ROWS, H, W, 3), np.uint8)
    images[step % ROWS] = 255
    return images


def noise(step: int) -> np.ndarray:
    return np.random.RandomState(step).randint(0, 256, (ROWS, H, W, 3), dtype=np.uint8)


def pipeline(
    policy: MixPolicy | None,
    images: Images = white,
    labels: Callable[[int], np.ndarray] = lambda step: np.arange(ROWS, dtype=np.int32)[:, None],
    conditionals: bool = False,
    device_id: int | None = None,
    layout: str = "HWC",
    threads: int = 2,
    prefetch: int = 2,
    **arguments: Any,
) -> Pipeline:
    """A pipeline around mix(); without a policy it only normalises."""
    defaults = {"num_classes": ROWS, "output": UNIT, "seed": 5, "image_size": (H, W)}

    @pipeline_def(
        batch_size=ROWS,
        num_threads=threads,
        device_id=device_id,
        enable_conditionals=conditionals,
        prefetch_queue_depth=prefetch,
        enable_checkpointing=True,
    )
    def graph():  # type: ignore[no-untyped-def]
        x = fn.external_source(
            source=lambda i: images(i.iteration), batch=True, batch_info=True, layout=layout
        )
        y = fn.external_source(source=lambda i: labels(i.iteration), batch=True, batch_info=True)
        if device_id is not None:
            x = x.gpu()
        if policy is None:
            return fn.crop_mirror_normalize(x, mean=[0.0], std=[255.0], dtype=FLOAT, output_layout=layout), y
        out, targets = mix(x, y, policy, **(defaults | {"layout": layout} | arguments))
        return (out, *targets) if isinstance(targets, tuple) else (out, targets)

    pipe = graph()
    pipe.build()
    return pipe


def run(pipe: Pipeline, batches: int = ROWS) -> list[list[torch.Tensor]]:
    return [[torch.from_dlpack(o.as_cpu().as_tensor()).clone() for o in pipe.run()] for _ in range(batches)]
