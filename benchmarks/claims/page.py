"""docs/claims.md, written from its template, page.md, and the results: no number on the page is typed. Pictures too.

    python -m benchmarks.claims.page

Lines of the template may hold, in a claim's section (`### NAME`):

    {{run}} {{table}} {{figure}} {{curves}} {{verdicts}}    on lines of their own
    {{mean: ARM | METRIC}}                          a mean with half of its interval, 7.05 ± 0.42
    {{gap: ARM | ARM | METRIC}}                     the paired difference with its interval, 1.86 (0.46 to 3.26)
    {{latent: KEY}}                                 a number of the benchmark of latent mixing, keys joined by dots

and outside of sections {{summary}}, {{minutes}} and {{where}}.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.claims.plots import Found, plot
from benchmarks.claims.registry import CLASSES, claim_named
from benchmarks.claims.statistics import Interval, difference
from benchmarks.claims.tables import shown
from dali_mixup._files import write_text

HERE = Path(__file__).parent
RESULTS = HERE.parent / "results" / "claims"
PAGE = HERE.parents[1] / "docs" / "claims.md"
PLACEHOLDER = re.compile(r"\{\{(\w+)(?:: ([^}]*))?\}\}")


def render(template: str, results: Mapping[str, Found], latent: Found) -> str:
    """The page.

    Raises:
        ValueError: a placeholder that is not one of the above, or stands outside of a claim's section.
        KeyError: an arm or a metric that was not measured.
    """
    claim: Found | None = None
    lines = []
    for line in template.splitlines():
        if line.startswith("#"):
            name = line.removeprefix("### ")
            claim = results[name] if line.startswith("### ") else None
        lines.append(PLACEHOLDER.sub(partial(_filled, claim=claim, results=results, latent=latent), line))
    return "\n".join(lines) + "\n"


def _filled(found: re.Match[str], *, claim: Found | None, results: Mapping[str, Found], latent: Found) -> str:
    kind, words = found[1], [word.strip() for word in (found[2] or "").split("|")]
    if kind in WHOLE:
        return WHOLE[kind](results)
    if kind == "latent":
        value: Any = latent
        for key in words[0].split("."):
            value = value[key]
        return f"{value:.3g}"
    if claim is None:
        raise ValueError(f"page.md: {found[0]} stands outside of a claim's section (### NAME)")
    if kind in PARTS:
        return PARTS[kind](claim)
    if kind == "mean" and len(words) == 2:
        return shown(Interval(**claim["mean"][words[0]][words[1]]))
    if kind == "gap" and len(words) == 3:
        high, low, metric = words
        return between(
            difference(*([seed[arm][metric] for seed in claim["each_seed"]] for arm in (high, low)))
        )
    raise ValueError(f"page.md: {found[0]} is no placeholder; see the top of page.py")


def between(found: Interval) -> str:
    """A mean with its interval, 1.86 (0.46 to 3.26)."""
    if found.half is None:
        return f"{found.mean:.3g}"
    digits = 1 if abs(found.mean) >= 10 else 2 if max(abs(found.mean), found.half) >= 0.5 else 3
    low, high = found.mean - found.half, found.mean + found.half
    return f"{found.mean:.{digits}f} ({low:.{digits}f} to {high:.{digits}f})"


def run(claim: Found) -> str:
    """How often and how long it ran, and the command."""
    seeds, minutes = len(claim["each_seed"]), claim["cpu_seconds"] / 60
    return f"`make claims ARGS={claim['claim']}`: {seeds} seeds, {minutes:.1f} minutes of CPU time."


def table(claim: Found) -> str:
    """The means of all arms, folded."""
    metrics = list(claim["metrics"])
    rows = [["", *metrics]]
    for arm, means in claim["mean"].items():
        rows.append([arm, *(shown(Interval(**means[m])) if m in means else "" for m in metrics)])
    return folded("Means of all arms", rows)


def verdicts(claim: Found) -> str:
    """Every direction with the paired difference and its verdict, folded."""
    rows = [["Direction", "Difference", "p (Holm)", "Verdict"]]
    for direction in claim["directions"]:
        p = "" if direction["p"] is None else "< 0.001" if direction["p"] < 0.001 else f"{direction['p']:.2g}"
        rows.append(
            [direction["direction"], between(Interval(**direction["difference"])), p, direction["outcome"]]
        )
    return folded("All directions and their verdicts", rows)


def summary(results: Mapping[str, Found]) -> str:
    """A row for every direction that says something, by claim."""
    rows = [["Paper", "Claim", "Verdict here", "Difference (95% interval)", "Figure"]]
    for name, claim in results.items():
        said = [direction for direction in claim["directions"] if direction["says"]]
        for place, direction in enumerate(said):
            compared = f"{direction['metric']}, {direction['high']} − {direction['low']}"
            effect = f"{compared}: {between(Interval(**direction['difference']))}"
            rows.append(
                [
                    "" if place else claim["source"].partition(", arXiv")[0],
                    direction["says"],
                    f"**{direction['outcome']}**",
                    f"{effect}; margin {direction['margin']:g}",
                    f"[{name}](#{name})",
                ]
            )
    return markdown(rows)


def folded(title: str, rows: list[list[str]]) -> str:
    """A table that opens at a click."""
    return f"<details><summary>{title}</summary>\n\n{markdown(rows)}\n\n</details>"


def markdown(rows: list[list[str]]) -> str:
    """A table; the first row is its head."""
    head, *body = [f"| {' | '.join(cell.replace('|', '/') for cell in row)} |" for row in rows]
    return "\n".join([head, "|" + "---|" * len(rows[0]), *body])


def minutes(results: Mapping[str, Found]) -> str:
    """CPU time of everything."""
    return f"{sum(claim['cpu_seconds'] for claim in results.values()) / 60:.0f}"


def where(results: Mapping[str, Found]) -> str:
    """The machine and the commits of all results."""
    environments = [claim["environment"] for claim in results.values()]
    machines = sorted({f"{x['cpu']}, {x['usable_cores']} cores" for x in environments})
    commits = sorted({x["commit"] for x in environments})
    return f"{'; '.join(machines)}; commit {', '.join(commits)}"


def _picture(claim: Found, suffix: str, what: str) -> str:
    name = claim["claim"]
    return f"![{name}: {what}](../benchmarks/results/claims/{name}{suffix}.png)"


PARTS: dict[str, Callable[[Found], str]] = {
    "run": run,
    "table": table,
    "verdicts": verdicts,
    "figure": lambda claim: _picture(claim, "", "means and intervals of all arms"),
    "curves": lambda claim: _picture(claim, "-curves", "curves"),
}
WHOLE: dict[str, Callable[[Mapping[str, Found]], str]] = {
    "summary": summary,
    "minutes": minutes,
    "where": where,
}


def read() -> dict[str, Found]:
    """The committed results, in the order of the registry, with the words that the code has now."""
    results = {name: json.loads((RESULTS / f"{name}.json").read_text()) for name in CLASSES}
    for name, result in results.items():
        claim = claim_named(name)
        result["source"] = claim.source
        says = {str(direction): direction.says for direction in claim.directions}
        for name_of_curve, axes in claim.curves.items():
            result["curves"][name_of_curve] |= axes._asdict()
        for direction in result["directions"]:
            direction["says"] = says[direction["direction"]]
    return results


def page() -> str:
    """What docs/claims.md should hold."""
    latent = json.loads((HERE.parent / "results" / "latent_cpu.json").read_text())
    return render((HERE / "page.md").read_text(), read(), latent)


if __name__ == "__main__":
    for claim in read().values():
        plot(claim, RESULTS)
    write_text(PAGE, page())
