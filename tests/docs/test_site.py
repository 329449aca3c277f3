"""The documentation site: nothing public is missing from the API, every page has a place, links lead somewhere."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import pkgutil
import re
from pathlib import Path
from types import ModuleType

import pytest

import dali_mixup

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"


def loaded() -> ModuleType:
    spec = importlib.util.spec_from_file_location("site_pages", DOCS / "site_pages.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


SITE = loaded()
NAMES = [(module, name) for module in SITE.MODULES for name in SITE.public_names(module)]

# Behind the command, or at home in a small module and public under `dali_mixup`.
NOT_MODULES = {"bench", "check", "cli", "pack", "train", "targets", "viewing"}


def test_every_public_module_has_a_page() -> None:
    found = {module.name for module in pkgutil.iter_modules(dali_mixup.__path__)}
    public = {name for name in found if not name.startswith("_")} - NOT_MODULES
    documented = {name.split(".")[1] for name in SITE.MODULES if "." in name}
    assert documented == public


@pytest.mark.parametrize(("module", "name"), NAMES, ids=lambda part: part)
def test_every_public_name_is_described(module: str, name: str) -> None:
    value = getattr(importlib.import_module(module), name)
    if not (inspect.isclass(value) or inspect.isroutine(value)):
        assert f"{module}.{name}" in SITE.CONSTANTS
        return
    text = inspect.getdoc(value) or ""
    assert len(text) > 20
    if inspect.isclass(value):
        own = {key: part for key, part in vars(value).items() if not key.startswith("_")}
        parts = {key: getattr(part, "__func__", part) for key, part in own.items()}
        empty = [
            key
            for key in parts
            if (inspect.isroutine(parts[key]) or isinstance(parts[key], property))
            and not inspect.getdoc(getattr(value, key))
        ]
        assert not empty


@pytest.mark.parametrize("module", SITE.MODULES)
def test_the_page_of_a_module_has_every_name_once(module: str) -> None:
    page = SITE.api_page(module)
    for name in SITE.public_names(module):
        here = len(re.findall(rf":: {re.escape(module)}\.{name}$", page, re.MULTILINE))
        elsewhere = page.count(f"(#dali_mixup.{name})")
        assert (here, elsewhere) == ((1, 0) if SITE.page_of(module, name) == module else (0, 1))


def test_every_page_is_in_the_contents() -> None:
    listed = set(re.findall(r"^[a-z0-9/-]+$", (DOCS / "index.md").read_text(), re.MULTILINE))
    pages = {
        page.relative_to(DOCS).with_suffix("").as_posix()
        for folder in (DOCS, DOCS / "migrating")
        for page in folder.glob("*.md")
    }
    assert listed - {"api/index"} == pages - {"index"}


@pytest.mark.parametrize(
    ("link", "file", "page", "expected"),
    [
        ("[a](docs/data.md#x)", "README.md", "index", "[a](data.md#x)"),
        ("[a](CONTRIBUTING.md)", "README.md", "index", "[a](contributing.md)"),
        ("[a](../CONTRIBUTING.md)", "docs/data.md", "data", "[a](contributing.md)"),
        ("[a](../data.md)", "docs/migrating/timm.md", "migrating/timm", "[a](../data.md)"),
        ("![a](benchmarks/x.png)", "README.md", "index", "![a](../benchmarks/x.png)"),
        ("[a](../benchmarks)", "docs/data.md", "data", "a (`benchmarks`)"),
        ("[a](https://x.org/a.md)", "README.md", "index", "[a](https://x.org/a.md)"),
        ("[a](#here)", "README.md", "index", "[a](#here)"),
    ],
)
def test_links_are_changed_as_they_are_on_the_site(link: str, file: str, page: str, expected: str) -> None:
    assert SITE.relinked(link, file, page) == expected


def test_what_the_site_lacks_is_linked_in_the_repository_once_that_has_an_address(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(SITE, "HOME", "https://example.org/dali-mixup")
    link = SITE.relinked("[a](../benchmarks)", "docs/data.md", "data")
    assert link == "[a](https://example.org/dali-mixup/tree/main/benchmarks)"


def test_docstrings_are_plain_text_with_code() -> None:
    lines = ["x~_i = a * b, |x|, x_ and `a * b`", ">>> a * b"]
    SITE.escaped(lines)
    assert lines == ["x~_i = a \\* b, \\|x\\|, x\\_ and `a * b`", ">>> a * b"]
