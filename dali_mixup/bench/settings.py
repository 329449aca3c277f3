"""Lists on a command line."""

from __future__ import annotations

from dali_mixup._checks import did_you_mean
from dali_mixup._packages import require

PACKAGES = "'dali-mixup[bench]'"
"""What pip installs for measuring and tuning."""


def numbers(option: str, text: str) -> list[int]:
    """ "8,4,2" as [8, 4, 2]; ValueError for anything but different whole numbers >= 1."""
    try:
        values = [int(part) for part in text.split(",")]
    except ValueError:
        values = []
    if not values or min(values) < 1 or len(set(values)) < len(values):
        raise ValueError(f"--{option}={text!r}, expected different whole numbers >= 1, such as 8,4,2")
    return values


def names(option: str, text: str, known: tuple[str, ...]) -> list[str]:
    """ "a,b" as ["a", "b"] in the order of `known`, "all" as all of them; ValueError for an unknown one."""
    if text == "all":
        return list(known)
    wanted = text.split(",")
    unknown = [name for name in wanted if name not in known]
    if unknown:
        raise ValueError(f"--{option}: no {unknown[0]!r}; expected some of {', '.join(known)}")
    return [name for name in known if name in wanted]


def network(name: str) -> str:
    """The name of a network of torchvision.models that tells classes apart; ValueError for another one,
    ModuleNotFoundError without torchvision."""
    require("--model", PACKAGES, "torchvision")
    from torchvision import models

    known = models.list_models(module=models)
    if name.lower() not in known:  # as torchvision looks them up
        hint = did_you_mean(name.lower(), known)
        raise ValueError(
            f"--model: torchvision.models has no network {name!r} for classification{f' ({hint})' if hint else ''}; "
            "expected one such as resnet50; list_models(torchvision.models) names them"
        )
    return name
