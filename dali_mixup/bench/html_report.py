"""One self-contained HTML page of a report."""

from __future__ import annotations

import base64
from html import escape
from typing import Any

from dali_mixup._repr import printable
from dali_mixup.bench import tables
from dali_mixup.bench.summary import Report
from dali_mixup.bench.tables import Table

STYLE = """
body { font: 15px/1.45 system-ui, sans-serif; max-width: 72em; margin: 2em auto; padding: 0 1em; color: #1c2430; }
table { border-collapse: collapse; margin: 0.6em 0 1.6em; }
th, td { padding: 0.25em 0.8em; text-align: right; border-bottom: 1px solid #dde2ea; }
th:first-child, td:first-child { text-align: left; }
img { max-width: 100%; }
code { background: #f1f3f6; padding: 0.15em 0.4em; }
"""


def page(report: Report, pictures: dict[str, bytes]) -> str:
    """The page; pictures are inside it, so the file can be moved and opened anywhere."""
    settings = report["settings"]
    images = {name: _image(name, png) for name, png in pictures.items()}
    scaling = "".join(images[name] for name in images if name.startswith("scaling"))
    parts = [
        "<h1>Loader benchmark</h1>",
        f"<p><code>{_text(report['command'])}</code></p>",
        f"<p>{settings['threads'][0]} threads or worker processes, batches of {settings['batch_sizes'][0]}, "
        f"{settings['repeats']} interleaved repeats of {settings['batches']} batches after "
        f"warm-up, each in a fresh process; page cache: {_text(report['cache'])}. Intervals hold the median with at "
        "least 90% and assume no distribution; overlapping intervals are not ranked. The dashed line is the rate of "
        "decoding alone, measured in the same run.</p>",
        _section("Throughput", tables.throughput(report), images["throughput"]),
        _section("Waits and phases", tables.waiting(report), images["waits"] + images["phases"]),
        _section("Training", tables.trained(report), ""),
        f"<h2>Scaling</h2>{scaling}" if scaling else "",
        _section("Resources", tables.resources(report), ""),
        _section("Equal work", tables.equal_work(report), ""),
        _section("Not measured", tables.absent(report), ""),
        _section("Images", _facts(report["data"]), ""),
        _section("Machine", _facts(report["environment"]), ""),
    ]
    return (
        "<!doctype html>\n<html lang='en'><head><meta charset='utf-8'><title>Loader benchmark</title>"
        f"<style>{STYLE}</style></head><body>{''.join(parts)}</body></html>\n"
    )


def _text(given: str) -> str:
    """As HTML; what is no text, such as a file name that is not UTF-8, escaped."""
    return escape(printable(given))


def _section(title: str, table: Table, pictures: str) -> str:
    head, body = table
    if not body:
        return ""
    cells = "".join(f"<th>{_text(cell)}</th>" for cell in head)
    lines = "".join("<tr>" + "".join(f"<td>{_text(cell)}</td>" for cell in line) + "</tr>" for line in body)
    return f"<h2>{title}</h2>{pictures}<table><tr>{cells}</tr>{lines}</table>"


def _facts(facts: dict[str, Any]) -> Table:
    return ["", ""], [[name.replace("_", " "), str(value)] for name, value in facts.items()]


def _image(name: str, png: bytes) -> str:
    return f"<img alt='{escape(name)}' src='data:image/png;base64,{base64.b64encode(png).decode('ascii')}'>"
