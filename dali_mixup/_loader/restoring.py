"""The check that DALI can continue from a saved state, when it is loaded and not in the first batch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from dali_mixup._loader.cursor import Cursor
from dali_mixup._loader.run import PipelineRun
from dali_mixup._loader.spec import LoaderSpec
from dali_mixup.sources.bad_files import BadFiles

_ADVICE = (
    "The state was changed after it was saved, or saved with another version of DALI; load an earlier one, or begin "
    "the epoch anew with set_epoch"
)


def known_unlabelled(bad: BadFiles | None, skipped: Sequence[int]) -> list[int]:
    """The unlabelled samples that a state leaves out; `bad` are those of the loader, None without such a stream.

    Raises:
        ValueError: samples that the stream does not have, or all of them.
    """
    if bad is not None:
        return bad.checked(skipped, "skipped_unlabelled")
    if skipped:
        raise ValueError(
            f"load_state_dict: the state leaves out {len(skipped)} unlabelled samples (skipped_unlabelled), but this "
            "loader has none; expected []: load the state into a loader with the stream it was saved with"
        )
    return []


def refuse_unless_restorable(spec: LoaderSpec, bad: BadFiles, cursor: Cursor) -> None:
    """Build the pipeline that would continue from `cursor`, and end it again: it reads no file, and takes milliseconds
    on the CPU backend.

    Raises:
        ValueError: DALI does not accept its checkpoint, or accepts it for another batch.
        Exception: no pipeline can be built, whatever the state.
    """
    if cursor.run is None or not spec.owns(cursor):
        return
    try:
        run = PipelineRun(spec, bad, cursor)
    except Exception as error:
        PipelineRun(spec, bad, replace(cursor, run=None)).close()
        reason = next(iter(str(error).strip().splitlines()), type(error).__name__)
        raise ValueError(
            f"load_state_dict: DALI cannot continue from its checkpoint, run.dali ({reason}). {_ADVICE}"
        ) from error
    try:
        reached = run.batches_run
        if reached not in (None, cursor.run.count):
            raise ValueError(
                f"load_state_dict: run.count={cursor.run.count}, but DALI's checkpoint, run.dali, is of batch "
                f"{reached!r}. {_ADVICE}"
            )
    finally:
        run.close()
