"""The smaller sections: source, loss and validation."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from dali_mixup.augment import ValTransform
from dali_mixup.recipes.in_file import InFile
from dali_mixup.recipes.section import NotNegative, Section


class Source(Section):
    """The publication of the recipe, and the accuracy reported there."""

    paper: str | None = Field(default=None, description="title and arXiv number or journal")
    code: str | None = Field(default=None, description="URL of the code the values were read in")
    dataset: Literal["imagenet-1k", "imagenet-lt", "cifar-10", "cifar-100", "cifar-100-lt"] = "imagenet-1k"
    model: str = Field(description="name of the network in timm, the default of `dali-mixup train`")
    published_model: str | None = Field(
        default=None, description="the source's network where timm has no equal one"
    )
    top1: Annotated[float, Field(ge=0, le=100)] | None = Field(
        default=None,
        description="published top-1 accuracy in percent; none where the source gives none for these settings",
    )
    notes: str = ""


class Loss(Section):
    """The loss."""

    name: Literal["cross-entropy", "binary-cross-entropy", "regmixup", "jensen-shannon"] = Field(
        default="cross-entropy",
        description="regmixup: cross-entropy of the clean and of the mixed images; the loader hands over both. "
        "jensen-shannon: of images without transform.auto_augment, and the divergence from the same crops with it; the "
        "loader makes num_splits views",
    )
    smoothing: Annotated[float, Field(ge=0, lt=1)] = Field(
        default=0.0,
        description="label smoothing where nothing is mixed; with mixing it is policy.label_smoothing",
    )
    target_threshold: Annotated[float, Field(ge=0, lt=1)] | None = Field(
        default=None, description="binary cross-entropy only: a target above it counts as 1, every other as 0"
    )
    sum_classes: bool = Field(
        default=False, description="binary cross-entropy only: sum over classes, mean over rows"
    )
    eta: NotNegative = Field(default=1.0, description="regmixup only: weight of the mixed images")
    alpha: NotNegative = Field(default=12.0, description="jensen-shannon only: weight of the divergence")
    num_splits: Annotated[int, Field(ge=2)] = Field(
        default=3, description="jensen-shannon only: views of an image, the first without auto_augment"
    )

    @model_validator(mode="after")
    def _of_one_kind(self) -> Loss:
        if self.name != "binary-cross-entropy" and (self.target_threshold is not None or self.sum_classes):
            raise ValueError("target_threshold and sum_classes belong to name: binary-cross-entropy")
        if self.name != "regmixup" and self.eta != 1:
            raise ValueError("eta belongs to name: regmixup")
        if self.name != "jensen-shannon" and (self.alpha, self.num_splits) != (12, 3):
            raise ValueError("alpha and num_splits belong to name: jensen-shannon")
        return self


class Validation(Section):
    """The transform of validation images, and what is done with their predictions."""

    transform: Annotated[ValTransform, InFile()] = ValTransform()
    flip_average: bool = Field(
        default=False, description="predictions averaged over the image and its mirror image"
    )
