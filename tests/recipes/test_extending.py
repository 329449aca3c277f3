"""One recipe's content laid over another's."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from dali_mixup.recipes.extending import over


def test_a_mark_follows_its_value() -> None:
    base = {
        "training": {"epochs": 90, "optimizer": {"name": "sgd"}},
        "recalled": ["training.epochs", "training.optimizer"],
    }
    same = over(base, {"title": "x"})
    assert same["recalled"] == ["training.epochs", "training.optimizer"]
    other = over(base, {"training": {"epochs": 100, "optimizer": {"momentum": 0.9}}})
    assert other["recalled"] == ["training.optimizer"]  # of which only one key was given anew
    again = over(base, {"training": {"epochs": 100}, "recalled": ["training.epochs"]})
    assert sorted(again["recalled"]) == ["training.epochs", "training.optimizer"]


trees = st.recursive(
    st.integers(0, 3) | st.none(),
    lambda inner: st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=8,
)
sections = st.dictionaries(st.sampled_from("abc"), trees, max_size=3)


@given(sections, sections, sections)
def test_laying_over_is_associative_and_its_own_identity(a: dict, b: dict, c: dict) -> None:
    assert over(over(a, b), c) == over(a, over(b, c)) or _section_replaced(a, b, c)
    assert over(a, a)["recalled"] == [] and {**over(a, a), "recalled": 0} == {**over(a, {}), "recalled": 0}


def _section_replaced(a: dict, b: dict, c: dict) -> bool:
    """A value laid over a section and a section over that value: the section below is lost or kept, by order."""

    def clashes(x: object, y: object, z: object) -> bool:
        if isinstance(x, dict) and isinstance(z, dict) and not isinstance(y, dict):
            return True
        if not (isinstance(x, dict) and isinstance(y, dict) and isinstance(z, dict)):
            return False
        return any(key in x and key in y and key in z and clashes(x[key], y[key], z[key]) for key in x)

    return clashes(a, b, c)
