"""`dali-mixup check` over all hosts of a Ray cluster: each task checks one part of the data.

    python examples/ray_parts.py /data/imagenet/train --parts 64 --cpus 4 --exclude unfit.jsonl

`dali-mixup pack` shares its work in the same way, through its own --part. The data must be at the same path on every
host. The exit code is that of the worst part.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import ray


def check(data: str, part: str, threads: int) -> tuple[int, str, str]:
    """The exit code, the output and the exclude list of one part. Its file is gone afterwards, and the line that names
    it is left out."""
    with tempfile.TemporaryDirectory() as folder:
        exclude = Path(folder) / "unfit.jsonl"
        command = [sys.executable, "-m", "dali_mixup", "check", data, "--part", part]
        done = subprocess.run(
            [*command, "--threads", str(threads), "--exclude", str(exclude)], capture_output=True, text=True
        )
        lines = [line for line in done.stdout.splitlines() if str(exclude) not in line]
        output = "\n".join([*lines, done.stderr])
        return done.returncode, output, exclude.read_text() if exclude.exists() else ""


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--parts", type=int, default=8)
    parser.add_argument("--cpus", type=int, default=2, help="per part")
    parser.add_argument("--exclude", type=Path, default=Path("unfit.jsonl"))
    args = parser.parse_args(arguments)

    task = ray.remote(num_cpus=args.cpus)(check)
    parts = [f"{index}/{args.parts}" for index in range(args.parts)]
    found = ray.get([task.remote(str(args.data.resolve()), part, args.cpus) for part in parts])
    for part, (code, output, _) in zip(parts, found, strict=True):
        print(f"part {part}: exit code {code}\n{output}")
    unfit = "".join(listed for _, _, listed in found)
    args.exclude.write_text(unfit)
    print(f"wrote {args.exclude}: {unfit.count(chr(10))} unfit files")
    return max(code for code, _, _ in found)


if __name__ == "__main__":
    sys.exit(main())
