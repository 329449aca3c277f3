"""From runs to figures, tables, plots and a page, on a made-up report whose answers are known."""

from __future__ import annotations

import io
from typing import Any

import pytest
from PIL import Image

from dali_mixup.bench import tables
from dali_mixup.bench.html_report import page
from dali_mixup.bench.plots import plots
from dali_mixup.bench.summary import rows, scaling, training

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
        "environment": {"cpu": "some cores"},
        "data": {"images": 640},
        "cache": "warm",
        "settings": {"threads": [2, 1], "batch_sizes": [64], "repeats": 5, "batches": 10, "warmup": 4},
        "contenders": [
            {"name": name, "title": f"the {name}", "role": roles.get(name, "contender"), "absent": ""}
            for name in RATES
        ]
        + [{"name": "ffcv", "title": "FFCV", "role": "contender", "absent": "not installed: ffcv\nmore"}],
        "equal_work": dict.fromkeys(RATES, facts),
        "runs": runs,
    }


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


def test_page_holds_every_picture_and_asks_no_server(report: dict[str, Any]) -> None:
    pictures = plots(report)
    assert set(pictures) == {"throughput", "waits", "phases", "scaling_threads"}
    for png in pictures.values():
        assert Image.open(io.BytesIO(png)).format == "PNG"
    html = page(report, pictures)
    assert html.count("data:image/png;base64,") == 4
    assert "http" not in html and "<data>" not in html and "&lt;data&gt;" in html
    assert "the timm" in html and "not installed: ffcv" in html
