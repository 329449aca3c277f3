"""Importing this module makes sure that DALI has its dynamic mode, and says what to do otherwise."""

from __future__ import annotations

import dali_mixup._graph.installed  # noqa: F401

# isort: split
import nvidia.dali

try:
    import nvidia.dali.experimental.dynamic
except ImportError as error:
    raise ImportError(
        f"dali_mixup.dynamic needs DALI's dynamic mode, which cannot be imported from DALI {nvidia.dali.__version__} "
        f"({error}). It is experimental there and was used with DALI 2.4.0: install that version, or mix in a "
        "pipeline, with dali_mixup.fn"
    ) from error
