"""The names of the ways to resample an image. DALI's own are in `dali_mixup._graph.decode`."""

from __future__ import annotations

from typing import Literal, get_args

Interpolation = Literal["nearest", "bilinear", "bicubic", "lanczos"]
INTERPOLATIONS: tuple[Interpolation, ...] = get_args(Interpolation)
