"""Where an epoch begins: from a loader's specification and a place in its run to a pipeline that stands there."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from dali_mixup._cpu import MOST_IMAGES
from dali_mixup._epochs.walk import Walk
from dali_mixup._graph.feed import PlanFeed
from dali_mixup._loader.batches import BatchSource
from dali_mixup._loader.run import PipelineRun
from dali_mixup._loader.spec import LoaderSpec
from dali_mixup.sources.bad_files import BadFiles

log = logging.getLogger("dali_mixup")


def walk_from(spec: LoaderSpec, start: Mapping[str, Any]) -> Walk:
    """The walk that a state's pipeline was on, so that DALI's checkpoint fits; else the one that begins at the start.

    start: epoch, step, offset and run, as in a loader's state; with a run also the rank that saved it.
    Raises ValueError for a place that the loader does not have.
    """
    at = start["run"]["walk"] if _own_run(spec, start) else start
    place = {key: at[key] for key in ("epoch", "step", "offset")}
    return Walk(spec.layout, spec.rank.rank, **place, interleaved=spec.order.interleaved)


def run_from(spec: LoaderSpec, bad: BadFiles, start: Mapping[str, Any]) -> PipelineRun:
    """A built pipeline whose next batch is the one at `start` (see `walk_from`); `bad` samples are left out."""
    checkpoint = None
    if _own_run(spec, start):
        checkpoint = start["run"]["dali"], start["run"]["count"]
    elif start["run"] is not None:
        log.info(
            "rank %d resumes from the state of rank %d: same position, fresh random crops (save each rank's own state "
            "for a bit-exact resume)",
            spec.rank.rank,
            start["rank"],
        )
    height, width = spec.pipeline.transform.size
    feed = None
    if spec.policy is not None:
        feed = PlanFeed(spec.policy, spec.pipeline.mean, spec.pipeline.std, height, width)
        compiled = spec.pipeline.backend.compiled
        if compiled and feed.blended >= MOST_IMAGES:
            log.info(
                "the policy mixes %d images into one and the compiled kernels at most %d: DALI's operators mix",
                feed.blended + 1,
                MOST_IMAGES,
            )
        feed = replace(feed, compiled=compiled and feed.blended < MOST_IMAGES)
    batches = BatchSource(
        spec.source,
        walk_from(spec, start),
        spec.seed,
        spec.order,
        feed,
        bad,
        spec.source.labels if spec.labels is None else spec.labels,
        spec.companions,
        spec.pipeline.draws,
        spec.read_ahead,
    )
    return PipelineRun(spec.pipeline, batches, checkpoint)


def _own_run(spec: LoaderSpec, start: Mapping[str, Any]) -> bool:
    return start["run"] is not None and start["rank"] == spec.rank.rank
