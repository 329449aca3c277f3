"""Annotation files of OpenMMLab."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from dali_mixup.sources import open_source

ENTRIES = [{"img_path": "a/0.jpg", "gt_label": 1}, {"img_path": "b 1.jpg", "gt_label": 0, "extra": {}}]


def write(path: Path, found: Any) -> Path:
    path.write_text(json.dumps(found))
    return path


def metainfo(given: Any) -> dict[str, Any]:
    return {"metainfo": given, "data_list": ENTRIES}


def categories(*pairs: tuple[Any, Any]) -> list[dict[str, Any]]:
    return [{"id": label, "category_name": name} for label, name in pairs]


def test_samples_and_classes(tmp_path: Path) -> None:
    for metainfo in (
        {"classes": ["cat", "dog"]},
        {"categories": [{"id": 1, "category_name": "dog"}, {"id": 0, "category_name": "cat"}]},
    ):
        file = write(tmp_path / "t.json", {"metainfo": metainfo, "data_list": ENTRIES})
        source = open_source(file)
        assert source.classes == ("cat", "dog") and source.targets == [1, 0]
        assert [source.name(i) for i in range(2)] == [f"{tmp_path}/a/0.jpg", f"{tmp_path}/b 1.jpg"]
        assert open_source(file, root="/images").name(1) == "/images/b 1.jpg"
        assert open_source(file, classes=["dog", "cat"]).targets == [0, 1]
    plain = open_source(write(tmp_path / "t.json", {"data_list": ENTRIES}))
    assert plain.classes == ("0", "1") and not plain.classes_named


@pytest.mark.parametrize(
    ("found", "message"),
    [
        ([], "is not an annotation file of OpenMMLab"),
        ({"images": [], "annotations": []}, "expected a JSON object with `metainfo` and `data_list`"),
        ({"data_list": {}}, "is not an annotation file"),
        ({"data_list": []}, r"t\.json' lists no samples: its data_list is empty"),
        (
            {"data_list": [*ENTRIES, {"img_path": "c.jpg"}]},
            r"data_list\[2\]: expected an img_path and a gt_label",
        ),
        ({"data_list": [{"img_path": "c.jpg", "gt_label": [0, 1]}]}, r"data_list\[0\].*LabelVectors"),
        ({"data_list": [{"img_path": "", "gt_label": 0}]}, r"data_list\[0\]"),
        ({"data_list": [7]}, r"data_list\[0\]: .* got 7"),
        (
            {"data_list": [{"img_path": "../c.jpg", "gt_label": 0}]},
            r"without `\.\.`, got '\.\./c\.jpg'; .*root=",
        ),
        (
            {"metainfo": {"categories": [{"id": 3, "category_name": "x"}]}, "data_list": ENTRIES},
            r"t\.json, metainfo: expected categories with the ids 0 to 0, each once, got \[3\]",
        ),
        (
            metainfo({"classes": {"cat": 1, "dog": 0}}),
            "metainfo: expected a list of texts as classes, got {'cat'",
        ),
        (metainfo({"classes": "cat"}), "metainfo: expected a list of texts as classes, got 'cat'"),
        (metainfo({"classes": ["cat", 3]}), "metainfo: expected a list of texts as classes"),
        (metainfo({"classes": None}), "metainfo: expected a list of texts as classes"),
        (metainfo({"categories": "ab"}), "metainfo: expected a list of categories, got 'ab'"),
        (metainfo({"categories": [7]}), "metainfo: expected a list of categories"),
        (metainfo({"categories": categories((0, "a"), (0, "b"))}), r"ids 0 to 1, each once, got \[0, 0\]"),
        (metainfo({"categories": categories((0, "a"), (True, "b"))}), r"ids 0 to 1, each once"),
        (metainfo({"categories": categories((0, "a"), ("1", "b"))}), r"ids 0 to 1, each once"),
        (metainfo({"categories": categories((0, "a"), (1, None))}), "list of texts as category_name"),
        (metainfo([7]), "is not an annotation file"),
        ({"metainfo": {"classes": ["a"]}, "data_list": ENTRIES}, r"is 1, outside \[0, 1\)"),
    ],
)
def test_other_content_is_named(tmp_path: Path, found: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        open_source(write(tmp_path / "t.json", found))


def test_junk_is_named(tmp_path: Path) -> None:
    for content in (b"", b"\xff\xfe\0", b"[" * 100_000, b'{"data_list": '):
        (tmp_path / "t.json").write_bytes(content)
        with pytest.raises(ValueError, match=r"t\.json' is not an annotation file"):
            open_source(tmp_path / "t.json")
