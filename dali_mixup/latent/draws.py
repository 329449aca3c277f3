"""Random draws of the torch side: weights and permutations, each from an explicit generator.

The device rule, the same everywhere in `dali_mixup.latent`: numbers are drawn on the GENERATOR's device and then moved
to the features' device; without a generator they are drawn on the features' device from its default generator. So a CPU
generator gives the same draws on every machine, and a CUDA generator saves the copy.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from dali_mixup._checks import address, concentration
from dali_mixup._seeding import Purpose, stream
from dali_mixup.latent.mixing import readable


def drawn_on(device: torch.device | str, generator: torch.Generator | None) -> torch.device:
    """The device of the draws, by the rule above. TypeError for what is no generator, such as a seed."""
    if generator is None:
        return known_device(device)
    if not isinstance(generator, torch.Generator):
        raise TypeError(
            f"dali_mixup.latent: generator={generator!r} is a {type(generator).__name__}, expected a torch.Generator, "
            "as step_generator(seed, epoch=..., step=...) makes it, or None"
        )
    return generator.device


def known_device(device: Any) -> torch.device:
    """The device of that name; ValueError for what is none."""
    try:
        return torch.device(device)
    except (RuntimeError, TypeError) as error:
        raise ValueError(
            f"dali_mixup.latent: device={device!r}, expected a device such as 'cpu', 'cuda' or 'cuda:1' ({error})"
        ) from None


def step_generator(
    seed: int, *, rank: int = 0, epoch: int = 0, step: int = 0, device: torch.device | str = "cpu"
) -> torch.Generator:
    """A generator for the draws of one training step, from the step's address alone.

    Nothing about it has to be stored: a run that resumes at (epoch, step) draws the same numbers. Ranks draw
    differently; pass rank=0 on all of them for equal draws. All four are integers from 0 to 2**64 - 1.
    """
    given = {"seed": seed, "rank": rank, "epoch": epoch, "step": step}
    checked = {name: address("step_generator", name, value) for name, value in given.items()}
    bits = stream(Purpose.LATENT, **checked).randint(0, 2**63 - 1, dtype="int64")
    return torch.Generator(device=known_device(device)).manual_seed(int(bits))


def dirichlet(
    alpha: float | Tensor,
    shape: tuple[int, ...],
    *,
    device: torch.device | str = "cpu",
    dtype: torch.dtype = torch.float32,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Weights ~ Dir(alpha, .., alpha) along the last axis of `shape`; they sum to 1 to within rounding.

    The symmetric Dirichlet as normalised Gamma(alpha) variables, in float64 and by their logarithms: log G(a) =
    log G(a + 1) + log(U) / a. A Gamma(0.01) variable itself underflows in float32 in two draws of five, and where all
    of a row do, the weights would come out equal instead of one-sided.

    Args:
        alpha: > 0, a number or a 0-d tensor.
        shape: shape of the result; the last axis is the simplex.
        device, dtype: device and dtype of the result, which is floating.
        generator: see the module's device rule.

    Raises:
        TypeError, ValueError: values outside the above; an alpha on a GPU is not looked at.
    """
    if not isinstance(alpha, Tensor):
        alpha = concentration("dirichlet", "alpha", alpha)
    elif alpha.dim() or (readable(alpha) and not 0.0 < float(alpha) < math.inf):
        raise ValueError(f"dirichlet: alpha={alpha!r}, expected a number > 0 or a 0-d tensor of one")
    if not shape:
        raise ValueError("dirichlet: shape=(), expected at least one axis, the weights of one draw")
    if not isinstance(dtype, torch.dtype) or not dtype.is_floating_point:
        raise TypeError(
            f"dirichlet: dtype={dtype!r}, expected a floating torch.dtype, which can hold weights"
        )
    where = drawn_on(device, generator)
    alphas = torch.as_tensor(alpha, dtype=torch.float64, device=where).expand(shape)
    # The public torch.distributions.Dirichlet takes no generator; this is the sampler that it calls.
    gammas = torch._standard_gamma((alphas + 1.0).contiguous(), generator=generator)
    uniforms = 1.0 - torch.rand(shape, dtype=torch.float64, device=where, generator=generator)  # in (0, 1]
    logs = gammas.log() + uniforms.log() / alphas
    return torch.softmax(logs, dim=-1).to(device=device, dtype=dtype)


def beta(
    alpha: float,
    shape: tuple[int, ...],
    *,
    fold: bool = False,
    device: torch.device | str = "cpu",
    dtype: torch.dtype = torch.float32,
    generator: torch.Generator | None = None,
) -> Tensor:
    """lam ~ Beta(alpha, alpha) of `shape`, the weight of a row's own sample; with `fold` max(lam, 1 - lam)."""
    lam = dirichlet(alpha, (*shape, 2), device=device, dtype=dtype, generator=generator)[..., 0]
    return torch.maximum(lam, 1.0 - lam) if fold else lam


def uniform(
    low: float, high: float, *, device: torch.device | str = "cpu", generator: torch.Generator | None = None
) -> Tensor:
    """One number ~ U[low, high) as a 0-d float64 tensor."""
    where = drawn_on(device, generator)
    draw = torch.rand((), dtype=torch.float64, device=where, generator=generator)
    return (low + (high - low) * draw).to(device)


def permutation(
    size: int, *, device: torch.device | str = "cpu", generator: torch.Generator | None = None
) -> Tensor:
    """A uniform permutation of 0..size-1, (size,) int64. Fixed points are allowed, as in the papers' code."""
    where = drawn_on(device, generator)
    return torch.randperm(size, device=where, generator=generator).to(device)


def subsets(
    rows: int,
    size: int,
    of: int,
    *,
    device: torch.device | str = "cpu",
    generator: torch.Generator | None = None,
) -> Tensor:
    """(rows, size) int64: in each row `size` distinct indices below `of`, every subset equally likely."""
    where = drawn_on(device, generator)
    keys = torch.rand(rows, of, device=where, dtype=torch.float64, generator=generator)
    return keys.topk(size, dim=1).indices.to(device)


def tuple_weights(
    batch: int,
    n: int,
    m: int,
    alpha: float | Tensor,
    *,
    device: torch.device | str = "cpu",
    dtype: torch.dtype = torch.float32,
    generator: torch.Generator | None = None,
) -> Tensor:
    """(n, batch) interpolation weights: n tuples, each over m of the batch's samples with Dir(alpha) weights and zero
    elsewhere. Rows sum to 1. This is the transpose of the paper's matrix Lambda in R^{b x n} (MultiMix, arXiv
    2206.14868), extended to m < b.
    """
    weights = dirichlet(alpha, (n, m), device=device, dtype=dtype, generator=generator)
    if m == batch:
        return weights
    chosen = subsets(n, m, batch, device=device, generator=generator)
    return torch.zeros(n, batch, device=device, dtype=dtype).scatter_(1, chosen, weights)
