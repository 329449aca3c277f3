"""Mixup and CutMix inside NVIDIA DALI pipelines: JPEGs in, mixed batches with soft labels out."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from dali_mixup._version import __version__

if TYPE_CHECKING:
    from dali_mixup import latent, losses, methods, sound
    from dali_mixup._decide.alternation import Alternation
    from dali_mixup._decide.from_data import Balanced, Neighbours
    from dali_mixup._decide.label_distance import LabelDistance
    from dali_mixup._decide.partners import OtherClass, Pool, SameClass
    from dali_mixup._decide.plan import MixPlan
    from dali_mixup._decide.policy import MixPolicy
    from dali_mixup._decide.relabel import CorruptLabels, LabelVectors
    from dali_mixup._decide.remix import Remix
    from dali_mixup._decide.schedule import Schedule
    from dali_mixup._decide.unimix import UniMix
    from dali_mixup._decide.unlabelled import Unlabelled
    from dali_mixup._epochs.orders import ClassGroups, Repeated, Sequential, Shuffled
    from dali_mixup._graph.options import Output, Runtime
    from dali_mixup._loader.companions import HandOver
    from dali_mixup._loader.factory import train_loader, val_loader
    from dali_mixup._loader.loader import MixLoader
    from dali_mixup._loader.record import MixRecord
    from dali_mixup.augment import Extra, TrainTransform, ValTransform
    from dali_mixup.integrations.dataloader import Mixer
    from dali_mixup.losses import SoftTargetBinaryCrossEntropy, SoftTargetCrossEntropy
    from dali_mixup.methods import CutMix, MixUp
    from dali_mixup.recipes import load_recipe
    from dali_mixup.sources import BadFileError, Skip, open_source
    from dali_mixup.targets import MixedTargets
    from dali_mixup.viewing import denormalise, to_grid

# `dynamic` and `fn` are left out: after `from nvidia.dali import fn` a star import must not replace DALI's own module.
__all__ = [
    "Alternation",
    "BadFileError",
    "Balanced",
    "ClassGroups",
    "CorruptLabels",
    "CutMix",
    "Extra",
    "HandOver",
    "LabelDistance",
    "LabelVectors",
    "MixLoader",
    "MixPlan",
    "MixPolicy",
    "MixRecord",
    "MixUp",
    "MixedTargets",
    "Mixer",
    "Neighbours",
    "OtherClass",
    "Output",
    "Pool",
    "Remix",
    "Repeated",
    "Runtime",
    "SameClass",
    "Schedule",
    "Sequential",
    "Shuffled",
    "Skip",
    "SoftTargetBinaryCrossEntropy",
    "SoftTargetCrossEntropy",
    "TrainTransform",
    "UniMix",
    "Unlabelled",
    "ValTransform",
    "View",
    "__version__",
    "denormalise",
    "latent",
    "load_recipe",
    "losses",
    "methods",
    "open_source",
    "sound",
    "to_grid",
    "train_loader",
    "val_loader",
]

# Where each public name lives. A name is imported when it is first used, so `import dali_mixup` loads neither
# DALI nor torch: a policy can be written, or a recipe read, on a machine that has neither.
_MODULES = ("dynamic", "fn", "latent", "losses", "methods", "sound")
_HOME = {
    "Alternation": "_decide.alternation",
    "BadFileError": "sources",
    "Balanced": "_decide.from_data",
    "ClassGroups": "_epochs.orders",
    "CorruptLabels": "_decide.relabel",
    "CutMix": "methods",
    "Extra": "augment",
    "HandOver": "_loader.companions",
    "LabelDistance": "_decide.label_distance",
    "LabelVectors": "_decide.relabel",
    "MixLoader": "_loader.loader",
    "MixPlan": "_decide.plan",
    "MixPolicy": "_decide.policy",
    "MixRecord": "_loader.record",
    "MixUp": "methods",
    "MixedTargets": "targets",
    "Mixer": "integrations.dataloader",
    "Neighbours": "_decide.from_data",
    "OtherClass": "_decide.partners",
    "Output": "_graph.options",
    "Pool": "_decide.partners",
    "Remix": "_decide.remix",
    "Repeated": "_epochs.orders",
    "Runtime": "_graph.options",
    "SameClass": "_decide.partners",
    "Schedule": "_decide.schedule",
    "Sequential": "_epochs.orders",
    "Shuffled": "_epochs.orders",
    "Skip": "sources",
    "SoftTargetBinaryCrossEntropy": "losses",
    "SoftTargetCrossEntropy": "losses",
    "TrainTransform": "augment",
    "UniMix": "_decide.unimix",
    "Unlabelled": "_decide.unlabelled",
    "ValTransform": "augment",
    "View": "augment",
    "denormalise": "viewing",
    "load_recipe": "recipes",
    "open_source": "sources",
    "to_grid": "viewing",
    "train_loader": "_loader.factory",
    "val_loader": "_loader.factory",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME and name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    home = f"dali_mixup.{_HOME.get(name, name)}"
    try:
        module = importlib.import_module(home)
    except AttributeError as error:  # of which Python would only say that there is no such name
        raise ImportError(f"{home} cannot be imported: {error}") from error
    if name in _MODULES:
        return module
    value = getattr(module, name)
    globals()[name] = value  # the next look-up finds it without this function
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__, *_MODULES})
