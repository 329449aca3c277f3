"""A loader in another form: what the adapters for frameworks have in common."""

from __future__ import annotations

from typing import Any

from dali_mixup._loader.loader import MixLoader


def checked_loader(owner: str, loader: Any) -> MixLoader:
    """`loader`; TypeError if it is not one of `train_loader` or `val_loader`."""
    if not isinstance(loader, MixLoader):
        raise TypeError(f"{owner}: loader={loader!r}, expected what train_loader or val_loader returns")
    return loader


class Adapter:
    """Wraps a loader, whose other attributes are available on it.

    Raises:
        TypeError: `loader` is not one of `train_loader` or `val_loader`.
    """

    def __init__(self, loader: MixLoader):
        self.loader = checked_loader(type(self).__name__, loader)

    def __len__(self) -> int:
        return len(self.loader)

    def __getattr__(self, name: str) -> Any:
        # A copy has no loader until it is complete, and what copying and pickling look for is the adapter's own.
        if name == "loader" or (name.startswith("__") and name.endswith("__")):
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        return getattr(self.loader, name)

    def __setattr__(self, name: str, value: Any) -> None:
        if not hasattr(type(self), name) and hasattr(self.__dict__.get("loader"), name):
            setattr(self.loader, name, value)  # which the loader may refuse; here it would do nothing
        else:
            super().__setattr__(name, value)
