"""Zhang et al. 2018, section 3.3: mixup of spectrograms, after some epochs without mixing. A path, not a claim."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
import torch
from nvidia.dali.plugin.pytorch import LastBatchPolicy
from torch import Tensor, nn

from benchmarks.claims.claim import Arms, Axes, Claim, Curve, Measured
from benchmarks.claims.digits import Digits
from benchmarks.claims.directions import Direction
from benchmarks.claims.evaluation import error, outputs
from benchmarks.claims.zhang.words import WORDS, write_words
from dali_mixup import MixPolicy, MixUp, Schedule
from dali_mixup.losses import soft_cross_entropy
from examples.sound import iterator, mixed, network, unmixed

VOICES = ("en", *(f"en+f{i}" for i in range(1, 5)), *(f"en+m{i}" for i in range(1, 8)))


@dataclass(frozen=True)
class Speech(Claim):
    """Eight words by voices of the synthesiser eSpeak NG, as log-mel spectrograms that `fn.mix` mixes inside a DALI
    pipeline, lam per sample; graphs and network are those of examples/sound.py. Synthetic words say nothing about the
    paper's recordings, so there are no directions.

    Args:
        alpha: mixup's alpha, one of the paper's.
        warm_up: epochs without mixing, the paper's.
        epochs, batch_size, lr: settings of the optimiser.
        voices: of twelve, drawn by the seed: so many to train on, so many others to test on; each says every word four
            times, at two speeds and two pitches.
        words: the classes.
    """

    alpha: float = 0.2
    warm_up: int = 5
    epochs: int = 20
    batch_size: int = 16
    lr: float = 1e-3
    voices: int = 5
    words: tuple[str, ...] = WORDS

    name: ClassVar[str] = "speech"
    source: ClassVar[str] = "Zhang et al. 2018, arXiv 1710.09412, section 3.3"
    statement: ClassVar[str] = "mixup of spectrograms, with a warm-up without mixing, applies to spoken words"
    metrics: ClassVar[Mapping[str, str]] = {"test error": "%", "mixed": "% of the training batches"}
    curves: ClassVar[Mapping[str, Axes]] = {"test error": Axes("epoch", "test error, %")}
    seeds: ClassVar[int] = 3

    @property
    def directions(self) -> tuple[Direction, ...]:
        return ()

    def measure(self, seed: int, digits: Digits) -> Measured:
        voices = np.random.RandomState(seed).permutation(VOICES).tolist()
        heard, unheard = voices[: self.voices], voices[self.voices : 2 * self.voices]
        with tempfile.TemporaryDirectory() as folder:
            train = write_words(Path(folder) / "train", heard, self.words)
            test = read(write_words(Path(folder) / "test", unheard, self.words), self.batch_size)
            starts = {
                "ERM": self.epochs,
                f"mixup from epoch {self.warm_up + 1}": self.warm_up,
                "mixup from the start": 0,
            }
            each = {arm: self._errors(train, start, test, seed) for arm, start in starts.items()}
        found: Arms = {
            arm: {"test error": errors[-1], "mixed": share} for arm, (errors, share) in each.items()
        }
        epochs = [float(epoch + 1) for epoch in range(self.epochs)]
        curves = {arm: Curve(epochs, errors) for arm, (errors, _) in each.items()}
        return Measured(found, {"test error": curves})

    def _errors(
        self, folder: Path, start: int, test: tuple[Tensor, Tensor], seed: int
    ) -> tuple[list[float], float]:
        """The test error after every epoch with mixing from the epoch `start` on, counted from 0; and the percentage of
        batches with mixed targets."""
        steps = len(list(folder.glob("*/*"))) / self.batch_size  # a last part of a batch is run, and dropped
        policy = MixPolicy(MixUp(self.alpha), granularity="sample", schedule=Schedule(start=start))
        pipeline = mixed(
            str(folder),
            policy,
            len(self.words),
            math.ceil(steps),
            seed,
            batch_size=self.batch_size,
            num_threads=1,
        )
        model = first_network(len(self.words), seed)
        optimizer = torch.optim.Adam(model.parameters(), lr=self.lr)
        errors, batches = [], 0
        training = iterator(pipeline, LastBatchPolicy.DROP)
        for _ in range(self.epochs):
            for (batch,) in training:
                batches += bool((batch["targets"].max(1).values < 1.0).any())
                loss = soft_cross_entropy(model(batch["spectrograms"][:, None]), batch["targets"])
                optimizer.zero_grad(set_to_none=True)
                loss.backward()
                optimizer.step()
            errors.append(error(outputs(model, test[0]), test[1]))
        return errors, 100.0 * batches / (int(steps) * self.epochs)


def read(folder: Path, batch_size: int) -> tuple[Tensor, Tensor]:
    """All words of a folder: (N, 1, bands, times) standardised decibels and (N,) int64 labels."""
    pipeline = unmixed(str(folder), batch_size=batch_size, num_threads=1)
    batches = [batch for (batch,) in iterator(pipeline, LastBatchPolicy.PARTIAL)]
    spectra = torch.cat([batch["spectrograms"] for batch in batches])
    return spectra[:, None], torch.cat([batch["targets"][:, 0] for batch in batches]).long()


def first_network(classes: int, seed: int) -> nn.Module:
    """The example's; the seed gives the first weights."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return network(classes)
