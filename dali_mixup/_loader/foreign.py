"""Arguments of other loaders that these do not have, and their replacements."""

from __future__ import annotations

import dataclasses
import functools
import inspect
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from dali_mixup._checks import did_you_mean
from dali_mixup._decide.policy import MixPolicy
from dali_mixup._graph.options import Output, Runtime
from dali_mixup.augment import TrainTransform, ValTransform

P = ParamSpec("P")
R = TypeVar("R")

# torch.utils.data.DataLoader's, timm.data.create_loader's and torchvision's names.
REPLACEMENTS = {
    "dataset": "give the data, for example a folder, as the first argument",
    "shuffle": "training batches are shuffled anew every epoch; order=Sequential() keeps the data's own order",
    "sampler": "give the sampler as order=",
    "batch_sampler": "give batch_size= and, for the order, order=",
    "num_workers": "there are no worker processes; runtime=Runtime(num_threads=...) sets DALI's threads",
    "workers": "there are no worker processes; runtime=Runtime(num_threads=...) sets DALI's threads",
    "collate_fn": "batches are made by the DALI pipeline; mixing is policy=, everything else transform=, which takes "
    "functions on batches: TrainTransform(extra=[Extra(function, 'batch')])",
    "pin_memory": "leave it out: batches are on the device of device= already",
    "pin_memory_device": "leave it out: batches are on the device of device= already",
    "use_prefetcher": "leave it out: batches are prepared ahead; runtime=Runtime(prefetch=...) sets the number",
    "prefetch_factor": "runtime=Runtime(prefetch=...) sets the number of batches prepared ahead",
    "persistent_workers": "leave it out: the pipeline stays alive from one epoch to the next",
    "timeout": "leave it out: there are no worker processes that could hang",
    "worker_init_fn": "leave it out: there are no worker processes; seed= seeds everything",
    "multiprocessing_context": "leave it out: there are no worker processes",
    "generator": "seed= seeds the order, the augmentation and the mixing",
    "in_order": "leave it out: batches always come in order",
    "input_size": "image_size= is the size in pixels",
    "size": "image_size= is the size in pixels",
    "is_training": "train_loader and val_loader are two functions",
    "distributed": "leave it out: the rank is found automatically; or give rank= and world_size=",
    "interpolation": "transform=TrainTransform(interpolation=...)",
    **dict.fromkeys(
        ("crop_pct", "resize_size"),
        "leave it out: training crops are random, transform=TrainTransform(scale=..., ratio=...)",
    ),
    "auto_augment": "transform=TrainTransform(auto_augment=...)",
    "train_crop_mode": "transform=TrainTransform(crop=...)",
    "num_aug_repeats": "order=Repeated(...)",
    "num_aug_splits": "views=[View(clean), View(augmented, window='shared', count=...)]",
    "re_prob": "transform=TrainTransform(random_erasing=RandomErasing(prob=...))",
    "mixup_alpha": "policy=MixPolicy.from_timm(mixup_alpha=...)",
    "cutmix_alpha": "policy=MixPolicy.from_timm(cutmix_alpha=...)",
    "label_smoothing": "policy=MixPolicy(..., label_smoothing=...)",
    "on_error": "bad_files=Skip(at_most=...) skips them",
}
# Where validation has no such choice: it takes every sample once, unmixed, in the data's own order.
IN_VALIDATION = {
    "shuffle": "leave it out: validation keeps the data's own order",
    "sampler": "validation takes every sample once; open_source(data).subset(indices) is data of some of them",
    "batch_sampler": "give batch_size=; validation takes every sample once, in the data's own order",
    "collate_fn": "batches are made by the DALI pipeline; transform= describes what happens to the images, and takes "
    "functions on batches: ValTransform(extra=[Extra(function, 'batch')])",
    "worker_init_fn": "leave it out: nothing is random in validation",
    "generator": "leave it out: nothing is random in validation",
    "seed": "leave it out: nothing is random in validation",
    "order": "leave it out: validation keeps the data's own order",
    "drop_last": "leave it out: validation takes every sample",
    "interpolation": "transform=ValTransform(interpolation=...)",
    **dict.fromkeys(("crop_pct", "resize_size"), "transform=ValTransform(image_size, resize_size=...)"),
    **dict.fromkeys(
        (
            "auto_augment",
            "num_aug_repeats",
            "num_aug_splits",
            "re_prob",
            "mixup_alpha",
            "cutmix_alpha",
            "label_smoothing",
            "policy",
        ),
        "leave it out: validation images are neither augmented nor mixed",
    ),
    **dict.fromkeys(
        ("bad_files", "on_error"), "leave it out: a bad file is an error, since every sample counts"
    ),
}
_BOTH: tuple[tuple[str, type], ...] = (("output", Output), ("runtime", Runtime))
_TRAINING = (*_BOTH, ("transform", TrainTransform), ("policy", MixPolicy))
_VALIDATION = (*_BOTH, ("transform", ValTransform))


def says_what_replaces(function: Callable[P, R]) -> Callable[P, R]:
    """Wrap the function so that keyword arguments of other loaders raise a helpful TypeError."""
    known = tuple(inspect.signature(function).parameters)

    @functools.wraps(function)
    def checked(*args: P.args, **kwargs: P.kwargs) -> R:
        foreign = [name for name in kwargs if name not in known]
        if foreign:
            lines = [f"{name}= is not an argument: {replacement(name, known)}" for name in foreign]
            raise TypeError(f"{function.__name__}: {'; '.join(lines)}")
        return function(*args, **kwargs)

    return checked


def replacement(name: str, known: tuple[str, ...]) -> str:
    """The advice for the argument `name`, given the names that exist."""
    training = "policy" in known
    advice = REPLACEMENTS if training else {**REPLACEMENTS, **IN_VALIDATION}
    if name in advice:
        return advice[name]
    for group, kind in _TRAINING if training else _VALIDATION:
        if name in {field.name for field in dataclasses.fields(kind)}:
            return f"give it as {group}={kind.__name__}({name}=...)"
    return did_you_mean(name, known) or f"expected one of {', '.join(known)}"
