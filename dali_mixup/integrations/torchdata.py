"""torchdata's nodes: a loader as the source of a graph of `torchdata.nodes`, with its exact state."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

try:
    from torchdata.nodes import BaseNode
except ModuleNotFoundError as error:
    raise ModuleNotFoundError(
        "LoaderNode needs torchdata 0.10 or newer, which is not installed; pip install torchdata",
        name=error.name,
    ) from error

from dali_mixup._loader.loader import MixLoader
from dali_mixup.integrations._adapter import checked_loader


class LoaderNode(BaseNode[tuple[Any, ...]]):  # type: ignore[misc]  # torchdata has no types
    """Yields the batches of a loader. Put `torchdata.nodes.Loader`, `Mapper`, `Prefetcher` or `PinMemory` around it.

    `reset()` begins the loader's next epoch, and drops one that is under way. `reset(state)` continues after the batch
    that the node had yielded when `get_state` was called; at the end of an epoch nothing is left, and the next
    `reset()` begins the epoch that follows.

    Args:
        loader: a train or validation loader, which nothing else should iterate. It stays available as `.loader`, for
            example for `set_epoch`, which chooses the epoch of the next `reset()`.

    Raises:
        TypeError: `loader` is not one of `train_loader` or `val_loader`.
        TypeError, ValueError: from `reset(state)`, as from `MixLoader.load_state_dict`; also a state of another node.

    Example:
        >>> batches = torchdata.nodes.Loader(LoaderNode(train_loader(...)))     # doctest: +SKIP
        >>> batches.load_state_dict(torch.load("state.pt"))                     # doctest: +SKIP
    """

    def __init__(self, loader: MixLoader):
        super().__init__()
        self.loader = checked_loader("LoaderNode", loader)
        self._batches: Iterator[tuple[Any, ...]] = iter(())
        self._over = False  # the epoch's last batch was yielded

    def reset(self, initial_state: dict[str, Any] | None = None) -> None:
        over = False
        if initial_state is not None:
            loader, over = _parts_of(initial_state)
            self.loader.load_state_dict(loader)  # before anything changes: it may be refused
        super().reset(initial_state)
        self._batches, self._over = iter(()), over  # frees the pipeline of an epoch under way
        if initial_state is None:
            # Before its first batch too, the position is the new epoch's beginning, not where the last one was left.
            self.loader.set_epoch(self.loader.epoch)
        if not self._over:
            self._batches = iter(self.loader)

    def next(self) -> tuple[Any, ...]:
        batch = next(self._batches)
        self._over = not self.loader.mid_epoch
        return batch

    def get_state(self) -> dict[str, Any]:
        return {"loader": self.loader.state_dict(), "over": self._over}


def _parts_of(state: Any) -> tuple[dict[str, Any], bool]:
    if not isinstance(state, dict) or not {"loader", "over"} <= set(state):
        raise ValueError(
            f"LoaderNode.reset: state={state!r:.200}, expected what get_state of a LoaderNode returned; a state of the "
            "loader itself goes to loader.load_state_dict before the node's first batch"
        )
    return state["loader"], bool(state["over"])
