"""Pages of the site that are not files of this folder, and links as they are there."""

from __future__ import annotations

import importlib
import inspect
import posixpath
import re
import shutil
from pathlib import Path

DOCS = Path(__file__).parent
ROOT = DOCS.parent

# The address of the repository, once it has one: pages then link to the files that the site does not have.
HOME = ""

# Files of the checkout that are pages.
INCLUDED = {"README.md": "index", "CHANGELOG.md": "changelog", "CONTRIBUTING.md": "contributing"}
LINK = re.compile(r"(!?)\[([^\]]*)\]\((?!https?://|mailto:|#)([^)#\s]+)(#[^)\s]*)?\)")

# The public modules, in the order of the API's pages, each with its title.
MODULES = {
    "dali_mixup": "Loaders, policies and options",
    "dali_mixup.methods": "Mixing methods",
    "dali_mixup.sources": "Data",
    "dali_mixup.augment": "Augmentation",
    "dali_mixup.fn": "Inside a DALI pipeline",
    "dali_mixup.dynamic": "DALI's dynamic mode",
    "dali_mixup.dynamic.nodes": "Nodes of DALI's dynamic mode",
    "dali_mixup.latent": "Inside the network",
    "dali_mixup.losses": "Losses",
    "dali_mixup.sound": "Sound",
    "dali_mixup.recipes": "Recipes",
    "dali_mixup.integrations.accelerate": "Accelerate",
    "dali_mixup.integrations.torchdata": "torchdata",
    "dali_mixup.integrations.transformers": "Transformers",
}

# Values have no docstrings.
CONSTANTS = {
    "dali_mixup.losses.Targets": "The type of a loss's targets: (N, C) soft labels, ``MixedTargets`` or class ids.",
    "dali_mixup.methods.REGISTRY": 'Every method of the package by its name in recipes: ``{"mixup": MixUp, ...}``.',
    "dali_mixup.sources.Classes": "The type of ``classes=``: names in order, a mapping of names to labels, a file, or "
    "a loader or source that has them.",
    "dali_mixup.sources.Data": "The type of the loaders' first argument: see :doc:`/data`.",
    "dali_mixup.sources.IMAGE_EXTENSIONS": "Extensions of the files that are images, in lower case, with the dot.",
    "dali_mixup.sources.Place": "The type of a sample's place in files: (path, first byte, number of bytes).",
}


def on_site(page: str, text: str) -> str:
    """The text of a page of this folder as it is on the site, with links to the site's pages."""
    included = {name: file for file, name in INCLUDED.items()}
    if page not in included:
        return relinked(text, f"docs/{page}.md", page)
    file = included[page]
    return relinked((ROOT / file).read_text(), file, page) + "\n" + text


def relinked(text: str, file: str, page: str) -> str:
    """The text of a file of the checkout with links relative to its page.

    Pictures and results are copied by Sphinx. What the site does not have, such as folders, is named without a link.
    """

    def link(match: re.Match[str]) -> str:
        mark, label, target, anchor = match.groups()
        path = posixpath.normpath(posixpath.join(posixpath.dirname(file), target))
        if path in INCLUDED:
            new = f"{INCLUDED[path]}.md"
        elif (ROOT / path).is_dir() or path == "LICENSE" or path.startswith("docs/upstream/"):
            return f"[{label}]({HOME}/tree/main/{path})" if HOME else f"{label} (`{path}`)"
        else:
            new = posixpath.relpath(path, "docs")
        if "/" in page:
            new = posixpath.relpath(new, posixpath.dirname(page))
        return f"{mark}[{label}]({new}{anchor or ''})"

    return LINK.sub(link, text)


def escaped(lines: list[str]) -> None:
    """Escape, in place, what docstrings do not mean as markup: they are plain text, with code in backticks."""
    for index, line in enumerate(lines):
        if not line.lstrip().startswith((">>>", "...")):
            parts = re.split(r"(`[^`]*`)", line)
            lines[index] = "".join(
                part if part.startswith("`") else re.sub(r"([*|])|(?<=\w)_(?=\W|$)", _escape, part)
                for part in parts
            )


def _escape(match: re.Match[str]) -> str:
    return "\\" + match.group()


def public_names(module: str) -> list[str]:
    """The public names of a module, apart from modules, which have pages of their own."""
    home = importlib.import_module(module)
    names = getattr(home, "__all__", None) or [
        name
        for name, value in vars(home).items()
        if not name.startswith("_") and getattr(value, "__module__", None) == module
    ]
    public = (name for name in names if not name.startswith("__"))
    return sorted((name for name in public if not inspect.ismodule(getattr(home, name))), key=str.lower)


def page_of(module: str, name: str) -> str:
    """The module whose page documents a name: a name of the package has one place."""
    value = getattr(importlib.import_module(module), name)
    package = importlib.import_module("dali_mixup")
    return "dali_mixup" if getattr(package, name, None) is value else module


def api_page(module: str) -> str:
    """The page of a module, as Markdown."""
    lines: list[str] = []
    elsewhere = []
    home = importlib.import_module(module)
    for name in public_names(module):
        if page_of(module, name) != module:
            elsewhere.append(f"[`{name}`](#dali_mixup.{name})")
            continue
        value = getattr(home, name)
        if inspect.isclass(value) or inspect.isroutine(value):
            kind = "class" if inspect.isclass(value) else "function"
            members = "   :members:\n" if kind == "class" else ""
            lines += ["```{eval-rst}", f".. auto{kind}:: {module}.{name}", f"{members}```", ""]
        else:
            text = CONSTANTS[f"{module}.{name}"]
            lines += ["```{eval-rst}", f".. py:data:: {module}.{name}", "", f"   {text}", "```", ""]
    head = [f"# {MODULES[module]}", "", f"`{module}`", ""]
    if elsewhere:
        head += [
            f"Described with the [loaders, policies and options](dali_mixup.md): {', '.join(elsewhere)}.",
            "",
        ]
    return "\n".join(head + lines)


def api_index() -> str:
    """The page that lists all names."""
    lines = ["# API", "", "Every public name. Modules whose names begin with `_` are not public.", ""]
    for module, title in MODULES.items():
        names = ", ".join(f"[`{name}`](#{page_of(module, name)}.{name})" for name in public_names(module))
        lines += [f"**[{title}]({module}.md)**, `{module}`: {names}", ""]
    return "\n".join([*lines, "```{toctree}", ":hidden:", "", *MODULES, "```", ""])


def write_api() -> None:
    """Write the pages of the API into docs/api/, which is not kept."""
    folder = DOCS / "api"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    (folder / "index.md").write_text(api_index())
    for module in MODULES:
        (folder / f"{module}.md").write_text(api_page(module))
