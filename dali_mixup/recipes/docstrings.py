"""The arguments that a docstring describes: the recipes' schema takes its words from where the options are declared."""

from __future__ import annotations

import inspect
import re
from typing import Any

_ENTRY = re.compile(r"^ {4}(?P<names>\w+(?:, \w+)*): (?P<text>.*)$")


def summary(thing: Any) -> str:
    """The docstring's first paragraph as one line."""
    return " ".join((inspect.getdoc(thing) or "").partition("\n\n")[0].split())


def arguments(thing: Any) -> dict[str, str]:
    """The docstring's text about each argument, one line each."""
    found: dict[str, str] = {}
    inside, names = False, [""]
    for line in (inspect.getdoc(thing) or "").splitlines():
        if not line.startswith(" "):
            inside = line == "Args:"
        elif inside and (entry := _ENTRY.match(line)):
            names = entry["names"].split(", ")
            found |= dict.fromkeys(names, entry["text"])
        elif inside:
            found |= {name: f"{found[name]} {line.strip()}" for name in names if name in found}
    return found
