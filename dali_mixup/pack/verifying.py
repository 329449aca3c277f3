"""The examination of packed data as a whole."""

from __future__ import annotations

import fnmatch
import os
import threading
from collections.abc import Callable, Iterable, Iterator

from dali_mixup._checks import integer
from dali_mixup._epochs.ranks import usable_cores
from dali_mixup._graph.child import ChildProcess
from dali_mixup._graph.options import MAX_PIXELS
from dali_mixup.pack.crew import answer, shared_out
from dali_mixup.pack.examine import Examination
from dali_mixup.sources.archives.pack_lines import Shard
from dali_mixup.sources.archives.packed import PACK_FILE, changed_lines, packed_list
from dali_mixup.sources.extensions import IMAGE_EXTENSIONS
from dali_mixup.sources.names import name_text


def verify(
    folder: str | os.PathLike[str],
    *,
    workers: int | None = None,
    progress: Callable[[int, int], None] = lambda done, of: None,
) -> list[str]:
    """Examine packed data: all checksums (of the shards, the images and the lines of pack.jsonl), that every image
    decodes to its size, and that nothing is missing.

    Args:
        folder: the packed folder.
        workers: number of processes, >= 1; None: as many as this process may use cores.
        progress: called with the number of samples that are examined, and of all.

    Returns:
        A line for everything that is wrong, in the order of the shards.

    Raises:
        FileNotFoundError: the folder is not packed, or not completely.
        TypeError, ValueError: workers outside the above; its pack.jsonl is damaged in the first line.
        PackingError: a process died.
    """
    if workers is not None:
        workers = integer("verify", "workers", workers, at_least=1)
    found_in, header, shards = packed_list(folder)
    max_pixels = header.plan.get("max_pixels", MAX_PIXELS)
    found: dict[int, list[str]] = {}
    names: set[str] = set()
    done = 0
    lock = threading.Lock()

    def examined(child: ChildProcess, shard: Shard, stop: threading.Event) -> None:
        nonlocal done
        child.send(Examination(found_in, shard, max_pixels))
        lines = answer(child, f"examines shard {shard.number}", stop) or []
        with lock:
            found[shard.number] = lines
            names.update([shard.file] if shard.file else shard.members)
            done += len(shard.keys)
            progress(done, header.samples)

    damaged = []
    try:
        shared_out(shards, workers or usable_cores(), examined)
    except ValueError as error:  # a line that cannot be read
        damaged.append(str(error))
    wrong = (
        [line for number in sorted(found) for line in found[number]] + damaged + list(changed_lines(found_in))
    )
    if done != header.samples:
        wrong.append(f"{PACK_FILE}: it lists {done} samples, expected {header.samples}")
    elif header.layout == "files":  # otherwise all images of the lines that are missing would be named
        wrong += _unlisted(_images(found_in), names)
    if header.layout == "shards":
        wrong += _unlisted(fnmatch.filter(os.listdir(found_in), "shard-*.tar"), names)
    return wrong


def _unlisted(present: Iterable[str], listed: set[str]) -> list[str]:
    return [f"{name}: it is not in {PACK_FILE}" for name in sorted(set(present) - listed)]


def _images(folder: str) -> Iterator[str]:
    """The paths of the files that torchvision's ImageFolder would take for images, which it looks for in folders."""
    for where, _, files in os.walk(folder):
        for file in files if where != folder else ():
            if file.lower().endswith(IMAGE_EXTENSIONS):
                yield name_text(os.path.relpath(os.path.join(where, file), folder))
