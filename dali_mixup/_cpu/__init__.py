"""Fused pixel kernels for DALI's CPU backend, compiled by Numba, an optional dependency.

DALI's own CPU operators for resizing, blending and normalising take several passes and several times as long (see
docs/benchmarking.md). `resizing` and `finishing` are the arithmetic, `abi` its calling convention, `operators` the
graph; `beginnings` checks files before they are decoded.
"""

from __future__ import annotations

import logging
from functools import cache

from dali_mixup._checks import choice

log = logging.getLogger("dali_mixup")


def use_compiled(owner: str, given: str, gpu: bool, other_pixels: str = "") -> bool:
    """True if the compiled kernels are to be used: given = "numba", "dali" (its own operators) or "auto", numba if it
    works; never on a GPU.

    Args:
        other_pixels: what the pixels are if they are not three channels of 8 bits, which are all that the kernels take.

    Raises:
        TypeError, ValueError: another value; "numba" if it does not work, with the reason.
    """
    choice(owner, "cpu_kernels", given, ("auto", "numba", "dali"))
    if gpu or given == "dali":
        return False
    if other_pixels:
        if given == "numba":
            raise ValueError(
                f"{owner}: cpu_kernels='numba' with {other_pixels}; its kernels are for 3 channels of 8 bits, leave "
                "cpu_kernels out"
            )
        log.info("%s: cpu_kernels='dali', since the pixels have %s", owner, other_pixels)
        return False
    problem = unusable()
    if problem and given == "numba":
        raise ValueError(
            f"{owner}: cpu_kernels='numba' does not work here: {problem}; pip install 'dali-mixup[cpu]', or leave "
            "cpu_kernels out"
        )
    log.info(
        "%s: cpu_kernels='%s'%s",
        owner,
        "dali" if problem else "numba",
        f", which is slower, because {problem}; pip install 'dali-mixup[cpu]'" if problem else "",
    )
    return not problem


@cache
def unusable() -> str:
    """The reason why the compiled kernels cannot be used, or ""."""
    try:
        from dali_mixup._cpu import operators  # noqa: F401  # whether it can be
    except Exception as error:  # not installed, or incompatible with this NumPy, LLVM or DALI
        return f"{type(error).__name__}: {error}"
    return ""
