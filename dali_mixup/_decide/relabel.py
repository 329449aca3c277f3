"""Labels other than the data's own: deliberately corrupted ones, or vectors instead of class ids."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from dali_mixup._checks import address, choice, number, own, table
from dali_mixup._repr import short
from dali_mixup._seeding import Purpose, stream

if TYPE_CHECKING:
    from dali_mixup._decide.policy import MixPolicy


@dataclass(frozen=True)
class CorruptLabels:
    """Replaces the labels of a share of the samples, the same ones in every epoch, on every rank and after a resume.

    The affected samples and their new labels depend on (seed, sample index) alone, so a larger fraction corrupts the
    same samples and more, with the same wrong labels. Zhang et al. 2018 section 3.4 corrupt 20%, 50% and 80%.

    Args:
        fraction: in [0, 1]; each sample is corrupted independently with this probability.
        seed: seed of the choice, from 0 to 2**64 - 1.
        scheme: "uniform" draws from all classes, so 1 in num_classes keeps its label by chance; "other" draws from the
            other classes only.

    Raises:
        TypeError, ValueError: values outside the above.
    """

    fraction: float
    seed: int = 0
    scheme: Literal["uniform", "other"] = "uniform"

    def __post_init__(self) -> None:
        object.__setattr__(
            self, "fraction", number("CorruptLabels", "fraction", self.fraction, at_least=0, at_most=1)
        )
        object.__setattr__(self, "seed", address("CorruptLabels", "seed", self.seed))
        choice("CorruptLabels", "scheme", self.scheme, ("uniform", "other"))

    def __call__(self, labels: np.ndarray, num_classes: int) -> np.ndarray:
        """The labels to train on, (n,), from the true ones (n,) in [0, num_classes); of their type if it holds every
        class, else int64."""
        if self.scheme == "other" and num_classes < 2:
            raise ValueError("CorruptLabels: scheme='other' needs at least 2 classes, the data have 1")
        rng = stream(Purpose.RELABEL, self.seed)
        drawn = rng.random_sample((len(labels), 2))
        true = labels.astype(np.int64)  # sums of small integers would wrap round
        if self.scheme == "uniform":
            wrong = (drawn[:, 1] * num_classes).astype(np.int64)
        else:
            wrong = (true + 1 + (drawn[:, 1] * (num_classes - 1)).astype(np.int64)) % num_classes
        made = np.where(drawn[:, 0] < self.fraction, wrong, true)
        return made.astype(labels.dtype) if num_classes - 1 <= np.iinfo(labels.dtype).max else made


@dataclass(frozen=True, eq=False)  # arrays have no equality
class LabelVectors:
    """Targets that are vectors instead of class ids: multi-hot labels, distributions, regression values.

    They are mixed by the policy's label weights, y~_i = sum_j w_ij y_j. Label smoothing depends on the meaning of the
    vectors, so smooth them beforehand if you want it: y (1 - eps) + eps / C for distributions, y (1 - eps) + eps / 2
    for multi-hot labels (timm 1.0.31). Weights sum to 1, so smoothing before or after mixing gives the same.

    Args:
        vectors: (samples, C) numbers, line i for sample i of the data, all finite; kept as
            float32, and copied unless the array is read-only, as of `np.load(..., mmap_mode="r")`.

    Raises:
        TypeError, ValueError: not such a table; at the loader: a number of lines other than the number of samples.
    """

    vectors: np.ndarray

    def __post_init__(self) -> None:
        array = table("LabelVectors", "vectors", self.vectors, "fiub", "finite numbers")
        with np.errstate(over="ignore"):  # what float32 does not hold is infinite there, and refused
            array = np.ascontiguousarray(array, dtype=np.float32)
        if not np.isfinite(array).all():
            line = int(np.flatnonzero(~np.isfinite(array).all(axis=1))[0])
            raise ValueError(
                f"LabelVectors: line {line} of vectors is {array[line]}; expected finite numbers"
            )
        object.__setattr__(self, "vectors", own(array, self.vectors))

    def __repr__(self) -> str:
        return short(self)

    def check(self, owner: str, samples: int, policy: MixPolicy | None) -> None:
        """Raise ValueError unless there is a line for every sample and the policy needs no class ids."""
        if policy is not None and policy.label_smoothing:
            raise ValueError(
                f"{owner}: policy has label_smoothing={policy.label_smoothing:g} (MixPolicy.from_timm's default "
                f"is 0.1), "
                f"and its effect on {self!r} depends on their meaning; use label_smoothing=0 and smooth the vectors "
                "beforehand: mixing preserves the smoothing"
            )
        if policy is not None and policy.by_counts:
            raise ValueError(
                f"{owner}: policy has {policy.by_counts[0]!r}, which weighs class ids by their counts, with "
                f"labels={self!r}; leave one of them out"
            )
        if policy is not None and policy.label_mixing == "union" and self.vectors.min() < 0:
            raise ValueError(
                f"{owner}: labels={self!r} have values down to {self.vectors.min():g} with "
                "policy.label_mixing='union'; expected values >= 0, such as multi-hot labels"
            )
        if len(self.vectors) != samples:
            raise ValueError(
                f"{owner}: labels={self!r}, but the data have {samples} samples; expected one line per sample"
            )


Labels = CorruptLabels | LabelVectors


def check_labels(owner: str, given: Any) -> None:
    """Raise TypeError unless `labels=` is one of the above or None."""
    if given is not None and not isinstance(given, Labels):
        raise TypeError(
            f"{owner}: labels={given!r}, expected CorruptLabels(...), LabelVectors(array) or None; class ids come from "
            "the data"
        )


def labels_to_train_on(
    owner: str,
    given: Labels | None,
    labels: np.ndarray,
    num_classes: int,
    policies: Sequence[MixPolicy | None],
) -> tuple[np.ndarray, np.ndarray | None]:
    """(samples,) class ids to train on, and (samples, C) float32 vectors instead of them, or None.

    Args:
        labels: (samples,) the data's own class ids.
        policies: by which they are mixed.

    Raises:
        ValueError: vectors that do not fit the data or a policy.
    """
    if isinstance(given, CorruptLabels):
        return given(labels, num_classes), None
    if given is None:
        return labels, None
    for policy in policies:
        given.check(owner, len(labels), policy)
    return labels, given.vectors
