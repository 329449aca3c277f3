"""The examination of every sample of a source."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from dali_mixup._checks import integer, takes
from dali_mixup._epochs.ranks import usable_cores
from dali_mixup._graph.look import Problem
from dali_mixup._graph.options import MAX_PIXELS, MOST_THREADS
from dali_mixup._graph.pixel_kind import USUAL, PixelKind
from dali_mixup._graph.trial import Outcome, Trial
from dali_mixup.check.findings import Finding, Header
from dali_mixup.check.headers import read_header, undecodable
from dali_mixup.check.masks import scan_masks
from dali_mixup.check.trials import trials
from dali_mixup.sources.base import Source
from dali_mixup.sources.feeding import fed
from dali_mixup.sources.masks.pairs import ImagesWithMasks
from dali_mixup.sources.opening import refuse_no_source
from dali_mixup.sources.read_ahead import ReadAhead
from dali_mixup.sources.remote.daemons import DaemonThreads

_CHUNK = 512


@dataclass(frozen=True)
class Scan:
    """The result for every sample.

    Attributes:
        headers: for each sample its header, None if it has none.
        findings: the unfit samples, in the order of the source.
        damaged: remarks on samples that decode although their compressed data are not in order, by index.
        pixel_classes: (256,) int64, the number of fit samples in whose mask each class id occurs; None without masks.
    """

    headers: tuple[Header | None, ...]
    findings: tuple[Finding, ...]
    damaged: dict[int, str]
    pixel_classes: np.ndarray | None = None


def scan(
    source: Source,
    *,
    threads: int | None = None,
    max_pixels: int = MAX_PIXELS,
    kind: PixelKind = USUAL,
    progress: Callable[[int], None] = lambda _: None,
) -> Scan:
    """Check the header of every sample as the loaders do, and decode it with DALI's CPU decoder, many at a time, in a
    process of its own: an image that kills the process does no other harm. Masks are decoded too.

    Args:
        threads: number of threads that read and decode, 1 to 1024; None: as many as the process may use.
        max_pixels: limit for an image, >= 1; larger ones are unfit, as for `Runtime(max_pixels=...)`.
        kind: the pixels to decode, `Output(...).kind`; images that do not have them are unfit.
        progress: called repeatedly with the number of further samples that are done.

    Raises:
        TypeError, ValueError: arguments of other types; threads outside 1 to 1024, max_pixels < 1.
        StorageError: data cannot be read at present and no file is to blame.
    """
    refuse_no_source("scan", source)
    if not isinstance(kind, PixelKind):
        raise TypeError(f"scan: kind={kind!r}, expected the kind of an output, such as Output(...).kind")
    wanted = usable_cores() if threads is None else threads
    threads = integer("scan", "threads", wanted, at_least=1, at_most=MOST_THREADS)
    max_pixels = integer("scan", "max_pixels", max_pixels, at_least=1)
    takes(
        f"scan: progress={progress!r}",
        progress,
        "done",
        expected="expected a function of a number of samples",
    )
    headers: list[Header | None] = []
    findings: list[Finding] = []
    damaged: dict[int, str] = {}
    pixel_classes: np.ndarray | None = None
    trial = Trial(threads, kind=kind)
    # Two passes over every image, of which an object is fetched only in the first, and before it is asked for.
    ahead = ReadAhead(1, source.remote)
    chunks = -(-len(source) // _CHUNK)
    with DaemonThreads(threads, "dali-mixup-check") as pool:
        try:
            for number in range(chunks):
                if source.remote:
                    ahead.reached(number, lambda n: source.places(_rows(n, len(source))))
                indices = _rows(number, len(source)).tolist()
                seen = list(pool.map(lambda index: read_header(source, index, max_pixels, kind), indices))
                found = {one.index: one for one in seen if isinstance(one, Finding)}
                sound = {i: one for i, one in zip(indices, seen, strict=True) if isinstance(one, Header)}
                progress(len(found))
                for care, batch in trials(sound, kind):
                    outcomes = trial.decode(fed(source, np.array(batch)), source.read_in_dali, care)
                    for index, outcome in zip(batch, outcomes, strict=True):
                        if finding := _finding(source, index, max_pixels, outcome, kind):
                            found[index] = finding
                        elif outcome.remark:
                            damaged[index] = outcome.remark
                    progress(len(batch))
                if isinstance(source, ImagesWithMasks):
                    fit = {index: header for index, header in sound.items() if index not in found}
                    unfit, counts = scan_masks(source, fit, max_pixels, pool)
                    found |= {one.index: one for one in unfit}
                    pixel_classes = counts if pixel_classes is None else pixel_classes + counts
                headers += [one if isinstance(one, Header) else None for one in seen]
                findings += [found[index] for index in sorted(found)]
                ahead.handed_out()
        finally:
            trial.close()
            ahead.close()
    return Scan(tuple(headers), tuple(findings), damaged, pixel_classes)


def _rows(chunk: int, samples: int) -> np.ndarray:
    return np.arange(chunk * _CHUNK, min((chunk + 1) * _CHUNK, samples))


def _finding(
    source: Source, index: int, max_pixels: int, outcome: Outcome, kind: PixelKind
) -> Finding | None:
    if outcome.error is not None:
        return undecodable(source, index, max_pixels, outcome.error, kind)
    if outcome.difference is not None:
        return Finding(index, source.key(index), Problem.OTHER_PIXELS, outcome.difference)
    return None
