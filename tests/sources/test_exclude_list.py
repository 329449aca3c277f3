from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dali_mixup.sources import read_exclude_list, write_exclude_list


@given(st.lists(st.tuples(st.text(), st.text()), max_size=10))
def test_any_name_survives(tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, str]]) -> None:
    file = tmp_path_factory.mktemp("x") / "e.jsonl"
    write_exclude_list(file, rows)
    assert read_exclude_list(file) == [key for key, _ in rows]


@pytest.mark.parametrize("line", ["a.jpg", "{}", '{"path": 3}', '["path"]', '"path"', ""])
def test_a_bad_line_is_named(tmp_path: Path, line: str) -> None:
    (tmp_path / "e.jsonl").write_text(f'{{"path": "a.jpg"}}\n{line}\n')
    with pytest.raises(ValueError, match=r"e\.jsonl, line 2: expected"):
        read_exclude_list(tmp_path / "e.jsonl")
