"""The bottleneck, from the time per batch at each stage: pure arithmetic."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from dali_mixup.bench.stages import STAGES


@dataclass(frozen=True)
class Verdict:
    """The bottleneck of a loader.

    Attributes:
        bottleneck: the stage to speed up first: of `STAGES`, or "consumer".
        added: seconds that each stage adds to a batch, >= 0.
        reason: the reason in words.
    """

    bottleneck: str
    added: dict[str, float]
    reason: str


def verdict(seconds: Mapping[str, float]) -> Verdict:
    """Args:
        seconds: {stage: seconds per batch of the pipeline cut off after it}, for stages of `STAGES` and "consumer".

    The loader works while the consumer does, so the slower of the two sets the pace. If that is the loader, the stage
    that adds most is the bottleneck; if stages run side by side, adding a faster one costs nothing and shows as
    nothing.
    """
    added, before = {}, 0.0
    for stage in STAGES:
        if stage in seconds:
            added[stage] = max(0.0, seconds[stage] - before)
            before = max(before, seconds[stage])
    consumer = seconds.get("consumer")
    if consumer is not None and consumer >= before:
        reason = (
            f"a training step takes {1000 * consumer:.1f} ms, the loader {1000 * before:.1f} ms per batch"
        )
        return Verdict("consumer", added, reason)
    largest = max(added, key=lambda stage: added[stage])
    share = added[largest] / before
    return Verdict(
        largest, added, f"{1000 * added[largest]:.1f} of {1000 * before:.1f} ms per batch ({share:.0%})"
    )
