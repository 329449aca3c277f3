"""GPU graphs built where there is no GPU, and every node checked against what DALI's GPU operators accept.

DALI's Python layer builds a graph up to `Pipeline.build`, which asks for a driver. So a graph is caught there. What
its layer checks by itself (named arguments on the GPU, unknown arguments) is checked by building; the rest is here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from nvidia.dali import Pipeline, backend, types

DType = types.DALIDataType
UINT8, INT16, INT32, FLOAT, FLOAT16 = (
    DType.UINT8,
    DType.INT16,
    DType.INT32,
    DType.FLOAT,
    DType.FLOAT16,
)
BOOL, UINT16 = DType.BOOL, DType.UINT16
REGISTERED = {
    "cpu": backend.RegisteredCPUOps,
    "gpu": backend.RegisteredGPUOps,
    "mixed": backend.RegisteredMixedOps,
}

# Types of the image input that DALI 2.4's GPU kernels take, from the headers of its wheel (the *_TYPES macros) and, for
# Erase, Resize and WarpAffine, from its operators' documentation. Operators that move bytes take every type.
TAKEN = {
    "BrightnessContrast": {UINT8, INT16, INT32, FLOAT},
    "CoordTransform": {UINT8, INT16, UINT16, INT32, FLOAT},
    "CropMirrorNormalize": {UINT8, INT16, UINT16, INT32, FLOAT, FLOAT16},
    "Equalize": {UINT8},
    "Erase": {UINT8, INT16, INT32, FLOAT},  # the CPU kernel takes float16 as well
    "Filter": {UINT8, INT16, UINT16, FLOAT, FLOAT16},
    "GaussianBlur": {UINT8, INT16, UINT16, INT32, FLOAT},  # the CPU kernel takes float16 as well
    "MultiPaste": {UINT8, INT16, INT32, FLOAT},
    "Resize": {UINT8, INT16, UINT16, FLOAT},
    "WarpAffine": {UINT8, INT16, INT32, FLOAT},
    "_ArithmeticGenericOp": {UINT8, INT16, UINT16, INT32, FLOAT, BOOL},
    "reductions__Max": {UINT8, INT16, UINT16, INT32, FLOAT},
    "reductions__Mean": {UINT8, INT16, UINT16, INT32, FLOAT},
    "reductions__Min": {UINT8, INT16, UINT16, INT32, FLOAT},
}
MADE = {"decoders__Image": UINT8, "decoders__ImageRandomCrop": UINT8, "reductions__Mean": FLOAT}
FLOAT_UNLESS_TOLD = {"CropMirrorNormalize", "CoordTransform", "random__Normal"}
LOADED_WHEN_BUILT = (
    "DLTensorPythonFunctionImpl"  # DALI's plugin of Python functions; CPU only, and run in tests/fn
)
COMPARISONS = ("eq(", "neq(", "lt(", "leq(", "gt(", "geq(")


class _Built(Exception):
    """Raised in the place of building."""


@contextmanager
def caught() -> Iterator[list[Pipeline]]:
    """Pipelines that are about to be built go into the list instead; what follows in the block is left out."""
    pipelines: list[Pipeline] = []
    really = Pipeline.build

    def build(pipeline: Pipeline) -> None:
        pipelines.append(pipeline)
        raise _Built

    Pipeline.build = build
    try:
        yield pipelines
    except _Built:
        pass
    finally:
        Pipeline.build = really


def graph_of(build: Callable[[], Any]) -> Pipeline:
    """The pipeline that `build` would build."""
    with caught() as pipelines:
        build()
    (pipeline,) = pipelines
    return pipeline


def problems(pipeline: Pipeline) -> list[str]:
    """What DALI would refuse, or read wrongly, on a GPU; empty where nothing is found."""
    pipeline._build_graph()
    types_of: dict[str, Any] = {}
    found = [problem for node in pipeline._ops for problem in _of_node(node, types_of)]
    if not any(node._op.device in ("gpu", "mixed") for node in pipeline._ops):
        found.append("nothing in this graph runs on the GPU")
    return found


def _of_node(node: Any, types_of: dict[str, Any]) -> Iterator[str]:
    schema, spec, device = node._op._schema, node.spec, node._op.device
    name = schema.Name()
    if name != LOADED_WHEN_BUILT and name not in REGISTERED[device]():
        yield f"{node.name}: {name} is not registered for {device}"
    try:
        node.check_args()
    except Exception as error:
        yield f"{node.name}: {error}"
    regular = spec.NumRegularInput()
    for i in range(spec.NumInput()):
        given = device_of_input(spec, i)
        if i >= regular and given != "cpu":
            yield f"{node.name}: argument input {spec.InputName(i)} of {name} is on the {given}"
        wanted = schema.GetInputDevice(i, spec.InputDevice(i), _runs_on(device)) if i < regular else None
        if wanted is not None and str(wanted).lower() != given:
            yield f"{node.name}: input {i} of {name} is on the {given}, not the {wanted}"
    arguments = arguments_of(spec)
    inputs = [types_of.get(spec.InputName(i)) for i in range(regular)]
    if device == "gpu" and name in TAKEN and inputs and inputs[0] not in (None, *TAKEN[name]):
        yield f"{node.name}: no GPU kernel of {name} takes {inputs[0]}"
    # The kernel reads every input with the first one's row length, and only without output_size does DALI check sizes.
    sized = "output_size" in arguments or spec.NumInput() - regular > 3  # more than anchors and shapes
    if device == "gpu" and name == "MultiPaste" and regular > 1 and sized:
        yield f"{node.name}: inputs of multi_paste may differ in size"
    for i in range(spec.NumOutput()):
        types_of[spec.OutputName(i)] = _made(name, arguments, inputs)


def _made(name: str, arguments: dict[str, str], inputs: list[Any]) -> Any:
    """The type of an operator's outputs; None where it cannot be told."""
    if "dtype" in arguments:
        return DType(int(arguments["dtype"]))
    if name in MADE or name in FLOAT_UNLESS_TOLD:
        return MADE.get(name, FLOAT)
    if name != "_ArithmeticGenericOp":
        return inputs[0] if inputs else None
    if arguments["expression_desc"].startswith(COMPARISONS):
        return BOOL
    known = {kind for kind in inputs if kind is not None}
    return FLOAT if FLOAT in known else None


def arguments_of(spec: Any) -> dict[str, str]:
    return dict(re.findall(r"^    (\w+): (.*)$", str(spec).partition("Arguments:")[2], re.MULTILINE))


def device_of_input(spec: Any, i: int) -> str:
    return str(spec.InputDevice(i)).split(".")[-1].lower()


def _runs_on(device: str) -> str:
    return "gpu" if device == "gpu" else "cpu"
