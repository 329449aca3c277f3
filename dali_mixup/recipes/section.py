"""What every section of a recipe file has in common, and the kinds of values that occur in several."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Fraction = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[float, Field(gt=0)]
NotNegative = Annotated[float, Field(ge=0)]
Pixels = Annotated[int, Field(ge=1)]
Pair = Annotated[list[float], Field(min_length=2, max_length=2)]
Triple = Annotated[list[float], Field(min_length=3, max_length=3)]
Curve = Annotated[
    list[Pair], Field(min_length=1, description="[[epoch, value], ...] joined by straight lines")
]
Interpolation = Literal["nearest", "bilinear", "bicubic", "lanczos"]


class Section(BaseModel):
    """Unknown keys, text for numbers, 1 for true, NaN: all refused."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, allow_inf_nan=False)
