"""Every size of image that a run will have, tried on its network before the first epoch."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager

import torch
from torch import nn

from dali_mixup._loader.loader import MixLoader
from dali_mixup.augment import TrainTransform
from dali_mixup.augment.sizes import ImageSize, MultiScale, SizeSchedule, size_of

Size = tuple[int, int]


def refuse_sizes(
    name: str,
    network: nn.Module,
    loaders: tuple[MixLoader, MixLoader],
    epochs: int,
    device: torch.device,
    autocast: Callable[[], AbstractContextManager[None]],
) -> None:
    """Raise ValueError for images of training or validation that the network does not take: most vision transformers
    take one size. It sees one black image of each, in evaluation mode, so that nothing of it changes.

    Args:
        name: the model's, for the message.
        loaders: of training and of validation.
        epochs: length of the run.
    """
    train, val = loaders
    transform = train.spec.pipeline.first.transform
    assert isinstance(transform, TrainTransform)
    sizes = training_sizes(transform.image_size, train.spec.seed, epochs)
    mode = network.training
    network.eval()
    for size in dict.fromkeys([*sizes, val.image_size]):
        try:
            with torch.no_grad(), autocast():
                network(torch.zeros(1, len(train.mean), *size, device=device))
        except torch.OutOfMemoryError:
            raise
        except (AssertionError, RuntimeError, ValueError) as error:
            of = "training" if size in sizes else "validation"
            reason = next(iter(str(error).strip().splitlines()), type(error).__name__).rstrip(".")
            changes = isinstance(transform.image_size, SizeSchedule | MultiScale)
            raise ValueError(
                f"train: model {name!r} does not take {of} images of {_text(size)} pixels ({reason}). "
                f"{_advice(of, sizes[-1], changes)}"
            ) from error
    network.train(mode)


def _advice(of: str, last: Size, changes: bool) -> str:
    if of == "validation":
        return (
            f"Set validation.transform.image_size to training's {_text(last)}, and resize_size with it, in a "
            "recipe that extends this one, or choose a model that takes several sizes, such as a ResNet"
        )
    if changes:
        return "Choose one image_size for all epochs, or a model that takes several sizes, such as a ResNet"
    return "Choose another image_size or another model"


def _text(size: Size) -> str:
    return f"{size[0]} x {size[1]}"


def training_sizes(image_size: ImageSize, seed: int, epochs: int) -> list[Size]:
    """(height, width) of all training images of a run."""
    if isinstance(image_size, SizeSchedule):
        return sorted({image_size.at(seed, epoch, 0) for epoch in range(epochs)})
    if isinstance(image_size, MultiScale):
        return [(side, side) for side in sorted(set(image_size.sizes))]
    return [size_of(image_size)]
