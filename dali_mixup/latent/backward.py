"""Whether the code that asks runs inside a backward pass, as the recomputation of a checkpointed region does."""

from __future__ import annotations

import torch


# torch.compile asks once, while tracing, and leaves nothing in the graph. It traces where code first runs: inside the
# backward pass, for a layer that only a recomputation runs without mixing.
@torch.compiler.assume_constant_result
def in_backward_pass() -> bool:
    """True in a thread that is carrying out a backward pass. torch's own checkpointing asks in the same way."""
    return torch._C._current_graph_task_id() != -1
