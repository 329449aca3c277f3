"""docs/claims.md and its template."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from benchmarks.claims import page
from benchmarks.claims.registry import CLASSES, claim_named

CLAIM: dict[str, Any] = {
    "claim": "kway",
    "source": "Zhang et al. 2018, arXiv 1710.09412",
    "metrics": {"test error": "%", "NLL": "nats"},
    "mean": {
        "ERM": {"test error": {"mean": 9.0, "half": 0.5, "n": 2}},
        "k=2": {"test error": {"mean": 7.0, "half": 0.25, "n": 2}, "NLL": {"mean": 0.5, "half": 0.1, "n": 2}},
    },
    "directions": [
        {
            "direction": "test error: ERM above k=2",
            "says": "pairs help",
            "metric": "test error",
            "high": "ERM",
            "low": "k=2",
            "margin": 0.3,
            "difference": {"mean": 2.0, "half": 0.1, "n": 2},
            "p": 0.0001,
            "outcome": "seen",
        }
    ],
    "each_seed": [
        {"ERM": {"test error": 9.5}, "k=2": {"test error": 7.0}},
        {"ERM": {"test error": 8.5}, "k=2": {"test error": 6.9}},
    ],
    "cpu_seconds": 120.0,
    "environment": {"cpu": "EPYC", "usable_cores": 2, "commit": "abc"},
}


def rendered(*lines: str) -> str:
    return page.render("\n".join(lines), {"kway": CLAIM}, {"a b": {"ms": 12.34}})


def test_numbers_come_from_the_result() -> None:
    text = rendered(
        "{{minutes}} minutes on {{where}}",
        "### kway",
        "{{mean: k=2 | test error}}, {{gap: ERM | k=2 | test error}}, {{latent: a b.ms}} ms",
    )
    # Differences 2.5 and 1.6: mean 2.05, interval t(1) = 12.7 times 0.45.
    assert text.splitlines()[0] == "2 minutes on EPYC, 2 cores; commit abc"
    assert "7.00 ± 0.25, 2.05 (-3.67 to 7.77), 12.3 ms" in text


def test_tables_show_what_was_measured() -> None:
    text = rendered("{{summary}}", "### kway", "{{run}}", "{{table}}", "{{verdicts}}")
    assert "`make claims ARGS=kway`: 2 seeds, 2.0 minutes of CPU time." in text
    assert "| ERM | 9.00 ± 0.50 |  |" in text
    assert "| test error: ERM above k=2 | 2.00 (1.90 to 2.10) | < 0.001 | seen |" in text
    assert (
        "| Zhang et al. 2018 | pairs help | **seen** | test error, ERM − k=2: 2.00 (1.90 to 2.10); margin 0.3 "
        "| [kway](#kway) |" in text
    )


@pytest.mark.parametrize("line", ["{{nonsense}}", "{{mean: ERM}}", "{{gap: ERM | k=2}}"])
def test_what_is_no_placeholder_is_named(line: str) -> None:
    with pytest.raises(ValueError, match="is no placeholder"):
        rendered("### kway", line)


def test_a_number_outside_of_a_section_is_refused() -> None:
    with pytest.raises(ValueError, match="outside of a claim's section"):
        rendered("{{mean: ERM | test error}}")


def test_an_arm_that_was_not_measured_is_named() -> None:
    with pytest.raises(KeyError, match="k=7"):
        rendered("### kway", "{{mean: k=7 | test error}}")


def test_the_committed_page_is_the_rendering() -> None:
    assert page.PAGE.read_text() == page.page()


def test_results_are_of_a_commit() -> None:
    for name, claim in page.read().items():
        assert re.fullmatch(r"[0-9a-f]{12}", claim["environment"]["commit"]), name


def test_every_claim_has_its_section_and_its_picture() -> None:
    template = (page.HERE / "page.md").read_text()
    sections = dict(zip(*[iter(re.split(r"^### (\w+)$", template, flags=re.M)[1:])] * 2, strict=True))
    assert list(sections) == list(CLASSES)
    for name, text in sections.items():
        curves = bool(json.loads((page.RESULTS / f"{name}.json").read_text())["curves"])
        assert text.count("{{run}}") == text.count("{{table}}") == text.count("{{figure}}") == 1
        assert text.count("{{curves}}") == curves


def settings(found: Any) -> Iterator[str]:
    """All numbers of a claim's settings, as a reader may write them."""
    if isinstance(found, dict | list):
        for value in found.values() if isinstance(found, dict) else found:
            yield from settings(value)
    elif isinstance(found, int | float):
        for value in (found, 100 * found, 100 * (1 - found)):
            yield f"{value:g}"


def test_numbers_that_are_typed_are_settings() -> None:
    """In a section's prose without placeholders, sources and code only settings, constants and small whole
    numbers are left."""
    template = (page.HERE / "page.md").read_text()
    parts = re.split(r"^### (\w+)$", template, flags=re.M)[1:]
    for name, text in zip(parts[::2], parts[1::2], strict=True):
        result = json.loads((page.RESULTS / f"{name}.json").read_text())
        module = sys.modules[type(claim_named(name)).__module__]
        constants = {key: value for key, value in vars(module).items() if key.isupper()}
        known = {*settings(result["settings"]), *settings(constants), *map(str, range(11)), "797", "1797"}
        prose = re.sub(r"\{\{[^}]*\}\}|`[^`]*`|\[[^]]*\]\([^)]*\)|\*\*Claim\*\*.*?:", "", text, flags=re.S)
        typed = {found.rstrip(".").replace(",", "") for found in re.findall(r"\d[\d.,]*\d|\d", prose)}
        assert typed <= known, f"{name}: {sorted(typed - known)} are neither measured nor settings"
