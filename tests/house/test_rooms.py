"""The rooms of the package, and who may import from whom."""

from __future__ import annotations

import ast
import graphlib
import importlib.util
from pathlib import Path

import pytest

import dali_mixup

PACKAGE = Path(dali_mixup.__file__).parent

# From the inside out: a room imports only from rooms before it.
ROOMS = (
    "methods",
    "_apply",
    "_decide",
    "_epochs",
    "sources",
    "_cpu",
    "_graph",
    "viewing",
    "augment",
    "fn",
    "dynamic",
    "_loader",
    "losses",
    "latent",
    "sound",
    "integrations",
    "recipes",
    "check",
    "pack",
    "bench",
    "train",
    "cli",
)
SMALL = {
    "__init__",
    "__main__",
    "_checks",
    "_equality",
    "_files",
    "_packages",
    "_repr",
    "_seeding",
    "_version",
    "targets",
}


def modules() -> list[tuple[str, Path]]:
    return [
        (".".join(file.relative_to(PACKAGE).with_suffix("").parts).removesuffix(".__init__"), file)
        for file in sorted(PACKAGE.rglob("*.py"))
    ]


def imported(file: Path, annotations: bool = False) -> set[str]:
    """The package's modules that a file imports, at its top or inside functions; without those for annotations only."""
    tree = ast.parse(file.read_text())
    skipped: set[ast.AST] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test) and not annotations:
            skipped |= set(ast.walk(node))
    found = set()
    for node in ast.walk(tree):
        if node in skipped:
            continue
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "dali_mixup":
            inside = (node.module or "").partition(".")[2]
            found |= {_module_of(inside, alias.name) for alias in node.names}
        elif isinstance(node, ast.Import):
            found |= {a.name.partition(".")[2] for a in node.names if a.name.startswith("dali_mixup.")}
    return found


def _module_of(package: str, name: str) -> str:
    """`from package import name` imports a module where there is one of that name, else the package."""
    path = PACKAGE.joinpath(*package.split("."), name)
    return (
        f"{package}.{name}".lstrip(".")
        if path.is_dir() or path.with_suffix(".py").exists()
        else package or name
    )


def test_every_module_is_in_a_known_room() -> None:
    top = {name.split(".")[0] for name, file in modules() if file.parent == PACKAGE}
    folders = {file.relative_to(PACKAGE).parts[0] for _, file in modules() if file.parent != PACKAGE}
    assert folders == set(ROOMS)
    assert top <= set(SMALL) and len(top) <= 10


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_imports_only_from_rooms_before_it(room: str) -> None:
    allowed = {*ROOMS[: ROOMS.index(room) + 1], *SMALL}
    # The top of the package hands out names of every room, so only the outer rooms may ask it.
    outer = ROOMS.index(room) > ROOMS.index("_loader")
    for name, file in modules():
        if name.split(".")[0] == room:
            for other in imported(file):
                known = other.split(".")[0] in allowed
                assert known or (outer and hasattr(dali_mixup, other)), f"{name} imports {other}"


def test_the_small_modules_import_no_room_that_needs_dali_or_torch() -> None:
    rooms = {"augment", "fn", "dynamic", "_loader", "latent", "recipes", "train", "bench", "cli", "check"}
    for name, file in modules():
        if name in SMALL and name not in ("__init__", "__main__"):
            assert not {other.split(".")[0] for other in imported(file)} & rooms, name


def test_nothing_but_main_imports_the_command() -> None:
    for name, file in modules():
        if name.split(".")[0] != "cli" and name != "__main__":
            assert not any(other.split(".")[0] == "cli" for other in imported(file)), name


def test_public_rooms_say_what_is_public() -> None:
    for room in ROOMS:
        if not room.startswith("_") and room != "cli":
            public = importlib.import_module(f"dali_mixup.{room}")
            for name in public.__all__:
                assert hasattr(public, name) or importlib.util.find_spec(f"{public.__name__}.{name}"), name


def test_examples_and_documents_use_public_places_only() -> None:
    checkout = PACKAGE.parent
    for file in [*checkout.glob("examples/*.py"), *checkout.glob("docs/*.md"), checkout / "README.md"]:
        assert "dali_mixup._" not in file.read_text(), f"{file.name} names something private"


def test_no_modules_import_each_other_in_a_circle() -> None:
    """Imports inside functions count, those for annotations do not."""
    known = {name for name, _ in modules()}
    graph: dict[str, set[str]] = {}
    for name, file in modules():
        graph[name] = set()
        for other in imported(file):
            while other not in known and "." in other:  # a name inside a module
                other = other.rpartition(".")[0]
            if other in known and other not in (name, "__init__"):
                graph[name].add(other)
    list(graphlib.TopologicalSorter(graph).static_order())  # raises CycleError with the circle


def test_a_star_import_leaves_dalis_fn_alone() -> None:
    scope: dict[str, object] = {}
    exec("from nvidia.dali import fn; from dali_mixup import *", scope)
    import nvidia.dali.fn

    assert scope["fn"] is nvidia.dali.fn
