"""The smallest adapters for frameworks that expect a torch DataLoader. Most need none: see docs/frameworks.md."""

__all__ = ["accelerate", "torchdata", "transformers"]
