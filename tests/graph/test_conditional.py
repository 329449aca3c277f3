"""The one module that names DALI's private operators."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from nvidia.dali import backend

import dali_mixup
from dali_mixup._graph.conditional import check_operators

PACKAGE = Path(dali_mixup.__file__).parent


def test_no_other_module_names_them() -> None:
    naming = [
        file.relative_to(PACKAGE).as_posix()
        for file in PACKAGE.rglob("*.py")
        if re.search(r"\b_conditional\b|_conditional__", file.read_text(encoding="utf-8"))
    ]
    assert naming == ["_graph/conditional.py"]


def test_a_dali_without_them_is_named_at_once() -> None:
    with pytest.raises(ImportError, match=r"has no operator _conditional__Split with predicate, _if_stmt"):
        check_operators(lambda name: None)


def test_a_dali_with_other_arguments_is_named_too() -> None:
    class Older:
        def HasArgument(self, name: str) -> bool:
            return name != "_if_stmt"

    with pytest.raises(ImportError, match="_if_stmt"):
        check_operators(lambda name: Older())


def test_this_dali_has_them() -> None:
    check_operators(backend.TryGetSchema)
