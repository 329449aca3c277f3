"""One self-contained HTML page of a report."""

from __future__ import annotations

import re
from html import escape
from typing import Any

from dali_mixup._repr import printable
from dali_mixup.bench import tables
from dali_mixup.bench.described import described
from dali_mixup.bench.summary import Report
from dali_mixup.bench.tables import Table
from dali_mixup.bench.theme import STYLE

LAYOUT = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 72rem; margin: 0 auto; padding: 1rem; }
h1 { font-size: 1.6rem; line-height: 1.2; }
h2 { font-size: 1.2rem; margin: 2rem 0 0.6rem; }
p { max-width: 46rem; }
.wide { overflow-x: auto; margin: 0.6rem 0 1.2rem; }
table { border-collapse: collapse; font-size: 0.9rem; font-variant-numeric: tabular-nums; }
th, td { padding: 0.3rem 0.7rem; text-align: right; border-bottom: 1px solid var(--line); white-space: nowrap; }
th { vertical-align: bottom; white-space: normal; max-width: 10rem; }
th:first-child, td:first-child { text-align: left; padding-left: 0; }
th:first-child, td:first-child { position: sticky; left: 0; background: var(--paper); }
td:first-child { white-space: normal; min-width: 8rem; }
.facts th, .facts td { text-align: left; white-space: normal; vertical-align: top; overflow-wrap: anywhere; }
@media (min-width: 60rem) { td:first-child { white-space: nowrap; } }
.plots { display: flex; flex-wrap: wrap; gap: 1.5rem; }
.plots svg { flex: 1 1 20rem; width: 100%; max-width: 34rem; height: auto; background: none; }
code { background: var(--soft); padding: 0.15em 0.4em; overflow-wrap: anywhere; }
"""


def page(report: Report, pictures: dict[str, str]) -> str:
    """The page; pictures are inside it as SVG, so the file can be moved and opened anywhere."""
    scaling = "".join(picture for name, picture in pictures.items() if name.startswith("scaling"))
    parts = [
        "<h1>Loader benchmark</h1>",
        f"<p><code>{_text(report['command'])}</code></p>",
        *(f"<p>{_text(paragraph)}</p>" for paragraph in described(report)),
        _section("Throughput", tables.throughput(report), pictures["throughput"]),
        _section("Waits and phases", tables.waiting(report), pictures["waits"] + pictures["phases"]),
        _section("Training", tables.trained(report)),
        f"<h2>Scaling</h2>{_plots(scaling)}" if scaling else "",
        _section("Resources", tables.resources(report)),
        _section("Equal work", tables.equal_work(report)),
        _section("Not measured", tables.absent(report), kind="facts"),
        _section("Images", tables.facts(report["data"]), kind="facts"),
        _section("Machine", tables.facts(report["environment"]), kind="facts"),
    ]
    return (
        "<!doctype html>\n<html lang='en'><head><meta charset='utf-8'>"
        "<meta name='viewport' content='width=device-width, initial-scale=1'><title>Loader benchmark</title>"
        f"<style>{STYLE}{LAYOUT}</style></head><body><main>{''.join(parts)}</main></body></html>\n"
    )


def _text(given: Any) -> str:
    """As HTML; what is no text, such as a file name that is not UTF-8, escaped."""
    return escape(printable(given))


def _section(title: str, table: Table, pictures: str = "", kind: str = "figures") -> str:
    head, body = table
    if not body:
        return ""
    cells = "".join(f"<th scope='col'>{_text(cell)}</th>" for cell in head)
    heading = f"<thead><tr>{cells}</tr></thead>" if any(head) else ""
    lines = "".join("<tr>" + "".join(f"<td>{_text(cell)}</td>" for cell in line) + "</tr>" for line in body)
    plots = _plots(pictures) if pictures else ""
    shown = f"<table class='{kind}'>{heading}<tbody>{lines}</tbody></table>"
    return f"<h2>{title}</h2>{plots}<div class='wide'>{shown}</div>"


def _plots(pictures: str) -> str:
    """Inside HTML, SVG needs no names of its languages, which look like addresses."""
    named = re.sub(r' xmlns(:xlink)?="[^"]*"', "", pictures)
    return f"<div class='plots'>{named}</div>"
