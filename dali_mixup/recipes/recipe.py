"""Recipe: a published way to train, checked when it is read, and the loaders, the policy and the loss it describes."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field, model_validator

from dali_mixup._decide.policy import MixPolicy
from dali_mixup._decide.relabel import CorruptLabels
from dali_mixup._decide.unlabelled import Unlabelled
from dali_mixup._epochs.orders import Order
from dali_mixup._graph.options import Output, Runtime
from dali_mixup._repr import printable
from dali_mixup.augment import TrainTransform
from dali_mixup.augment.by_pixels import refuse_operations
from dali_mixup.augment.sizes import ImageSize
from dali_mixup.augment.view import View
from dali_mixup.recipes.errors import Fault, nearest
from dali_mixup.recipes.in_file import InFile
from dali_mixup.recipes.keys import key_paths
from dali_mixup.recipes.section import Section
from dali_mixup.recipes.sections import Loss, Source, UnlabelledStream, Validation
from dali_mixup.recipes.training import Latent, Training
from dali_mixup.recipes.views import check_views
from dali_mixup.sources import Skip

if TYPE_CHECKING:
    from torch import nn

    from dali_mixup._loader.loader import MixLoader

log = logging.getLogger("dali_mixup")


class Recipe(Section):
    """A recipe file. `load_recipe` reads one; every field is a section of the file.

    Example:
        >>> recipe = load_recipe("deit-s")
        >>> loader = recipe.train_loader("imagenet/train", batch_size=256)
        >>> loss = recipe.loss()
    """

    title: str
    source: Source
    policy: Annotated[MixPolicy | None, InFile()] = Field(
        default=None, description="how batches are mixed; null: not at all"
    )
    transform: Annotated[TrainTransform, InFile()] = TrainTransform()
    views: Annotated[Sequence[View] | None, InFile()] = Field(
        default=None, description="the images of each sample, mixed by policies of their own; null: one"
    )
    unlabelled_: UnlabelledStream | None = Field(
        default=None,
        alias="unlabelled",
        description="unlabelled samples beside the labelled ones; null: none",
    )
    order: Annotated[Order | None, InFile()] = Field(
        default=None, description="the order of an epoch's samples; null: shuffled"
    )
    output: Annotated[Output, InFile()] = Output()
    runtime: Annotated[Runtime, InFile()] = Runtime()
    labels: Annotated[CorruptLabels | None, InFile()] = Field(
        default=None, description="labels to corrupt deliberately; null: none"
    )
    bad_files: Annotated[Literal["raise"] | Skip, InFile()] = Field(
        default="raise", description="what to do with a file that cannot be read or decoded"
    )
    loss_: Loss = Field(default=Loss(), alias="loss")
    validation: Validation = Validation()
    training: Training
    latent: Latent | None = None
    recalled: list[str] = Field(
        default=[],
        description="keys whose value was written from memory of the source and not checked against it",
    )
    unstated: list[str] = Field(
        default=[],
        description="keys the source was not found to state; the value here is the library's default",
    )
    omitted: list[str] = Field(
        default=[], description="ingredients of the source that this library does not provide"
    )

    @model_validator(mode="after")
    def _fits_together(self) -> Recipe:
        try:
            self.output.of_pixels("output")
        except ValueError as error:
            raise Fault("output", str(error).removeprefix("output: output has ")) from error
        try:
            refuse_operations("transform", self.transform, self.output.kind)
        except ValueError as error:
            raise Fault("transform", str(error).removeprefix("transform: ")) from error
        self._check_smoothing()
        self._check_union()
        if self.loss_.name == "regmixup" and self.policy is None:
            raise Fault("loss.name", "regmixup, but policy: null mixes nothing; give the recipe a policy")
        check_views(self)
        known = set(key_paths(self))
        for field in ("recalled", "unstated"):
            for i, path in enumerate(getattr(self, field)):
                if path not in known:
                    raise Fault(f"{field}[{i}]", f"no key {path!r} in this recipe{nearest(path, known)}")
        return self

    @property
    def policies(self) -> tuple[MixPolicy, ...]:
        """The policies by which images are mixed: the recipe's, or those of its views."""
        of_views = [view.mixing for view in self.views or ()]
        return tuple(policy for policy in (self.policy, *of_views) if policy is not None)

    def _check_smoothing(self) -> None:
        mixed = max((policy.label_smoothing for policy in self.policies), default=0.0)
        plain, threshold = self.loss_.smoothing, self.loss_.target_threshold
        if self.policies and plain:
            why = (
                f"policy.label_smoothing={mixed} as well would smooth twice"
                if mixed
                else "the batches are mixed"
            )
            raise Fault(
                "loss.smoothing",
                f"{plain}, but {why}: mixed targets are smoothed where they are mixed. Set loss.smoothing: 0 and use "
                "policy.label_smoothing",
            )
        if threshold == 0 and (mixed or plain):
            raise Fault(
                "loss.target_threshold",
                f"0 with label smoothing {mixed or plain}: smoothing lifts every class above 0, so all of them would "
                "count as positive. Set the smoothing to 0",
            )

    def _check_union(self) -> None:
        name = self.loss_.name
        united = any(policy.label_mixing == "union" for policy in self.policies)
        if united and name in ("cross-entropy", "regmixup"):
            raise Fault(
                "loss.name",
                f"{name} with label_mixing: union in a policy, where a row may have several labels of 1, which a "
                "softmax cannot reach; expected loss.name: binary-cross-entropy",
            )

    def train_loader(self, data: Any, *, batch_size: int, **overrides: Any) -> MixLoader:
        """`dali_mixup.train_loader` with everything the recipe says.

        Args:
            data: as `train_loader` takes them.
            batch_size: samples per rank and step.
            overrides: arguments of `train_loader` that replace the recipe's; `image_size` replaces the size of the
                recipe's transform, and of its views if they all have one size.

        Raises:
            TypeError: an override that `train_loader` does not have; and whatever `train_loader` raises.
            ValueError: image_size= for views of several sizes.
        """
        from dali_mixup._loader.factory import train_loader
        from dali_mixup.recipes.building import train_arguments

        self._say_what_is_missing()
        if self.unlabelled_ is not None and "handover" not in overrides:
            log.warning(
                "recipe %s: its unlabelled samples are not read; give the loader "
                "handover=HandOver(unlabelled=recipe.unlabelled(data, batch_size=%s))",
                printable(self.title),
                batch_size,
            )
        return train_loader(data, batch_size=batch_size, **train_arguments(self, overrides))

    def val_loader(self, data: Any, *, batch_size: int, **overrides: Any) -> MixLoader:
        """`dali_mixup.val_loader` with the recipe's resize, crop and normalisation; arguments as in `train_loader`.

        With another `image_size`, the ratio of resize_size to it stays the recipe's.
        """
        from dali_mixup._loader.factory import val_loader
        from dali_mixup.recipes.building import val_arguments

        return val_loader(data, batch_size=batch_size, **val_arguments(self, overrides))

    def unlabelled(self, data: Any, *, batch_size: int, image_size: ImageSize | None = None) -> Unlabelled:
        """The stream of unlabelled samples, for `train_loader(handover=HandOver(unlabelled=...))`.

        Args:
            data: as `train_loader` takes them.
            batch_size: labelled samples per rank and step; the stream has `unlabelled.ratio` as many for each.
            image_size: as that of `train_loader`, if you give it one.

        Raises:
            ValueError: a recipe without an `unlabelled` section; image_size= for views of several sizes.
        """
        from dali_mixup.recipes.views import stream_of

        return stream_of(self, data, batch_size, image_size)

    def loss(self) -> nn.Module:
        """The loss as a module of (logits (N, C), the loader's targets); `RegMixupLoss` takes the clean images' too,
        `JensenShannonCrossEntropy` the logits of all views.

        Raises:
            ValueError: a loss that is not one of the library's.
        """
        from dali_mixup.recipes.building import loss

        return loss(self)

    def latent_module(self, **arguments: Any) -> Any:
        """The `dali_mixup.latent` object of a recipe whose method works inside the network, else None.

        Args:
            arguments: what only your script knows, such as `num_classes`.
        """
        if self.latent is None:
            return None
        from dali_mixup import latent

        parameters = {
            key: tuple(v) if isinstance(v, list) else v for key, v in self.latent.parameters.items()
        }

        return getattr(latent, self.latent.module)(**{**parameters, **arguments})

    def _say_what_is_missing(self) -> None:
        for item in self.omitted:
            log.warning("recipe %s: not provided here: %s", printable(self.title), printable(item))
