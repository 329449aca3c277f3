"""What a method must have, whoever wrote it: looked at when a policy is made, not in the step that uses it."""

from __future__ import annotations

from collections.abc import Sequence, Set
from typing import Any

from dali_mixup._checks import boolean, integer
from dali_mixup.methods import Form, MapMethod, Method

WEIGHTS = frozenset({"weights", "pixel_weights"})


def refuse_unusable(methods: Sequence[Method]) -> None:
    """Raise TypeError or ValueError, naming the class, for a method without the interface of `Method`."""
    for method in methods:
        owner = type(method).__name__
        _refuse_name(owner, getattr(method, "name", None))
        _refuse_form(owner, getattr(method, "form", None), isinstance(method, MapMethod))
        _refuse_columns(owner, method.columns, method.form)
        integer(owner, "inset_count", method.inset_count, at_least=1)
        for name in ("hard", "averages"):
            boolean(owner, name, getattr(method, name))
        _refuse_extrapolates(owner, method.extrapolates)
        for name in ("decide", "masks") if isinstance(method, MapMethod) else ("draw",):
            if not callable(getattr(method, name)):
                raise TypeError(f"{owner}: {name}={getattr(method, name)!r}, expected a method")


def _refuse_name(owner: str, name: Any) -> None:
    expected = f"expected text, such as name = {owner.lower()!r} in the class"
    if not isinstance(name, str):
        raise TypeError(f"{owner}: name={name!r}, {expected}")
    if not name.strip():
        raise ValueError(f"{owner}: name={name!r} is empty, {expected}")


def _refuse_form(owner: str, form: Any, by_map: bool) -> None:
    usable = [Form.MASK] if by_map else [known for known in Form if known != Form.NONE]
    expected = f"expected one of {', '.join(f'Form.{known.name}' for known in usable)}"
    if not isinstance(form, Form):
        raise TypeError(
            f"{owner}: form={form!r}, {expected}, such as form = Form.{usable[0].name} in the class"
        )
    if form not in usable:
        why = "with masks made of maps" if by_map else "mixes nothing"
        raise ValueError(f"{owner}: form=Form.{form.name} {why}; {expected}")


def _refuse_columns(owner: str, columns: Any, form: Form) -> None:
    k = integer(owner, "columns", columns, at_least=2)
    if form in (Form.MASK, Form.SEPARABLE) and k != 2:
        raise ValueError(
            f"{owner}: columns={k} with form=Form.{form.name}, whose mask is between the own image and one partner; "
            "expected 2, or form=Form.BLEND, Form.PASTE or Form.RESIZE for more images"
        )


def _refuse_extrapolates(owner: str, given: Any) -> None:
    expected = "expected a set of 'weights' and 'pixel_weights', or an empty one"
    if not isinstance(given, Set):  # a text has parts, so 'pixel_weights' would name both
        raise TypeError(f"{owner}: extrapolates={given!r}, {expected}")
    if given - WEIGHTS:
        raise ValueError(f"{owner}: extrapolates={given!r}, {expected}")
