from __future__ import annotations

from dali_mixup._checks import did_you_mean


def test_like_words_are_suggested_nearest_first_and_unlike_ones_not() -> None:
    known = ("stem", "stem.norm", "head")
    assert did_you_mean("stam", known) == "did you mean 'stem'?"
    assert did_you_mean("stem.nrm", known, most=2) == "did you mean 'stem.norm' or 'stem'?"
    assert did_you_mean("zzz", known) == ""
