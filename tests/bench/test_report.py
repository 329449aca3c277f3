"""From runs to figures, tables, plots and a page, on a made-up report whose answers are known."""

from __future__ import annotations

import re
from collections import Counter
from typing import Any
from xml.etree import ElementTree

import pytest

from dali_mixup.bench import tables
from dali_mixup.bench.html_report import page
from dali_mixup.bench.plots import plots
from dali_mixup.bench.summary import rows, scaling, training
from dali_mixup.bench.theme import INK

RATES = {"dali-mixup": 200.0, "timm": 100.0, "torchvision-pil": 101.0, "decode-only": 400.0}


def _run(name: str, mode: str, threads: int, repeat: int, rate: float) -> dict[str, Any]:
    steady = 64 * 10 / rate
    return {
        "contender": name,
        "mode": mode,
        "threads": threads,
        "batch_size": 64,
        "repeat": repeat,
        "build": 0.5,
        "first": 1.0,
        "warmup": 2.0,
        "steady": steady,
        "images": 640,
        "waits": [steady / 10] * 10,
        "turnover": 0.25,
        "cpu": 1.28,
        "host": 500_000_000,
        "on_device": 0,
        "read": 0,
        "processes": 3,
        "os_threads": 9,
        "rate": rate,
    }


@pytest.fixture(scope="module")
def report() -> dict[str, Any]:
    runs = []
    for repeat in range(5):
        slow_spell = 0.5 if repeat == 4 else 1.0 - 0.01 * repeat
        for name, rate in RATES.items():
            runs.append(_run(name, "loader", 2, repeat, rate * slow_spell))
            runs.append(_run(name, "loader", 1, repeat, rate * slow_spell / 2))
        runs.append(_run("dali-mixup", "training", 2, repeat, 50.0))
        runs.append(_run("dali-mixup", "replay", 2, repeat, 100.0))
        runs.append(_run("dali-mixup", "synthetic", 2, repeat, 200.0))
    roles = {"decode-only": "roofline"}
    facts = {"pixels": 0.1, "area_p": 0.5, "ratio_p": 0.5, "flips_p": 0.5, "colour": 1.5}
    return {
        "command": "dali-mixup bench <data>",
        "environment": {
            "cpu": "some cores",
            "commit": "0123456789ab",
            "packages": {"dali-mixup": "1.2"},
        },
        "data": {"images": 640},
        "cache": "warm",
        "settings": {
            "threads": [2, 1],
            "dali_extra_threads": 1,
            "batch_sizes": [64],
            "repeats": 5,
            "batches": 10,
            "warmup": 4,
        },
        "contenders": [
            {"name": name, "title": f"the {name}", "role": roles.get(name, "contender"), "absent": ""}
            for name in RATES
        ]
        + [{"name": "ffcv", "title": "FFCV", "role": "contender", "absent": "not installed: ffcv\nmore"}],
        "equal_work": dict.fromkeys(RATES, facts),
        "runs": runs,
    }


@pytest.fixture(scope="module")
def drawn(report: dict[str, Any]) -> dict[str, str]:
    return plots(report)


def test_rows_come_fastest_first_with_medians_at_the_main_point(report: dict[str, Any]) -> None:
    table = rows(report)
    assert [row.name for row in table] == ["decode-only", "dali-mixup", "torchvision-pil", "timm"]
    assert table[1].rate.median == pytest.approx(200 * 0.98)
    assert table[1].waits["p50"] == pytest.approx(64 / (200 * 0.98), rel=0.02)
    assert table[1].cpu == pytest.approx(2.0)


def test_a_spell_that_slows_everybody_hides_ranks_but_not_ratios(report: dict[str, Any]) -> None:
    by_name = {row.name: row for row in rows(report)}
    assert by_name["timm"].rank == (1, 3)  # 50 to 100 images/s overlaps with everybody's 100 to 200
    against = by_name["timm"].against
    assert against is not None and (against.low, against.high) == pytest.approx((2.0, 2.0))
    assert by_name["decode-only"].rank is None
    assert by_name["dali-mixup"].against is None


def test_training_figures(report: dict[str, Any]) -> None:
    (row,) = training(report)
    assert (row.stall, row.utilisation) == pytest.approx((0.5, 0.25))
    assert row.training == pytest.approx(64 / 50)


def test_scaling_is_there_along_what_was_varied_only(report: dict[str, Any]) -> None:
    curves = scaling(report, "threads")
    assert [value for value, _ in curves["timm"]] == [1, 2]
    assert curves["timm"][0][1].median == pytest.approx(49.0)
    assert scaling(report, "batch_size") == {}


def test_tables_say_what_was_not_ranked_and_what_was_not_measured(report: dict[str, Any]) -> None:
    text = tables.markdown(tables.throughput(report))
    assert "not ranked: intervals overlap" in text
    assert tables.absent(report)[1] == [["FFCV", "not installed: ffcv"]]
    for make in (tables.waiting, tables.resources, tables.trained, tables.equal_work):
        head, body = make(report)
        assert body and all(len(line) == len(head) for line in body)


def test_page_holds_every_picture_and_asks_no_server(report: dict[str, Any], drawn: dict[str, str]) -> None:
    assert set(drawn) == {"throughput", "waits", "phases", "scaling_threads"}
    html = page(report, drawn)
    assert html.count("<svg") == html.count("</svg>") == 4
    assert "http" not in html and "<data>" not in html and "&lt;data&gt;" in html
    assert "the timm" in html and "not installed: ffcv" in html


def test_page_fits_a_phone_and_follows_the_dark_mode(report: dict[str, Any], drawn: dict[str, str]) -> None:
    html = page(report, drawn)
    assert "<meta name='viewport' content='width=device-width, initial-scale=1'>" in html
    assert "prefers-color-scheme: dark" in html
    assert html.count("<table") == html.count("<div class='wide'><table") > 0
    ids = re.findall(r'\bid="([^"]+)"', html)
    assert len(set(ids)) == len(ids)


def test_plots_are_text_that_an_xml_parser_reads(report: dict[str, Any], drawn: dict[str, str]) -> None:
    for name, svg in drawn.items():
        texts = texts_of(svg)
        assert any("the timm" in text for text in texts), name
        assert "currentColor" in svg and INK not in svg
    assert plots(report) == drawn


def test_the_page_names_code_and_workers(report: dict[str, Any], drawn: dict[str, str]) -> None:
    html = page(report, drawn)
    assert "dali-mixup 1.2 at commit 0123456789ab" in html
    assert "2 worker processes, or 3 threads of DALI" in html
    assert "worker processes; DALI has 1 thread more" in html


def test_a_percentile_is_shown_only_if_enough_waits_show_it(
    report: dict[str, Any], drawn: dict[str, str]
) -> None:
    head, body = tables.waiting(report)
    assert head[1:5] == ["n", "p50 ms", "p95 ms", "max ms"] and {line[1] for line in body} == {"50"}
    html = page(report, drawn)
    assert "p95" in html and "p99" not in html and "n = 50" in html
    many = report | {"runs": [run | {"waits": run["waits"] * 5} for run in report["runs"]]}
    assert "p99" in page(many, plots(many))
    few = report | {"runs": [run | {"waits": run["waits"][:6]} for run in report["runs"]]}
    of_few = page(few, plots(few))
    assert "p95" not in of_few and "p50" in of_few and "n = 30" in of_few


def test_scaling_has_the_measured_values_as_ticks_and_bars_beside_each_other(drawn: dict[str, str]) -> None:
    svg = drawn["scaling_threads"]
    assert {"1", "2"} <= set(texts_of(svg)) and not [text for text in texts_of(svg) if text in ("1.2", "1.5")]
    bars = re.findall(r"M ([\d.]+) ([\d.]+) \nL ([\d.]+) ([\d.]+) \n\"[^>]*stroke-width: 1\.2", svg)
    places = Counter(x for x, y, x2, y2 in bars if x == x2 and y != y2)
    alone = [x for x, times in places.items() if times == 1]  # those of the legend stand below each other
    assert len(alone) == 2 * (len(RATES) - 1)  # the bar of dali-mixup is thicker


def test_facts_are_words(report: dict[str, Any]) -> None:
    given = {"memory_bytes": 25_300_000_000, "gpu": None, "kinds": {"JPEG": 0.5}, "width_mean": 478.1339}
    given |= {"most_frequent_sizes": [[500, 375, 0.64]], "packages": {"torch": "2.15.0", "timm": "1.0"}}
    assert [line[1] for line in tables.facts(given)[1]] == [
        "25.3 GB",
        "none",
        "JPEG 50%",
        "478.134",
        "500x375 64%",
        "torch 2.15.0, timm 1.0",
    ]


def texts_of(svg: str) -> list[str]:
    return [
        element.text or "" for element in ElementTree.fromstring(svg).iter("{http://www.w3.org/2000/svg}text")
    ]
