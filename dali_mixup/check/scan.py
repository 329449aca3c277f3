"""Looks at every sample of a source."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from dali_mixup._epochs.ranks import usable_cores
from dali_mixup.check.decoding import Decoder, batches
from dali_mixup.check.findings import Finding, Header, Problem
from dali_mixup.check.headers import read_header, undecodable
from dali_mixup.sources.base import Source

DALI_FORMATS = frozenset({"JPEG", "MPO", "PNG", "BMP", "TIFF", "PPM", "WEBP", "JPEG2000"})
"""Pillow's names of what DALI decodes. (MPO is JPEG with further pictures behind the first.)"""

_CHUNK = 512


@dataclass(frozen=True)
class Scan:
    """What every sample turned out to be.

    headers: for each sample its header, None where it has none.
    findings: the unfit samples, in the order of the source.
    damaged: remarks on samples that decode although their compressed data are not in order, by index.
    """

    headers: tuple[Header | None, ...]
    findings: tuple[Finding, ...]
    damaged: dict[int, str]


def scan(
    source: Source, *, threads: int | None = None, progress: Callable[[int], None] = lambda _: None
) -> Scan:
    """Reads the header of every sample with Pillow and decodes it with DALI's CPU decoder, many at a time.

    threads: how many threads read and decode; None takes as many as the process may use.
    progress: called now and then with the number of further samples that are done.
    """
    threads = threads or usable_cores()
    headers: list[Header | None] = []
    findings: list[Finding] = []
    damaged: dict[int, str] = {}
    decoder = Decoder(source, threads)
    with ThreadPoolExecutor(threads) as pool:
        for start in range(0, len(source), _CHUNK):
            indices = range(start, min(start + _CHUNK, len(source)))
            seen = list(pool.map(lambda index: _supported(source, index), indices))
            found = {one.index: one for one in seen if isinstance(one, Finding)}
            sound = {i: one for i, one in zip(indices, seen, strict=True) if isinstance(one, Header)}
            progress(len(found))
            for batch in batches(list(sound), [one.width * one.height for one in sound.values()]):
                decoded = decoder.decode(batch)
                found |= {i: undecodable(source, i, reason) for i, reason in decoded.failing.items()}
                damaged |= decoded.damaged
                progress(len(batch))
            headers += [one if isinstance(one, Header) else None for one in seen]
            findings += [found[index] for index in sorted(found)]
    return Scan(tuple(headers), tuple(findings), damaged)


def _supported(source: Source, index: int) -> Header | Finding:
    header = read_header(source, index)
    if isinstance(header, Header) and header.format not in DALI_FORMATS:
        return Finding(index, source.key(index), Problem.UNSUPPORTED, f"DALI does not decode {header.format}")
    return header
