"""What the compiled kernels mix, against NumPy and against the same graph of DALI's operators."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pytest
from nvidia.dali import Pipeline, fn, types
from PIL import Image

from dali_mixup._decide.plan import MixPlan
from dali_mixup._decide.policy import MixPolicy
from dali_mixup._decide.scatter import extended
from dali_mixup._graph.feed import PlanFeed
from dali_mixup._graph.pixels import mixed_and_normalised
from dali_mixup.methods import (
    REGISTRY,
    CutMix,
    CutThumbnail,
    DCutMix,
    Draws,
    FMix,
    Form,
    GMix,
    Method,
    MixUp,
    ResizeMix,
    StackMix,
)

pytest.importorskip("dali_mixup._cpu.operators")

MEAN, STD = (120.0, 115.0, 100.0), (60.0, 58.0, 57.0)
EVERY = [kind() for kind in REGISTRY.values()]


@dataclass(frozen=True)
class Dense(Method):
    """Soft masks as arrays, as a method of a user may draw them, in float64."""

    name: ClassVar[str] = "dense"
    form: ClassVar[Form] = Form.MASK

    def draw(self, rng: np.random.RandomState, n: int, height: int, width: int) -> Draws:
        masks = rng.random_sample((n, height, width))
        own = masks.mean((1, 2))
        return Draws(weights=np.stack([own, 1 - own], axis=1), masks=masks)


@dataclass(frozen=True)
class Scattered(Method):
    """Rectangles of any size, also none, over each other, of the row's own image too."""

    name: ClassVar[str] = "scattered"
    form: ClassVar[Form] = Form.PASTE

    def draw(self, rng: np.random.RandomState, n: int, height: int, width: int) -> Draws:
        def spans(extent: int) -> tuple[np.ndarray, ...]:
            length = rng.randint(0, extent + 1, (n, 9))
            return (*(rng.randint(0, extent - length + 1) for _ in range(2)), length)

        (sy, ty, h), (sx, tx, w) = spans(height), spans(width)
        regions = np.stack([rng.randint(0, 2, (n, 9)), sy, sx, ty, tx, h, w], axis=2)
        return Draws(weights=np.full((n, 2), 0.5), regions=regions)


def noise(rows: int, height: int, width: int) -> np.ndarray:
    return np.random.RandomState(1).randint(0, 256, (rows, height, width, 3)).astype(np.uint8)


def ran(
    images: np.ndarray,
    policy: MixPolicy,
    compiled: bool,
    *,
    layout: str = "CHW",
    rows: int | None = None,
    steps: int = 3,
) -> list[np.ndarray]:
    """Batches of one set of images; `rows` of them are the plan's, the others are partners at most."""
    count, height, width, _ = images.shape
    feed = PlanFeed(policy, MEAN, STD, height, width, compiled)

    def source(info: Any) -> tuple[Any, ...]:
        plan = plan_of(policy, rows or count, height, width, info.iteration)
        return (list(images), *feed.arrays(extended(plan, count), feed.pixel_names))

    pipe = Pipeline(batch_size=count, num_threads=3, device_id=None, prefetch_queue_depth=2)
    with pipe:
        fed = fn.external_source(
            source=source, num_outputs=1 + len(feed.pixel_names), batch=True, batch_info=True
        )
        nodes = dict(zip(feed.pixel_names, fed[1:], strict=True))
        plain = fn.reshape(fed[0], layout="HWC")
        pipe.set_outputs(mixed_and_normalised(plain, feed, nodes, types.DALIDataType.FLOAT, layout))
    pipe.build()
    return [np.array(pipe.run()[0].as_tensor()) for _ in range(steps)]


def plan_of(policy: MixPolicy, rows: int, height: int, width: int, step: int) -> MixPlan:
    return policy.plan(rows, height, width, seed=3, epoch=0, step=step)


def granularities(method: Method) -> tuple[str, ...]:
    return ("batch", "pair", "sample") if method.columns == 2 else ("batch", "sample")


@pytest.mark.parametrize(
    ("rows", "layout", "size"),
    [
        (16, "CHW", (70, 66)),
        (16, "HWC", (70, 66)),
        (11, "CHW", (70, 66)),
        *[
            (16, layout, size)
            for size in [(9, 8), (20, 15), (18, 16), (140, 160)]
            for layout in ("CHW", "HWC")
        ],
    ],
    ids=lambda given: "companions" if given == 11 else str(given),
)
def test_all_methods_together(rows: int, layout: str, size: tuple[int, int]) -> None:
    """Images narrower than a vector, and so large that they are written past the cache, too."""
    policy = MixPolicy([*EVERY, Dense()], granularity="sample", prob=0.9)
    images = noise(16, *size)
    ours, theirs = (
        ran(images, policy, compiled, layout=layout, rows=rows, steps=6) for compiled in (True, False)
    )
    assert {int(f) for step in range(6) for f in plan_of(policy, rows, *size, step).form} == set(Form)
    for step, (mine, other) in enumerate(zip(ours, theirs, strict=True)):
        resized = np.zeros(16, bool)
        resized[:rows] = plan_of(policy, rows, *size, step).form == Form.RESIZE
        np.testing.assert_allclose(mine[~resized], other[~resized], atol=2e-5)
        if size == (70, 66):  # of a few pixels DALI's resize differs more; the next test has these
            apart = np.abs(mine[resized] - other[resized]) * 57
            assert apart.sum() <= 0.5 * apart.size  # grey levels


@pytest.mark.parametrize(
    "method",
    [ResizeMix(), ResizeMix("openmixup"), ResizeMix("mmpretrain"), CutThumbnail(), StackMix()],
    ids=repr,
)
@pytest.mark.parametrize(("height", "width"), [(70, 66), (9, 23), (40, 5)])
def test_resized_images_are_pillows(method: Method, height: int, width: int) -> None:
    images = noise(6, height, width)
    # With DCutMix a row has more regions than insets.
    policy = MixPolicy([method, DCutMix()], weights=[1, 0], granularity="sample", partners="derangement")
    for step, mixed in enumerate(ran(images, policy, True, layout="HWC")):
        plan = plan_of(policy, 6, height, width, step)
        assert plan.insets is not None
        for i, insets in enumerate(plan.insets):
            expected, outside = images[i].astype(float), np.ones((height, width), bool)
            for column, y, x, h, w in insets:
                inside = np.s_[y : y + h, x : x + w]
                image = Image.fromarray(images[plan.partners[i, column]])
                expected[inside] = image.resize((w, h), Image.Resampling.BILINEAR)
                outside[inside] = False
            apart = np.abs(mixed[i] * STD + MEAN - expected)
            assert apart[outside].max(initial=0) < 1e-4 and apart.max() < 1 + 1e-4


@pytest.mark.parametrize(
    "method",
    [Scattered(), *(m for m in EVERY if m.form == Form.PASTE or (m.form == Form.MASK and m.hard))],
    ids=repr,
)
@pytest.mark.parametrize("layout", ["CHW", "HWC"])
def test_copied_pixels_are_those_of_a_row_that_is_left_alone_bit_by_bit(method: Method, layout: str) -> None:
    images = noise(6, 70, 66)
    (plain,) = ran(images, MixPolicy([method], prob=0.0), True, layout=layout, steps=1)
    policy = MixPolicy([method], granularity="sample", partners="derangement")
    for step, mixed in enumerate(ran(images, policy, True, layout=layout)):
        plan = plan_of(policy, 6, 70, 66, step)
        expected = plan.apply(plain, axes=(2, 3) if layout == "CHW" else (1, 2))
        np.testing.assert_array_equal(mixed, expected)


@pytest.mark.parametrize("method", [GMix(), FMix(), CutMix(), MixUp()], ids=repr)
def test_a_batch_of_another_size_follows(method: Method) -> None:
    """The same graph with the arrays of two sizes, as progressive resizing has them."""
    policy = MixPolicy([method], granularity="sample", partners="derangement")
    sizes = [(70, 66), (33, 41), (70, 66)]
    feeds = [PlanFeed(policy, MEAN, STD, *size, True) for size in sizes]
    images = [noise(4, *size) for size in sizes]

    def source(info: Any) -> tuple[Any, ...]:
        at = info.iteration % 3
        plan = plan_of(policy, 4, *sizes[at], 0)
        return (list(images[at]), *feeds[at].arrays(plan, feeds[at].pixel_names))

    names = feeds[0].pixel_names
    pipe = Pipeline(batch_size=4, num_threads=2, device_id=None)
    with pipe:
        fed = fn.external_source(source=source, num_outputs=1 + len(names), batch=True, batch_info=True)
        nodes = dict(zip(names, fed[1:], strict=True))
        plain = fn.reshape(fed[0], layout="HWC")
        pipe.set_outputs(mixed_and_normalised(plain, feeds[0], nodes, types.DALIDataType.FLOAT, "CHW"))
    pipe.build()
    for at in range(3):
        (expected,) = ran(images[at], policy, False, steps=1)
        np.testing.assert_allclose(np.array(pipe.run()[0].as_tensor()), expected, atol=2e-5)
