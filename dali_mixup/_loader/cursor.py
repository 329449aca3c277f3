"""The position of a loader, as values: nothing here holds a thread, a pipeline or a file."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any


@dataclass(frozen=True)
class RunState:
    """The values with which a pipeline continues a walk exactly.

    Attributes:
        epoch, step, offset: the start of the walk.
        count: batches handed out since.
        dali: DALI's checkpoint after them.
        rank: the rank of the pipeline; another rank cannot use the checkpoint.
    """

    epoch: int
    step: int
    offset: int
    count: int
    dali: bytes
    rank: int


@dataclass(frozen=True)
class Cursor:
    """The address of a batch, and how to reach it.

    Attributes:
        epoch, step: of the batch; step counts from 0 within the part of the epoch that is laid out.
        offset: positions of the epoch's order that were consumed under another number of ranks or batch size.
        run: the pipeline that would hand it out next; None: a new one that starts here.
    """

    epoch: int
    step: int = 0
    offset: int = 0
    run: RunState | None = None


@dataclass(frozen=True)
class Position:
    """A loader's position: one value that is replaced as a whole, so a signal handler never sees a partial change.

    Attributes:
        here: the batch after the last one that was handed out; `state_dict` saves it.
        next: the start of the next `iter()`: `here`, unless an epoch is under way or was left half-way.
        loaded: whether it came from a saved state and no batch was handed out since.
    """

    here: Cursor
    next: Cursor
    loaded: bool = False

    @classmethod
    def at(cls, cursor: Cursor) -> Position:
        """Between epochs, or resumed in the middle of one."""
        return cls(cursor, cursor)

    def began(self, here: Cursor, epoch: int) -> Position:
        """The first batch of an iterator over `epoch` was handed out."""
        return Position(here, Cursor(epoch + 1))

    def moved(self, here: Cursor) -> Position:
        """A further batch was handed out."""
        return replace(self, here=here, loaded=False)

    def finished(self, standing: Cursor) -> Position:
        """The last batch of an epoch was handed out; its pipeline is at the beginning of the next one."""
        chosen = standing if self.next.epoch == standing.epoch else self.next
        return Position.at(chosen)

    def set_epoch(self, epoch: int, running: bool, standing: Cursor | None) -> Position:
        """The next `iter()` is that epoch. A position loaded or left half-way in the same epoch is kept; so is a
        pipeline that is `standing` at its beginning."""
        if self.next.epoch == epoch:
            following = self.next
        elif standing is not None and (standing.epoch, standing.step) == (epoch, 0):
            following = standing
        else:
            following = Cursor(epoch)
        kept = running or self.here.epoch == epoch
        return Position(self.here if kept else following, following, self.loaded and following is self.next)

    def discarded_by(self, epoch: int) -> str:
        """The part of a loaded position that `set_epoch(epoch)` loses; "" if nothing."""
        start = self.next
        if not self.loaded or epoch == start.epoch:
            return ""
        if start.step or start.offset:
            return f"discards the loaded position (epoch {start.epoch}, step {start.step})"
        if epoch < start.epoch:
            return f"trains epoch {epoch} again, which was complete when the loaded state was saved"
        return ""


def to_state(cursor: Cursor, rank: int) -> dict[str, Any]:
    """The JSON-able part of a loader's state that describes its position."""
    run = cursor.run
    return {
        "epoch": cursor.epoch,
        "step": cursor.step,
        "offset": cursor.offset,
        "rank": rank if run is None else run.rank,
        "run": None
        if run is None
        else {
            "walk": {"epoch": run.epoch, "step": run.step, "offset": run.offset},
            "count": run.count,
            "dali": base64.b64encode(run.dali).decode("ascii"),
        },
    }


def from_state(state: Mapping[str, Any]) -> Cursor:
    """The cursor saved by `to_state`; the form of the state was checked before.

    Raises:
        ValueError: text that is not base64.
    """
    run = state["run"]
    position = {key: state[key] for key in ("epoch", "step", "offset")}
    if run is None:
        return Cursor(**position)
    try:
        dali = base64.b64decode(run["dali"], validate=True)
    except ValueError as error:  # binascii's, and that of text which is not ASCII
        raise ValueError(
            f"load_state_dict: run.dali is not base64 text ({error}); the state is damaged, load an earlier one"
        ) from None
    return Cursor(**position, run=RunState(**run["walk"], count=run["count"], dali=dali, rank=state["rank"]))
