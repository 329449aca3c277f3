"""Steps that mix and steps that do not, drawn step by step."""

from __future__ import annotations

from dataclasses import dataclass

from dali_mixup._checks import boolean, number
from dali_mixup._seeding import Purpose, stream


@dataclass(frozen=True)
class Alternation:
    """With a given probability a step is clean: nothing is mixed, the whole batch is left alone.

    MultiMix (Venkataramanan et al. 2023) mixes inputs in some steps and embeddings in the others: the training step
    reads the batch's regime, and mixes embeddings only where the loader left the images alone.

    Args:
        clean: in [0, 1], the probability of a clean step.
        per_rank: False: all ranks share every draw; True: each rank draws for itself.

    Raises:
        TypeError, ValueError: clean outside [0, 1], per_rank that is not True or False.
    """

    clean: float = 0.5
    per_rank: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "clean", number("Alternation", "clean", self.clean, at_least=0, at_most=1))
        object.__setattr__(self, "per_rank", boolean("Alternation", "per_rank", self.per_rank))

    def is_clean(self, *, seed: int, rank: int, epoch: int, step: int) -> bool:
        """True if this step is clean; a pure function of its address."""
        rng = stream(Purpose.REGIME, seed, rank=rank if self.per_rank else 0, epoch=epoch, step=step)
        return bool(rng.random_sample() < self.clean)
