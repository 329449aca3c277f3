"""The base of every section of a recipe file, and the kinds of values that several have."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import BaseModel, ConfigDict, Field

Fraction = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[float, Field(gt=0)]
NotNegative = Annotated[float, Field(ge=0)]


class Section(BaseModel):
    """Unknown keys, text for numbers, 1 for true, NaN: all refused."""

    only_in_python: ClassVar[frozenset[str]] = frozenset()
    """Names of options of which no file can hold a value."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, allow_inf_nan=False)
