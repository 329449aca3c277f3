"""The sections of a recipe file, as models that refuse what they do not know, and what cannot be done."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from .. import alternation
from ..methods import Method
from ..policy import MixPolicy
from ..schedule import Schedule
from .methods import method_of

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


class Source(Section):
    """Where the recipe was published and what it reached there."""

    paper: str | None = Field(default=None, description="title and arXiv number or journal")
    code: str | None = Field(default=None, description="URL of the code the values were read in")
    dataset: Literal["imagenet-1k", "cifar-10", "cifar-100"] = "imagenet-1k"
    model: str = Field(description="name of the network in timm, the default of `dali-mixup train`")
    published_model: str | None = Field(
        default=None, description="the source's network where timm has no equal one"
    )
    top1: Annotated[float, Field(ge=0, le=100)] | None = Field(
        default=None,
        description="published top-1 accuracy in percent; none where the source gives none for these settings",
    )
    notes: str = ""


class Normalisation(Section):
    """(value / 255 - mean) / std a colour: numbers on the 0..1 scale papers print."""

    mean: Triple = [0.485, 0.456, 0.406]
    std: Triple = [0.229, 0.224, 0.225]


class Crop(Section):
    """Which part of an image is taken."""

    kind: Literal["resized", "padded"] = Field(
        default="resized",
        description="a random window resized (RandomResizedCrop), or a window of the image with a border",
    )
    scale: Pair = Field(
        default=[0.08, 1.0], description="of kind resized: range of the window's share of the area"
    )
    ratio: Pair = Field(default=[3 / 4, 4 / 3], description="of kind resized: range of width / height")
    padding: Annotated[int, Field(ge=0)] = Field(
        default=4, description="of kind padded: pixels of zeros on each side"
    )

    @model_validator(mode="after")
    def _of_one_kind(self) -> Crop:
        foreign = {"padded": {"scale", "ratio"}, "resized": {"padding"}}[self.kind] & self.model_fields_set
        if foreign:
            raise ValueError(
                f"{', '.join(sorted(foreign))} belongs to the other kind of crop; kind is {self.kind!r}"
            )
        return self


class SizeSchedule(Section):
    """Progressive resizing: straight lines between the knots, rounded to multiples."""

    knots: Annotated[list[Pair], Field(min_length=1)] = Field(description="[[epoch, pixels], ...]")
    multiple: Annotated[int, Field(ge=1)] = 32


class MultiScale(Section):
    """A random size every epoch or batch, the same on all ranks."""

    sizes: Annotated[list[Pixels], Field(min_length=1)]
    every: Literal["epoch", "batch"] = "epoch"


class Erasing(Section):
    """Random erasing of rectangles (Zhong et al., arXiv 1708.04896)."""

    prob: Fraction
    mode: Literal["const", "rand", "pixel"] = Field(
        default="const",
        description="filled with 0 after normalisation, with one normal draw a channel, or with one a pixel",
    )
    place: Literal["before_mix", "after_mix"] = "before_mix"
    area: Pair = [0.02, 1 / 3]
    ratio: Pair = [0.3, 10 / 3]
    count: Annotated[int, Field(ge=1)] = 1


class Cutout(Section):
    """A square of zeros (DeVries and Taylor, arXiv 1708.04552)."""

    size: Pixels
    prob: Fraction = 1.0


class Augmentation(Section):
    """What happens to a training image before it is mixed, in this order; see `dali_mixup.augment.TrainTransform`."""

    image_size: Pixels = 224
    size_schedule: SizeSchedule | None = Field(default=None, description="in place of image_size")
    multi_scale: MultiScale | None = Field(default=None, description="in place of image_size")
    crop: Crop = Crop()
    interpolation: Interpolation = "bilinear"
    antialias: bool = True
    hflip: Fraction = 0.5
    auto_augment: str | None = Field(
        default=None,
        description='a timm string such as "rand-m9-mstd0.5-inc1" or "3a", or torchvision\'s "imagenet", "ta_wide"',
    )
    fill: Annotated[list[Annotated[int, Field(ge=0, le=255)]], Field(min_length=3, max_length=3)] | None = (
        Field(
            default=None,
            description="colour that auto_augment brings in; none: as the string's own library does",
        )
    )
    color_jitter: Annotated[list[NotNegative], Field(min_length=3, max_length=4)] | None = Field(
        default=None, description="strength of brightness, contrast, saturation and, where given, hue"
    )
    color_jitter_prob: Fraction = 1.0
    grayscale: Fraction = 0.0
    solarize: Fraction = 0.0
    gaussian_blur: Fraction = 0.0
    blur_sigma: Pair = [0.1, 2.0]
    lighting: NotNegative = Field(default=0.0, description="standard deviation of AlexNet's PCA noise")
    cutout: Cutout | None = None
    erasing: Erasing | None = None
    repeats: Annotated[int, Field(ge=1)] = Field(
        default=1, description="repeated augmentation: views of a sample an epoch"
    )

    @model_validator(mode="after")
    def _one_size(self) -> Augmentation:
        given = [
            key for key in ("image_size", "size_schedule", "multi_scale") if key in self.model_fields_set
        ]
        given = [key for key in given if getattr(self, key) is not None]
        if len(given) > 1:
            raise ValueError(f"{' and '.join(given)} are given; the size is one of them")
        return self

    @model_validator(mode="after")
    def _possible(self) -> Augmentation:
        try:
            from .transform import train_transform
        except ModuleNotFoundError as error:
            if error.name is not None and error.name.startswith("nvidia"):
                return self  # recipes can be read where DALI is not installed
            raise
        train_transform(self)
        return self

    @property
    def last_size(self) -> int:
        """Pixels at the end of training, or the most there are."""
        if self.size_schedule is not None:
            return round(self.size_schedule.knots[-1][1])
        return self.image_size if self.multi_scale is None else max(self.multi_scale.sizes)


class MixingSchedule(Section):
    """When mixing is on; see `dali_mixup.schedule.Schedule`."""

    start: NotNegative = 0.0
    stop: NotNegative | None = None
    unit: Literal["epoch", "step", "fraction"] = "epoch"
    prob: Curve | None = Field(default=None, description="replaces mixing.prob")
    weights: list[Curve] | None = Field(
        default=None, description="a curve a method, replacing mixing.weights"
    )
    alpha: list[Curve | None] | None = Field(
        default=None, description="a curve (or null) a method, replacing its alpha"
    )


class Alternation(Section):
    """Steps that are left unmixed as a whole, for a latent module to take; see `dali_mixup.alternation.Alternation`."""

    clean: Fraction = 0.5
    per_rank: bool = False


class Mixing(Section):
    """The mixing policy; see `dali_mixup.policy.MixPolicy`."""

    methods: Annotated[list[dict[str, Any]], Field(min_length=1)] = Field(
        description="each {method: a registered name, its parameters ...}"
    )
    weights: list[NotNegative] | None = None
    prob: Fraction = 1.0
    granularity: Literal["batch", "pair", "sample"] = "batch"
    partners: Literal["permutation", "derangement", "flip", "roll", "same_class", "other_class"] = (
        "permutation"
    )
    label_smoothing: Annotated[float, Field(ge=0, lt=1)] = 0.0
    schedule: MixingSchedule | None = None
    alternation: Alternation | None = None

    @model_validator(mode="after")
    def _possible(self) -> Mixing:
        # total_epochs does not decide whether a schedule is possible, so any number does here.
        self.policy(total_epochs=1)
        return self

    def policy(self, total_epochs: float) -> MixPolicy:
        """The policy itself; `total_epochs` is what a schedule in fractions is a fraction of."""
        methods: list[Method] = [method_of(item, f"methods[{i}]") for i, item in enumerate(self.methods)]
        schedule = None
        if self.schedule is not None:
            given = self.schedule
            schedule = Schedule(
                start=given.start,
                stop=given.stop,
                unit=given.unit,
                total_epochs=total_epochs if given.unit == "fraction" else None,
                prob=_knots(given.prob),
                weights=None if given.weights is None else [_knots(curve) for curve in given.weights],
                alpha=None if given.alpha is None else [_knots(curve) for curve in given.alpha],
            )
        return MixPolicy(
            methods,
            weights=self.weights,
            prob=self.prob,
            granularity=self.granularity,
            partners=self.partners,
            label_smoothing=self.label_smoothing,
            schedule=schedule,
            alternation=None
            if self.alternation is None
            else alternation.Alternation(self.alternation.clean, self.alternation.per_rank),
        )


def _knots(curve: list[list[float]] | None) -> Any:
    return None if curve is None else [(epoch, value) for epoch, value in curve]


class Loss(Section):
    """What is minimised."""

    name: Literal["cross-entropy", "binary-cross-entropy"] = "cross-entropy"
    smoothing: Annotated[float, Field(ge=0, lt=1)] = Field(
        default=0.0,
        description="label smoothing where nothing is mixed; with mixing it is mixing.label_smoothing",
    )
    target_threshold: Annotated[float, Field(ge=0, lt=1)] | None = Field(
        default=None, description="binary cross-entropy only: a target above it counts as 1, every other as 0"
    )
    sum_classes: bool = Field(
        default=False, description="binary cross-entropy only: sum over classes, mean over rows"
    )

    @model_validator(mode="after")
    def _of_one_kind(self) -> Loss:
        if self.name == "cross-entropy" and (self.target_threshold is not None or self.sum_classes):
            raise ValueError("target_threshold and sum_classes belong to name: binary-cross-entropy")
        return self


class Validation(Section):
    """How an image is cut for validation."""

    image_size: Pixels = 224
    resize_size: Pixels = Field(
        default=256, description="pixels of the shorter side before the centre is cropped"
    )
    interpolation: Interpolation = "bilinear"
    antialias: bool = True
    flip_average: bool = Field(
        default=False, description="predictions averaged over the image and its mirror image"
    )

    @model_validator(mode="after")
    def _crop_fits(self) -> Validation:
        if self.resize_size < self.image_size:
            raise ValueError(
                f"resize_size={self.resize_size} is smaller than image_size={self.image_size}; expected at least that"
            )
        return self


class Optimizer(Section):
    """An optimiser of timm by name, and its parameters where the source gives them."""

    name: Literal["sgd", "sgdw", "adamw", "adam", "lamb", "rmsprop"]
    momentum: Fraction | None = None
    nesterov: bool = False
    betas: Pair | None = None
    eps: Positive | None = None
    alpha: Fraction | None = Field(
        default=None, description="of rmsprop: decay of the squared gradients' average"
    )

    @model_validator(mode="after")
    def _of_its_kind(self) -> Optimizer:
        if self.alpha is not None and self.name != "rmsprop":
            raise ValueError(f"alpha is rmsprop's; the name is {self.name!r}")
        if self.nesterov and self.name not in ("sgd", "sgdw"):
            raise ValueError(f"nesterov is sgd's and sgdw's; the name is {self.name!r}")
        return self


class LearningRate(Section):
    """The learning rate over training, a step at a time: a linear warm-up, then a decay."""

    base: Positive = Field(
        description="the largest, at training.batch_size; `dali-mixup train` scales it linearly"
    )
    decay: Literal["cosine", "linear", "step", "constant"] = "cosine"
    final: NotNegative = Field(default=0.0, description="of cosine and linear: what they end at")
    decay_epochs: Positive | None = Field(
        default=None, description="epoch at which `final` is reached; none: the last one"
    )
    milestones: list[Positive] = Field(
        default=[], description="of step: epochs at which the rate is multiplied by gamma"
    )
    gamma: Positive = 0.1
    warmup_epochs: NotNegative = 0.0
    warmup_start: NotNegative = Field(default=0.0, description="the rate before the first step")

    @model_validator(mode="after")
    def _milestones_of_step(self) -> LearningRate:
        if (self.decay == "step") != bool(self.milestones):
            raise ValueError("milestones and decay: step belong together; give both or neither")
        return self


class Ema(Section):
    """Exponential moving average of the weights: ema <- decay ema + (1 - decay) weights, every so many steps."""

    decay: Fraction
    every: Annotated[int, Field(ge=1)] = 1


class Training(Section):
    """The side of the recipe that `dali-mixup train` follows; a loader does not look here."""

    epochs: Annotated[int, Field(ge=1)]
    batch_size: Annotated[int, Field(ge=1)] = Field(
        description="samples an optimiser step, over all processes"
    )
    optimizer: Optimizer
    learning_rate: LearningRate
    weight_decay: NotNegative = 0.0
    decay_biases_and_norms: bool = Field(
        default=True, description="false: weight decay on weight matrices only"
    )
    clip_grad_norm: Positive | None = None
    drop_path: Fraction = 0.0
    ema: Ema | None = None


class Latent(Section):
    """The part of the method that works inside the network: build it with `Recipe.latent_module`."""

    module: Literal["InterpolationConsistency", "MixMatchStep", "MultiMix", "DenseMultiMix", "ManifoldMixup"]
    parameters: dict[str, Any] = {}
    weight: NotNegative = Field(default=1.0, description="largest weight of the module's loss")
    ramp: Literal["none", "linear", "sigmoid"] = Field(
        default="none", description="how that weight is reached"
    )
    ramp_epochs: NotNegative = 0.0
    teacher_decay: Fraction | None = Field(
        default=None, description="of the EMA teacher, where the method has one"
    )
    views: Annotated[int, Field(ge=0)] = Field(
        default=0, description="independent views of an unlabelled image a step needs"
    )
