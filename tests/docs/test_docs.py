"""The Python of every page runs: its blocks in order, beside a small folder named imagenet, which `data` is too."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"
BLOCK = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\((?!https?://|#)([^)#]+)")

FOLDERS = DOCS, DOCS / "migrating"
PAGES = sorted(page for folder in FOLDERS for page in folder.glob("*.md"))


@pytest.mark.parametrize(
    "page", [page for page in PAGES if BLOCK.search(page.read_text())], ids=lambda page: page.stem
)
def test_the_blocks_run(
    page: Path,
    imagenet_root: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
) -> None:
    (tmp_path / "imagenet").symlink_to(imagenet_root)
    monkeypatch.chdir(tmp_path)
    text = page.read_text()
    if '"words/' in text:
        (tmp_path / "words").symlink_to(request.getfixturevalue("words_root"))
    names: dict[str, object] = {"__name__": "__main__", "data": imagenet_root / "train"}
    for match in BLOCK.finditer(text):
        # Line numbers in a traceback are those of the page. The folder has 24 images, so everything is smaller.
        source = "\n" * text.count("\n", 0, match.start(1)) + match.group(1)
        source = re.sub(r"batch_size=\d+", "batch_size=8", source).replace("num_workers=8", "num_workers=0")
        exec(compile(source, str(page), "exec"), names)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_table_has_a_head(page: Path) -> None:
    """An empty line ends a table, and the rows after it are shown as text."""
    text = re.sub(r"^```.*?^```$", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)
    for table in re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE):
        assert re.match(r".*\n\|[ |:-]+\|\n", table), f"{page.name}: {table.splitlines()[0]}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_links_lead_somewhere(page: Path) -> None:
    for target in LINK.findall(page.read_text()):
        assert (page.parent / target).exists(), f"{page.name} links to {target}"
