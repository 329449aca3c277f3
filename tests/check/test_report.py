from __future__ import annotations

from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import pytest

from dali_mixup._graph.look import Problem
from dali_mixup.check import Report, Scan
from dali_mixup.check.findings import Finding, Header
from dali_mixup.check.report import imagenet_remarks, imagenet_wnids
from dali_mixup.check.summary import summary
from dali_mixup.sources import FileList

SOURCE = FileList(
    ["a/1.jpg", "a/2.jpg", "b/2.jpg", "d/x\ny.jpg"], [0, 0, 1, 3], ["a", "b", "c", "d"], root="/r"
)
HEADER = Header("JPEG", 40, 30, 3, 1000, rotated=False)


def report_of(headers: list[Header | None], *findings: Finding) -> Report:
    return Report.of(SOURCE, Scan(tuple(headers), findings, {}))


def test_counts_are_of_fit_images() -> None:
    cut = Finding(2, "b/2.jpg", Problem.TRUNCATED, "cut short")
    report = report_of(
        [HEADER, replace(HEADER, format="PNG", rotated=True), HEADER, replace(HEADER, bytes=9)], cut
    )
    assert report.per_class.tolist() == [2, 0, 0, 1]
    assert report.empty_classes == ("b", "c")
    assert report.formats == {"JPEG": 3, "PNG": 1}
    assert report.sizes.tolist() == [[40, 30, 1000], [40, 30, 1000], [40, 30, 9]]
    assert report.rotated == ("a/2.jpg",)
    assert report.same_name == {"2.jpg": ("a/2.jpg", "b/2.jpg")}
    assert not report.fit


def test_fit_means_no_unfit_file_and_no_empty_class() -> None:
    whole = Report.of(SOURCE.subset([0, 2]), Scan((HEADER, HEADER), (), {}))
    assert whole.empty_classes == ("c", "d") and not whole.fit
    two = FileList(["a/1.jpg", "b/1.jpg"], [0, 1], root="/r")
    assert Report.of(two, Scan((HEADER, replace(HEADER, rotated=True)), (), {})).fit, (
        "EXIF and names are hints"
    )
    lost = Finding(0, "a/1.jpg", Problem.MISSING, "no such file")
    three = FileList(["a/1.jpg", "a/2.jpg"], [0, 0], root="/r")
    assert not Report.of(three, Scan((None, HEADER), (lost,), {})).fit


def test_a_report_without_one_fit_image_can_be_made_and_read() -> None:
    lost = [Finding(i, SOURCE.key(i), Problem.MISSING, "gone") for i in range(4)]
    report = report_of([None] * 4, *lost)
    lines = list(summary(report))
    assert lines[-1] == "4 files, 4 unfit, 4 classes without a fit image: not fit for training"
    assert r"missing: 'd/x\ny.jpg' (gone)" in lines, "a line break in a name stays on one line"


def test_summary_of_many_classes_names_the_extremes() -> None:
    labels = [label for label in range(30) for _ in range(1 + label % 7)]
    source = FileList([f"{i}.jpg" for i in range(len(labels))], labels, root="/r")
    lines = list(summary(Report.of(source, Scan((HEADER,) * len(labels), (), {}))))
    assert any("over 30 classes, fewest 1 (0), most 7 (6)" in line for line in lines)
    assert lines[-1].endswith("fit for training") and "not fit" not in lines[-1]


def test_the_packaged_wordnet_ids_are_timms() -> None:
    timm = find_spec("timm")  # importing it takes seconds, and its list is a file
    if timm is None or not timm.submodule_search_locations:
        pytest.skip("timm is not installed")
    theirs = Path(timm.submodule_search_locations[0], "data/_info/imagenet_synsets.txt").read_text().split()
    assert imagenet_wnids() == tuple(theirs) == tuple(sorted(theirs))
    assert len(set(theirs)) == 1000


def test_remarks_on_imagenet() -> None:
    ids = imagenet_wnids()
    assert imagenet_remarks(("cat", "dog"), 10) == ()
    assert imagenet_remarks((*ids[:999], "extra"), 10) == ()
    assert imagenet_remarks(ids, 1_281_167) == (
        "the 1000 classes of ImageNet-1k with 1281167 files: the size of its training set",
    )
    assert "the size of its validation set" in imagenet_remarks(ids, 50_000)[0]
    assert "1281166 files: the original has 1281167 in training, 50000" in imagenet_remarks(ids, 1_281_166)[0]
    assert "not in sorted order" in imagenet_remarks(ids[::-1], 50_000)[0]
    assert f"999 of the 1000 classes of ImageNet-1k; {ids[5]} is" in imagenet_remarks(ids[:5] + ids[6:], 9)[0]
    assert (
        "1 of 3 WordNet ids are not of ImageNet-1k, such as n00000001"
        in (imagenet_remarks((*ids[:2], "n00000001"), 9)[0])
    )
