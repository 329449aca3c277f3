"""The smallest adapters for frameworks that expect a torch DataLoader, and for that itself. Most need none: see
docs/frameworks.md."""

__all__ = ["accelerate", "dataloader", "torchdata", "transformers"]
