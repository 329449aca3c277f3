"""A report in words."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from dali_mixup._repr import printable
from dali_mixup.check.report import Report

_UNFIT = 100  # files named per problem; all are in the exclude list and in the JSON
_FEW = 20
_EXAMPLES = 5


def summary(report: Report) -> Iterator[str]:
    """The lines of a report: files with a finding by name, at most 100 of each problem, then the data as a whole."""
    by_problem: dict[str, list[str]] = {}
    for finding in report.findings:
        by_problem.setdefault(finding.problem.value, []).append(
            f"{printable(finding.key)} ({printable(finding.detail)})"
        )
    for problem, files in by_problem.items():
        yield from _listed(problem, files, _UNFIT, "--exclude FILE or --json lists them all")
    damaged = [f"{printable(key)} ({printable(remark)})" for key, remark in report.damaged.items()]
    yield from _listed("damaged, but decodes", damaged, _FEW, "--json lists them all")
    rotated = [printable(key) for key in report.rotated]
    yield from _listed("rotated by EXIF, which training ignores", rotated, _FEW, "--json lists them all")
    yield from _same_names(report)
    yield from (f"remark: {printable(remark.text)}" for remark in report.remarks)
    empty_classes = [printable(name) for name in report.empty_classes]
    yield from _listed("class without a fit image", empty_classes, _FEW, "--json lists them all")
    yield from (f"ImageNet: {remark}" for remark in report.imagenet)
    yield from _classes(report)
    yield from _images(report)
    unfit, empty = len(report.findings), len(report.empty_classes)
    yield (
        f"{report.samples} files, {unfit} unfit, {empty} {'class' if empty == 1 else 'classes'} without a fit image: "
        + ("fit for training" if report.fit else "not fit for training")
    )


def as_dict(report: Report) -> dict[str, Any]:
    """The whole report as JSON values."""
    findings = [
        {"index": found.index, "file": found.key, "problem": found.problem.value, "detail": found.detail}
        for found in report.findings
    ]
    return {
        "fit": report.fit,
        "files": report.samples,
        "unfit": findings,
        "damaged": report.damaged,
        "rotated": list(report.rotated),
        "same_name": {name: list(keys) for name, keys in report.same_name.items()},
        "remarks": [remark.text for remark in report.remarks],
        "imagenet": list(report.imagenet),
        "classes": dict(zip(report.classes, report.per_class.tolist(), strict=True)),
        "classes_without_a_fit_image": list(report.empty_classes),
        "formats": report.formats,
    }


def _listed(problem: str, files: list[str], most: int, where: str) -> Iterator[str]:
    """A line for each file, but for thousands of them the first few and their number."""
    yield from (f"{problem}: {file}" for file in files[:most])
    if len(files) > most:
        yield f"{problem}: {len(files) - most} more, {len(files)} in all; {where}"


def _same_names(report: Report) -> Iterator[str]:
    for name, keys in list(report.same_name.items())[:_EXAMPLES]:
        yield f"same name {len(keys)} times: {printable(name)} ({', '.join(map(printable, keys[:_EXAMPLES]))})"
    if len(report.same_name) > _EXAMPLES:
        yield f"same name: {len(report.same_name) - _EXAMPLES} more names occur more than once"


def _classes(report: Report) -> Iterator[str]:
    counts = report.per_class
    if len(counts) <= _FEW:
        named = (
            f"{printable(name)} {count}" for name, count in zip(report.classes, counts.tolist(), strict=True)
        )
        yield f"fit images per class: {', '.join(named)}"
        return
    fewest, most = int(np.argmin(counts)), int(np.argmax(counts))
    yield (
        f"fit images per class: {counts.mean():.1f} on average over {len(counts)} classes, "
        f"fewest {counts[fewest]} ({printable(report.classes[fewest])}), "
        f"most {counts[most]} ({printable(report.classes[most])})"
    )


def _images(report: Report) -> Iterator[str]:
    formats = sorted(report.formats.items(), key=lambda item: -item[1])
    yield f"formats: {', '.join(f'{name} {count}' for name, count in formats) or 'none'}"
    if len(report.sizes):
        low, middle, high = (report.sizes.min(0), np.median(report.sizes, axis=0), report.sizes.max(0))
        for column, name in enumerate(("width", "height", "bytes")):
            yield f"{name}: {low[column]} to {high[column]}, median {middle[column]:.0f}"
