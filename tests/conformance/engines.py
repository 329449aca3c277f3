"""The engines that carry out a plan, all in one form: a new one is one entry of `ENGINES`.

An engine takes a policy, images (N, H, W, 3), class ids (N,) and their number, and gives `steps` batches, every one
mixed anew from the same images with seed 3 in epoch 0: (images (N, H, W, 3), targets (N, classes)).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from nvidia.dali import Pipeline, fn, types
from nvidia.dali.experimental import dynamic as ndd
from torch import Tensor

from dali_mixup._decide.plan import MixPlan
from dali_mixup._decide.policy import MixPolicy
from dali_mixup._graph.feed import PlanFeed
from dali_mixup._graph.pixels import mixed_and_normalised
from dali_mixup.dynamic import mix
from tests.fn.rows import SEED, mixed

Batches = list[tuple[np.ndarray, np.ndarray]]


@dataclass(frozen=True)
class Engine:
    """
    Attributes:
        run: see above.
        dtypes: of images that it takes.
        resized: the most by which a pixel of a resized image differs from the reference's, in grey levels of 256.
        edges, edges_of_noise: the most by which one of its two outermost pixels on each side does, in smooth images and
            in noise. There DALI's filter, cut off by the image's edge, has other weights than Pillow's.
    """

    run: Callable[[MixPolicy, np.ndarray, np.ndarray, int, int], Batches]
    dtypes: tuple[str, ...] = ("uint8", "float32")
    resized: float = 0.0
    edges: float = 0.0
    edges_of_noise: float = 0.0


def plan_of(policy: MixPolicy, images: np.ndarray, step: int, labels: np.ndarray | None = None) -> MixPlan:
    rows, height, width, _ = images.shape
    return policy.plan(rows, height, width, seed=SEED, epoch=0, step=step, labels=labels)


def reference(policy: MixPolicy, images: np.ndarray, labels: np.ndarray, classes: int, steps: int) -> Batches:
    plans = [plan_of(policy, images, step) for step in range(steps)]
    return [(plan.apply(images, axes=(1, 2)), np.asarray(plan.targets(labels, classes))) for plan in plans]


def torch_by(apply: Callable[[MixPlan, Tensor], Tensor]) -> Callable[..., Batches]:
    """torch's tensors (N, 3, H, W)."""

    def run(policy: MixPolicy, images: np.ndarray, labels: np.ndarray, classes: int, steps: int) -> Batches:
        made: Batches = []
        x, y = torch.from_numpy(images).movedim(3, 1).contiguous(), torch.from_numpy(labels)
        for step in range(steps):
            plan = plan_of(policy, images, step)
            targets = plan.targets(y, classes)
            assert isinstance(targets, Tensor)
            made.append((np.asarray(apply(plan, x).movedim(1, 3)), targets.numpy()))
        return made

    return run


class Subclass(Tensor):
    """A tensor that NumPy does not mix, on a CPU."""


def vectorised(plan: MixPlan, x: Tensor) -> Tensor:
    return plan.apply(x.as_subclass(Subclass), axes=(2, 3)).as_subclass(Tensor)  # type: ignore[return-value]


def dali(policy: MixPolicy, images: np.ndarray, labels: np.ndarray, classes: int, steps: int) -> Batches:
    size = images.shape[1:3]
    made = mixed(images, policy, steps, labels.astype(np.int32), image_size=size, num_classes=classes)
    return [(pixels, targets) for pixels, targets in made]


def kernels(policy: MixPolicy, images: np.ndarray, labels: np.ndarray, classes: int, steps: int) -> Batches:
    """The compiled kernels of the loaders, planar as models want it."""
    rows, height, width, _ = images.shape
    feed = PlanFeed(policy, (0.0,) * 3, (1.0,) * 3, height, width, compiled=True)

    def source(info: Any) -> tuple[Any, ...]:
        return (list(images), *feed.arrays(plan_of(policy, images, info.iteration), feed.pixel_names))

    pipe = Pipeline(batch_size=rows, num_threads=2, device_id=None)
    with pipe:
        fed = fn.external_source(
            source=source, num_outputs=1 + len(feed.pixel_names), batch=True, batch_info=True
        )
        nodes = dict(zip(feed.pixel_names, fed[1:], strict=True))
        pixels = fn.reshape(fed[0], layout="HWC")
        pipe.set_outputs(mixed_and_normalised(pixels, feed, nodes, types.DALIDataType.FLOAT, "CHW"))
    pipe.build()
    made = [np.array(pipe.run()[0].as_tensor()).transpose(0, 2, 3, 1) for _ in range(steps)]
    return [
        (pixels, np.asarray(plan_of(policy, images, step).targets(labels, classes)))
        for step, pixels in enumerate(made)
    ]


def dynamic(policy: MixPolicy, images: np.ndarray, labels: np.ndarray, classes: int, steps: int) -> Batches:
    made: Batches = []
    for step in range(steps):
        batch = ndd.as_batch(images, layout="HWC")
        parts = mix(batch, labels, plan_of(policy, images, step), num_classes=classes)
        pixels, targets = (np.asarray(part.cpu().torch()) for part in parts)
        made.append((pixels, targets))
    return made


ENGINES = {
    "torch, row by row": Engine(torch_by(lambda plan, x: plan.apply(x, axes=(2, 3)))),
    "torch, all rows at once": Engine(torch_by(vectorised), resized=1e-4, edges=1e-4, edges_of_noise=1e-4),
    "fn.mix": Engine(dali, resized=1.0, edges=8.0, edges_of_noise=24.0),
    "dynamic.mix": Engine(dynamic, resized=1.0, edges=8.0, edges_of_noise=24.0),
    "compiled kernels": Engine(kernels, dtypes=("uint8",), resized=1.0, edges=1.0, edges_of_noise=1.0),
}
