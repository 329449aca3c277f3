"""What a worker does with the samples of a shard."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from dali_mixup._graph.child import ChildError
from dali_mixup._graph.look import UnfitError
from dali_mixup._graph.trial import Trial
from dali_mixup.pack.crew import untried
from dali_mixup.pack.images import PackedImage, packed_image
from dali_mixup.pack.options import Options
from dali_mixup.pack.writers import Job, writer
from dali_mixup.sources.archives.pack_lines import Shard


class Sample(NamedTuple):
    """A sample to pack.

    Attributes:
        key, label, class_name: of the sample.
        content: its encoded image; if that cannot be read, the problem as text.
    """

    key: str
    label: int
    class_name: str
    content: bytes | str


@dataclass(frozen=True)
class PackJob:
    """A shard to write, whose samples follow.

    Attributes:
        job: where it goes.
        first: position of its first sample in the order.
        options: how images are packed.
        skip_bad: leave out samples that cannot be packed.
    """

    job: Job
    first: int
    options: Options
    skip_bad: bool


class BadImagesError(Exception):
    """Samples of a shard that cannot be packed, so that the shard was not written.

    Attributes:
        bad: (key, problem) of each.
    """

    def __init__(self, bad: list[list[str]]) -> None:
        super().__init__(bad)
        self.bad = bad


def packed_shard(task: PackJob, samples: Iterable[Sample], trial: Trial) -> Shard:
    """Write a shard. For `trial` see `packed_image`.

    Raises:
        BadImagesError: some samples cannot be packed, all of them named, and `skip_bad` is false.
        NotWritten: the disk is full, or the like.
        PackingError: an image cannot be tried, as where the memory is short.
    """
    bad: list[list[str]] = []
    with writer(task.job) as out:
        for position, sample in enumerate(samples, start=task.first):
            image = _image(sample, task.options, trial)
            if isinstance(image, str):
                bad.append([sample.key, image])
            elif task.skip_bad or not bad:
                out.add(sample.key, sample.label, sample.class_name, position, image)
        if bad and not task.skip_bad:
            raise BadImagesError(bad)
    return out.shard(bad)


def _image(sample: Sample, options: Options, trial: Trial) -> PackedImage | str:
    """The image to pack, or the problem."""
    if isinstance(sample.content, str):
        return sample.content
    try:
        return packed_image(sample.content, options, trial)
    except UnfitError as error:
        return str(error)
    except (ChildError, MemoryError, OSError) as error:
        raise untried(sample.key, error) from error
