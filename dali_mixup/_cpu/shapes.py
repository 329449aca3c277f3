"""The shapes of what the compiled operators return, which DALI asks for before it runs them."""

from __future__ import annotations

from typing import Any

from dali_mixup._cpu.abi import SETUP, entry_point, shape_of


def setup_images(planes: bool) -> Any:
    """Outputs of (3, H, W) or (H, W, 3), where the second input is (H, W, 3)."""

    def shapes(
        out_shapes: int,
        out_dims: int,
        out_count: int,
        in_shapes: int,
        in_dims: int,
        in_count: int,
        samples: int,
    ) -> None:
        for i in range(samples):
            out, size = shape_of(out_shapes, i, 3), shape_of(in_shapes, samples + i, 3)
            first = 1 if planes else 0
            out[0], out[1], out[2] = 3, 3, 3
            out[first], out[first + 1] = size[0], size[1]

    return entry_point(SETUP, shapes)


def setup_addresses() -> Any:
    """Outputs of the shape of the first input, (k,)."""

    def shapes(
        out_shapes: int,
        out_dims: int,
        out_count: int,
        in_shapes: int,
        in_dims: int,
        in_count: int,
        samples: int,
    ) -> None:
        for i in range(samples):
            shape_of(out_shapes, i, 1)[0] = shape_of(in_shapes, i, 1)[0]

    return entry_point(SETUP, shapes)


def setup_same() -> Any:
    """Outputs of the first input's shape, (H, W, 3)."""

    def shapes(
        out_shapes: int,
        out_dims: int,
        out_count: int,
        in_shapes: int,
        in_dims: int,
        in_count: int,
        samples: int,
    ) -> None:
        for i in range(samples):
            out, size = shape_of(out_shapes, i, 3), shape_of(in_shapes, i, 3)
            out[0], out[1], out[2] = size[0], size[1], size[2]

    return entry_point(SETUP, shapes)
