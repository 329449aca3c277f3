"""A report in words: what was measured, on which code, and how to read it."""

from __future__ import annotations

from dali_mixup.bench.summary import Report


def described(report: Report) -> list[str]:
    """The paragraphs above a report's tables."""
    settings = report["settings"]
    return [
        f"{code(report)}. {workers(report)}; batches of {settings['batch_sizes'][0]}; "
        f"{_counted(settings['repeats'], 'interleaved repeat', 's')} of {settings['batches']} batches after warm-up, "
        f"each in a fresh process; page cache: {report['cache']}.",
        "Blue is dali-mixup; grey are the other loaders, which do the same work; brown are references, which are not "
        "ranked: the same without mixing, or without the compiled kernels. Green, and the dashed line, is the rate of "
        "decoding alone in the same run.",
        "Intervals hold the median with at least 90% and assume no distribution; overlapping intervals are not ranked. "
        "n counts the waits for a batch, and a percentile that so few waits do not show is left out.",
    ]


def in_a_sentence(report: Report) -> str:
    """What was measured, where and how, above a table on a page."""
    machine, settings, data = report["environment"], report["settings"], report["data"]
    where = f"{machine['cpu']}, {machine['usable_cores']} cores" + (
        f", {machine['gpu']}" if machine["gpu"] else ""
    )
    return (
        f"{code(report)}, measured on {where}: {workers(report)}; batches of "
        f"{settings['batch_sizes'][0]}, {data['width_mean']:.0f}x{data['height_mean']:.0f} JPEGs of "
        f"{data['bytes_mean'] / 1000:.0f} kB on average, page cache {report['cache']}, medians of "
        f"{settings['repeats']} interleaved repeats with the interval that holds the median with at least 90%."
    )


def code(report: Report) -> str:
    """The version of this package and the commit that were measured."""
    machine = report["environment"]
    version = machine.get("packages", {}).get("dali-mixup", "")
    commit = machine.get("commit")
    return f"dali-mixup {version}".strip() + (f" at commit {commit}" if commit else ", of no known commit")


def workers(report: Report) -> str:
    """How many threads and processes the loaders had."""
    settings = report["settings"]
    count, extra = settings["threads"][0], settings.get("dali_extra_threads", 0)
    return f"{_counted(count, 'worker process', 'es')}, or {_counted(count + extra, 'thread', 's')} of DALI"


def workers_axis(report: Report) -> str:
    """The label of an axis of `--threads`."""
    extra = report["settings"].get("dali_extra_threads", 0)
    return "worker processes" + (
        f"; DALI has {_counted(extra, 'thread', 's')} more" if extra else " or DALI's threads"
    )


def _counted(count: int, one: str, plural: str) -> str:
    return f"{count} {one}{plural if count != 1 else ''}"
