"""What scripts write into pages comes from the JSON files and replaces nothing else."""

from __future__ import annotations

import json
import runpy
from pathlib import Path
from typing import Any

import pytest

from dali_mixup.bench.markers import replaced, up_to_date

ROOT = Path(__file__).parents[2]
BEGIN, END = "<!-- a:begin -->", "<!-- a:end -->"


def script(name: str) -> dict[str, Any]:
    return runpy.run_path(str(ROOT / "benchmarks" / name))


def test_only_what_lies_between_the_markers_changes() -> None:
    text = f"before\n{BEGIN}\nold\n{END}\nafter\n"
    once = replaced(text, BEGIN, END, "new")
    assert once == f"before\n{BEGIN}\n\nnew\n\n{END}\nafter\n"
    assert replaced(once, BEGIN, END, "new") == once


def test_a_page_is_compared_or_written(tmp_path: Path) -> None:
    page, old = tmp_path / "page.md", f"before\n{BEGIN}\n\nold\n\n{END}\n"
    page.write_text(old)
    assert up_to_date(page, BEGIN, END, "old", check=True)
    assert not up_to_date(page, BEGIN, END, "new", check=True) and page.read_text() == old
    assert up_to_date(page, BEGIN, END, "new") and page.read_text() == old.replace("old", "new")


@pytest.mark.parametrize("text", ["", "{0}", "{1} {0}", "{0} {0} {1}"])
def test_broken_markers_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="expected one line"):
        replaced(text.format(BEGIN, END), BEGIN, END, "new")


def test_the_readme_has_one_place_for_results() -> None:
    made = script("readme_table.py")
    replaced((ROOT / "README.md").read_text(), made["BEGIN"], made["END"], "new")


def test_the_readme_shows_what_was_measured() -> None:
    with pytest.raises(Exception) as stopped:
        script("readme_table.py")["main"](check=True)
    assert stopped.value.exit_code == 0, "run `python benchmarks/readme_table.py`"


def test_the_readme_names_the_commit_that_was_measured() -> None:
    report = json.loads((ROOT / "benchmarks/results/cpu/report.json").read_text())
    assert f"at commit {report['environment']['commit']}, measured on " in (ROOT / "README.md").read_text()


@pytest.mark.parametrize(
    ("script_name", "name", "line"),
    [
        ("methods_table.py", "methods.md", "| gmix |"),
        ("long_lists_table.py", "scale.md", "| 14,000,000 |"),
        ("packed_table.py", "benchmarking.md", "| dali-mixup |"),
    ],
)
def test_a_page_shows_what_was_measured(script_name: str, name: str, line: str, tmp_path: Path) -> None:
    made = script(script_name)
    page = ROOT / "docs" / name
    copy = tmp_path / name
    copy.write_text(page.read_text())
    made["main"](page=copy)
    assert copy.read_text() == page.read_text()
    copy.write_text(page.read_text().replace(line, f"{line} 1.0 |"))
    with pytest.raises(Exception) as stopped:
        made["main"](page=copy, check=True)
    assert stopped.value.exit_code == 1
