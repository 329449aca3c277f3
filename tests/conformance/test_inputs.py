"""The table of docs/engines.md, cell by cell: an engine mixes such rows as the reference does, or refuses them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from dali_mixup import MixPolicy
from dali_mixup._decide.plan import MixPlan
from dali_mixup.methods import REGISTRY, Form, Method, MixUp
from tests.fn.rows import SEED, mixed

PAGE = Path(__file__).parents[2] / "docs" / "engines.md"
ROWS, H, W = 6, 21, 34
BLENDING: list[Method] = [MixUp(1.0), MixUp(0.7, k=3)]
ALL = [
    *BLENDING,
    *(kind() for name, kind in REGISTRY.items() if kind.form != Form.RESIZE),
]  # resizing: test_engines


@dataclass(frozen=True)
class Input:
    """The shape of a row, its layout in fn.mix, and the axes of the batch for height and width."""

    shape: tuple[int, ...]
    layout: str | None
    axes: tuple[int, ...] | None

    @property
    def size(self) -> tuple[int, ...]:
        """Of the plan: nothing, or (height, width)."""
        extents = tuple(self.shape[axis - 1] for axis in self.axes or ())
        return (1, *extents) if len(extents) == 1 else extents


INPUTS = {
    "images (H, W, C)": Input((H, W, 3), "HWC", (1, 2)),
    "images (C, H, W)": Input((3, H, W), "CHW", (2, 3)),
    "video (F, H, W, C)": Input((2, H, W, 3), "FHWC", (2, 3)),
    "volumes (D, H, W)": Input((4, H, W), "DHW", (2, 3)),
    "spectrograms (F, T)": Input((H, W), "HW", (1, 2)),
    "sound (T)": Input((200,), "W", (1,)),
    "sound (T, C)": Input((200, 2), "WC", (1,)),
    "feature vectors (F)": Input((17,), None, None),
    "rows of different lengths": Input((), None, None),
}

Run = Callable[[MixPolicy, Any, Input, int], Any]


def tensors(policy: MixPolicy, rows: Any, given: Input, step: int) -> Any:
    x = torch.from_numpy(rows) if isinstance(rows, np.ndarray) else [torch.from_numpy(row) for row in rows]
    return plan_of(policy, given, step).apply(x, axes=given.axes)  # type: ignore[type-var]


def graph(policy: MixPolicy, rows: Any, given: Input, step: int) -> Any:
    size = {"image_size": given.size, "layout": given.layout} if given.size else {}
    return mixed(rows, policy, step + 1, **size)[step][0]


def dynamic(policy: MixPolicy, rows: Any, given: Input, step: int) -> Any:
    from nvidia.dali.experimental import dynamic as ndd

    from dali_mixup.dynamic import mix

    plan = plan_of(policy, given, step)
    batch = ndd.as_batch(list(rows), layout=given.layout)
    return np.asarray(mix(batch, np.arange(ROWS), plan, num_classes=ROWS)[0].cpu().torch())


ENGINES: dict[str, Run] = {"`plan.apply`, `Mixer`": tensors, "`fn.mix`": graph, "`dynamic.mix`": dynamic}


def table() -> dict[tuple[str, str], str]:
    """{(rows, engine): cell} of the page."""
    text = PAGE.read_text().partition("<!-- inputs:begin -->")[2].partition("<!-- inputs:end -->")[0]
    head, _, *lines = [[cell.strip() for cell in line.split("|")[1:-1]] for line in text.strip().splitlines()]
    return {
        (line[0], engine): cell for line in lines for engine, cell in zip(head[1:], line[1:], strict=True)
    }


CELLS = table()


def plan_of(policy: MixPolicy, given: Input, step: int) -> MixPlan:
    return policy.plan(ROWS, *given.size, seed=SEED, epoch=0, step=step)


def test_the_table_is_complete() -> None:
    assert set(CELLS) == {(rows, engine) for rows in INPUTS for engine in ENGINES}
    assert set(CELLS.values()) == {"all", "blend", "no"}


@pytest.mark.parametrize(("rows", "engine"), [key for key, cell in CELLS.items() if cell != "no"])
def test_what_the_table_offers(rows: str, engine: str) -> None:
    given, offered = INPUTS[rows], ALL if CELLS[rows, engine] == "all" else BLENDING
    policy = MixPolicy(offered, granularity="sample")
    x = np.random.RandomState(0).randint(0, 256, (ROWS, *given.shape)).astype(np.uint8)
    for step in range(3):
        expected = plan_of(policy, given, step).apply(x, axes=given.axes)
        np.testing.assert_allclose(ENGINES[engine](policy, x, given, step), expected, atol=255e-6)


@pytest.mark.parametrize(("rows", "engine"), [key for key, cell in CELLS.items() if cell == "no"])
def test_what_the_table_denies(rows: str, engine: str) -> None:
    given = INPUTS[rows]
    policy = MixPolicy(ALL if given.size else BLENDING, granularity="sample")
    shapes = [given.shape or (5 + i,) for i in range(ROWS)]
    x = [np.zeros(shape, np.uint8) for shape in shapes]
    with pytest.raises((TypeError, ValueError, RuntimeError)):
        ENGINES[engine](policy, np.stack(x) if given.shape else x, given, 0)


@pytest.mark.parametrize(
    "engine", [name for name in ENGINES if CELLS["feature vectors (F)", name] == "blend"]
)
def test_a_vector_is_only_blended(engine: str) -> None:
    given = INPUTS["feature vectors (F)"]
    policy = MixPolicy(ALL, granularity="sample")
    with pytest.raises((ValueError, RuntimeError), match="size"):
        ENGINES[engine](policy, np.zeros((ROWS, 17), np.uint8), given, 0)
