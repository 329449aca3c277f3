"""A report in words."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from dali_mixup._repr import printable
from dali_mixup.check.report import Report

_FEW = 20
_EXAMPLES = 5


def summary(report: Report) -> Iterator[str]:
    """The lines of a report: every file with a finding, by name, then the data as a whole."""
    for finding in report.findings:
        yield f"{finding.problem.value}: {printable(finding.key)} ({printable(finding.detail)})"
    for key, remark in report.damaged.items():
        yield f"damaged, but decodes: {printable(key)} ({printable(remark)})"
    for key in report.rotated:
        yield f"rotated by EXIF, which training ignores: {printable(key)}"
    yield from _same_names(report)
    yield from (f"remark: {printable(remark.text)}" for remark in report.remarks)
    yield from (f"class without a fit image: {printable(name)}" for name in report.empty_classes)
    yield from (f"ImageNet: {remark}" for remark in report.imagenet)
    yield from _classes(report)
    yield from _images(report)
    unfit, empty = len(report.findings), len(report.empty_classes)
    yield (
        f"{report.samples} files, {unfit} unfit, {empty} {'class' if empty == 1 else 'classes'} without a fit image: "
        + ("fit for training" if report.fit else "not fit for training")
    )


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
