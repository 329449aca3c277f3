"""The refusal of images that a loader cannot use, before anything is measured: some loaders would fail on them, others
leave them out, and one file would cost hours of measurements."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from dali_mixup.bench.work import Samples, epoch_of
from dali_mixup.check.scan import scan
from dali_mixup.sources.files import FileList

_NAMED = 10


def read_in_epochs(samples: Samples, sizes: Iterable[int]) -> list[str]:
    """The files that epochs of these sizes, in samples, read, without duplicates."""
    return sorted({path for size in set(sizes) for path, _ in epoch_of(samples, size)})


def refuse_unfit(paths: Sequence[str], progress: Callable[[int, int, str], None]) -> None:
    """Decode every file once. progress(done, total, "") is called repeatedly.

    Raises:
        ValueError: files that `dali-mixup check` calls unfit, with the reasons.
        StorageError: data cannot be read at present and no file is to blame.
    """
    done = 0

    def further(count: int) -> None:
        nonlocal done
        done += count
        progress(done, len(paths), "")

    source = FileList(paths, [0] * len(paths))
    unfit = scan(source, progress=further).findings
    if unfit:
        named = [f"{source.name(one.index)!r}: {one.problem.value} ({one.detail})" for one in unfit[:_NAMED]]
        more = f"; and {len(unfit) - _NAMED} more" if len(unfit) > _NAMED else ""
        raise ValueError(
            f"{len(unfit)} of the {len(paths)} files to read cannot be used by every loader: {'; '.join(named)}{more}. "
            "Nothing was measured. `dali-mixup check DATA --manifest FIT.jsonl` lists the others; give FIT.jsonl "
            "instead of DATA"
        )
