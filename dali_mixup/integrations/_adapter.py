"""A loader in another form: what the adapters for frameworks have in common."""

from __future__ import annotations

from typing import Any

from dali_mixup._loader.loader import MixLoader


class Adapter:
    """Wraps a loader, whose other attributes are available on it."""

    def __init__(self, loader: MixLoader):
        self.loader = loader

    def __len__(self) -> int:
        return len(self.loader)

    def __getattr__(self, name: str) -> Any:
        # A copy has no loader until it is complete, and what copying and pickling look for is the adapter's own.
        if name == "loader" or (name.startswith("__") and name.endswith("__")):
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        return getattr(self.loader, name)
