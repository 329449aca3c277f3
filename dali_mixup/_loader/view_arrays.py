"""The arrays that a batch's views need in the graph: plans, augmentation, windows, and which rows they show."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from dali_mixup._decide.scatter import extended
from dali_mixup._graph.feed import PlanFeed
from dali_mixup._graph.view_names import HERE
from dali_mixup._loader.batch import Batch
from dali_mixup.augment.pixmix import PICTURES

if TYPE_CHECKING:
    from dali_mixup._loader.spec import LoaderSpec  # which loads torch and DALI


def names_of_view(spec: LoaderSpec, number: int) -> tuple[str, ...]:
    """The names of a view's arrays, without its number."""
    view, feed = spec.pipeline.views[number], spec.feeds[number]
    plan = () if feed is None else feed.pixel_names
    draws = () if view.draws is None else view.draws.names
    pictures = PICTURES if view.draws is not None and view.draws.pictures else ()
    windows = view.transform.window_names if _given_windows(spec, number) else ()
    return (*plan, *draws, *pictures, *windows, *((HERE,) if view.of_part else ()))


def arrays_of_view(spec: LoaderSpec, number: int, batch: Batch, rank: int, rows: int) -> tuple[Any, ...]:
    """The arrays of these names, each with one entry for every row of the batch."""
    view = spec.pipeline.views[number]
    made: tuple[Any, ...] = ()
    feed = feed_at(spec, number, batch.epoch, batch.step)
    plan = batch.plans[number]
    if feed is not None and plan is not None:
        first = 0 if number < spec.labelled_views else rows - len(batch.unlabelled)
        made += feed.arrays(extended(plan, rows, first), feed.pixel_names)
    if view.draws is not None:
        made += view.draws.arrays(rows, spec.seed_of(number), rank, batch.epoch, batch.step)
        made += _pictures(spec, rows) if view.draws.pictures else ()
    if _given_windows(spec, number):
        fed = batch.maps[number].windows.fed
        made += tuple(fed[name] for name in view.transform.window_names)
    if view.of_part:
        made += (_here(spec, number, len(batch.indices), rows),)
    return made


def feed_at(spec: LoaderSpec, number: int, epoch: int, step: int) -> PlanFeed | None:
    """The feed of a view for the size of this batch's images; None without mixing."""
    feed, draws = spec.feeds[number], spec.pipeline.views[number].draws
    if feed is None or draws is None:
        return feed
    height, width = draws.size_at(spec.seed_of(number), epoch, step)
    if (height, width) == (feed.height, feed.width):
        return feed
    return replace(feed, height=height, width=width)


def _given_windows(spec: LoaderSpec, number: int) -> bool:
    """True if the view's windows are decided here, since masks follow them. A shared one is given once."""
    return (
        spec.paired is not None
        and number < spec.labelled_views
        and spec.pipeline.views[number].window == number
    )


def _pictures(spec: LoaderSpec, rows: int) -> tuple[np.ndarray, np.ndarray]:
    """The arrays `PICTURES`: the unlabelled samples, the last rows, are the pictures of the others in turn."""
    count = spec.companions.unlabelled_rows
    own, every = rows - count, np.arange(rows, dtype=np.int32)
    return own + every % count, every < own


def _here(spec: LoaderSpec, number: int, n: int, rows: int) -> np.ndarray:
    """(rows,) bool, the rows that a view shows: the batch's own, the unlabelled ones, or both."""
    here = np.zeros(rows, bool)
    here[:n] = number < spec.labelled_views
    here[rows - spec.companions.unlabelled_rows :] |= number in spec.unlabelled_views
    return here
