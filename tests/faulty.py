"""A subcommand in a process of its own, which is disturbed at the moment when it writes one of its files.

The process is forked from one that has imported everything, so that a run costs no more than its work.
"""

from __future__ import annotations

import contextlib
import json
import os
import resource
import signal
import sys
import traceback
from typing import Any

SIGNALS = {"SIGINT": signal.SIGINT, "SIGTERM": signal.SIGTERM, "SIGKILL": signal.SIGKILL}
ROOM = 60
"""Bytes that still fit on the full disk, in each file: too few for any result."""


def install(target: str, fault: str) -> None:
    """Arrange the fault for the moment when the file of that name is written."""
    from dali_mixup import _files

    replace, in_use = os.replace, _files._in_use

    def replaced(partial: Any, final: Any, **how: Any) -> None:
        if os.path.basename(final) == target:
            os.kill(os.getpid(), SIGNALS[fault])
        replace(partial, final, **how)

    def opened(final: str) -> Any:
        if os.path.basename(final) == target:
            resource.setrlimit(resource.RLIMIT_FSIZE, (ROOM, resource.RLIM_INFINITY))
        return in_use(final)

    if fault == "full disk":
        _files._in_use = opened
    elif fault in SIGNALS:
        os.replace = replaced


def run(arguments: list[str], target: str, fault: str) -> dict[str, Any]:
    """How the subcommand ended: exit code (negative: the signal), stdout and stderr."""
    outputs = [os.pipe(), os.pipe()]
    child = os.fork()
    if child == 0:
        code = 99
        try:
            for number, (_, writing) in enumerate(outputs, 1):
                os.dup2(writing, number)
            if fault == "no room for output":
                os.dup2(os.open("/dev/full", os.O_WRONLY), 1)
            sys.stdout = open(1, "w", closefd=False)  # noqa: SIM115  not seekable, as the file of before may be
            sys.stderr = open(2, "w", closefd=False)  # noqa: SIM115
            install(target, fault)
            sys.argv = ["dali-mixup", *arguments]
            from dali_mixup.__main__ import main

            try:
                main()
            except SystemExit as end:
                code = end.code if isinstance(end.code, int) else 0 if end.code is None else 1
        except BaseException:
            traceback.print_exc()
        finally:
            for stream in (sys.stdout, sys.stderr):
                with contextlib.suppress(OSError):
                    stream.flush()
            os._exit(code)
    texts = []
    for _, writing in outputs:
        os.close(writing)
    for reading, _ in outputs:
        with os.fdopen(reading, "rb") as stream:
            texts.append(stream.read().decode(errors="replace"))
    _, status = os.waitpid(child, 0)
    return {"code": os.waitstatus_to_exitcode(status), "stdout": texts[0], "stderr": texts[1]}


def main() -> None:
    import nvidia.dali
    import pyarrow.parquet
    import torch

    import dali_mixup._loader.factory
    import dali_mixup.check
    import dali_mixup.cli

    torch.set_num_threads(1)
    assert nvidia.dali and dali_mixup and pyarrow
    for line in sys.stdin:
        print(json.dumps(run(*json.loads(line))), flush=True)


if __name__ == "__main__":
    main()
