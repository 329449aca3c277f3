"""The loudness of raw sounds in decibels, A-weighted as a sound level meter weighs it."""

from __future__ import annotations

import math
from typing import Any, Literal

import numpy as np
import torch

from dali_mixup._checks import choice, integer, number

FLOOR = -80.0  # decibels, of a window's level and of the A-weighting


@torch.no_grad()
def gain(sounds: Any, sample_rate: float, *, weighting: Literal["A", "none"] = "A", axis: int = -1) -> Any:
    """The level of the loudest window of each sound.

    As in the authors' code of Between-Class learning (Tokozume et al. 2018, arXiv 1711.10282;
    mil-tokyo/bc_learning_sound): windows of 2048 samples at 16 kHz and of 4096 at 44.1 kHz, half overlapping, each with
    the level 10 log10(sum_f 10^(A(f) / 10) |X(f)|^2), X being the spectrum under a Hann window; or, without weighting,
    10 log10 of the mean square. For other rates the window is the power of two nearest to a tenth of a second, which
    gives these two. Levels have an arbitrary reference, so only differences between them mean something.

    Args:
        sounds: (N, ...) floating-point array or tensor, N sounds in [-1, 1] of one length of at least 1 sample.
            Divide integer samples by their maximum first, int16 by 32768. The powers of several channels are averaged.
        sample_rate: from 1 to 10,000,000, samples per second.
        weighting: "A", the curve of IEC 61672, or "none".
        axis: the axis of time, not 0.

    Returns:
        (N,) decibels, at least -80, float32 or, of sounds in float64 or wider, float64; an array for an array, a
        tensor on the sounds' device for a tensor. Sounds shorter than a window count as if zeros followed; what remains
        at the end after the last whole window does not count.

    Raises:
        TypeError, ValueError: anything outside the above.
    """
    rate = number("gain", "sample_rate", sample_rate, at_least=1, at_most=10_000_000)
    choice("gain", "weighting", weighting, ("A", "none"))
    signal = _channels_and_time(sounds, axis)
    length = max(2 ** round(math.log2(0.1 * rate)), 2)
    if signal.shape[2] < length:
        signal = torch.nn.functional.pad(signal, (0, length - signal.shape[2]))
    if weighting == "A":
        power = _a_weighted(signal, rate, length)
    else:
        power = signal.unfold(2, length, length // 2).square().mean(3)
    loudest = power.mean(1).amax(1)
    level = 10 * loudest.clamp(min=10 ** (FLOOR / 10)).log10()
    return level if isinstance(sounds, torch.Tensor) else level.numpy()


def a_weighting(frequencies: torch.Tensor) -> torch.Tensor:
    """A(f) of IEC 61672 in decibels, 0 at 1 kHz, and at least -80; frequencies in hertz."""
    square = frequencies.square().clamp(min=1.0)
    poles = (square + 20.6**2) * (square + 12194.0**2)
    poles *= ((square + 107.7**2) * (square + 737.9**2)).sqrt()
    return (2.0 + 20 * (12194.0**2 * square.square() / poles).log10()).clamp(min=FLOOR)


def _a_weighted(signal: torch.Tensor, rate: float, length: int) -> torch.Tensor:
    """(N, C, windows) power of (N, C, T)."""
    sounds, channels, _ = signal.shape
    spectrum = torch.stft(
        signal.flatten(0, 1),
        length,
        hop_length=length // 2,
        window=torch.hann_window(length, dtype=signal.dtype, device=signal.device),
        center=False,
        return_complex=True,
    )
    frequencies = torch.linspace(0, rate / 2, length // 2 + 1, dtype=torch.float64, device="cpu")
    decibels = a_weighting(frequencies)
    factors = (10 ** (decibels / 10)).to(signal)
    return torch.einsum("sfw,f->sw", spectrum.abs().square(), factors).unflatten(0, (sounds, channels))


def _channels_and_time(sounds: Any, axis: int) -> torch.Tensor:
    """(N, C, T) float32 or float64."""
    if not isinstance(sounds, (np.ndarray, torch.Tensor)):
        raise TypeError(
            f"gain: sounds is a {type(sounds).__name__}, expected a NumPy array or a torch tensor"
        )
    floating = sounds.dtype.kind == "f" if isinstance(sounds, np.ndarray) else sounds.is_floating_point()
    if not floating:
        raise TypeError(
            f"gain: sounds of {sounds.dtype}, expected floating-point numbers in [-1, 1]; divide integers by their "
            "maximum first, int16 by 32768"
        )
    rank = sounds.ndim
    if rank < 2 or 0 in sounds.shape:
        raise ValueError(
            f"gain: sounds has shape {tuple(sounds.shape)}, expected (N, T) or (N, C, T): N sounds of T samples, "
            "none of them 0"
        )
    place = integer("gain", "axis", axis, at_least=-rank, at_most=rank - 1) % rank
    if place == 0:
        raise ValueError(f"gain: axis={axis}, expected the axis of time; 0 is that of the sounds")
    if isinstance(sounds, np.ndarray):
        # torch has neither NumPy's foreign byte orders nor its long double.
        dtype = np.float64 if sounds.dtype.itemsize >= 8 else np.float32
        wide = torch.from_numpy(np.ascontiguousarray(sounds, dtype))
    else:
        wide = sounds.double() if sounds.dtype == torch.float64 else sounds.float()
    return wide.movedim(place, -1).reshape(len(wide), -1, wide.shape[place])
