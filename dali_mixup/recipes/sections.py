"""The smaller sections: source, loss, unlabelled samples and validation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import Field, model_validator

from dali_mixup.augment import ValTransform
from dali_mixup.augment.view import View
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

    name: Literal["cross-entropy", "binary-cross-entropy", "regmixup", "jensen-shannon", "in-example"] = (
        Field(
            default="cross-entropy",
            description="regmixup: cross-entropy of the clean and of the mixed images; the loader hands over both. "
            "jensen-shannon: AugMix's, of all views. in-example: not one of the library's, see example",
        )
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
    example: str | None = Field(
        default=None, description="in-example only: the file of the examples that has the loss"
    )

    @model_validator(mode="after")
    def _of_one_kind(self) -> Loss:
        if self.name != "binary-cross-entropy" and (self.target_threshold is not None or self.sum_classes):
            raise ValueError("target_threshold and sum_classes belong to name: binary-cross-entropy")
        if self.name != "regmixup" and self.eta != 1:
            raise ValueError("eta belongs to name: regmixup")
        if self.name != "jensen-shannon" and self.alpha != 12:
            raise ValueError("alpha belongs to name: jensen-shannon")
        if (self.name == "in-example") != (self.example is not None):
            raise ValueError("example and name: in-example belong together; give both or neither")
        return self


class UnlabelledStream(Section):
    """Unlabelled samples beside the labelled ones: `Recipe.unlabelled` makes the stream of your data."""

    ratio: Annotated[int, Field(ge=1)] = Field(
        default=1, description="unlabelled samples for every labelled one of a batch"
    )
    views: Annotated[Sequence[View] | None, InFile()] = Field(
        default=None, description="the images of each sample; null: one, by the transform"
    )


class Validation(Section):
    """The transform of validation images, and what is done with their predictions."""

    transform: Annotated[ValTransform, InFile()] = ValTransform()
    flip_average: bool = Field(
        default=False, description="predictions averaged over the image and its mirror image"
    )
