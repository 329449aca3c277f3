"""`dali-mixup check` over all hosts of a Ray cluster: each task checks one part of the data.

    python examples/ray_parts.py /data/imagenet/train --parts 64 --cpus 4 --exclude unfit.jsonl

`dali-mixup pack` shares its work in the same way, through its own --part. The data must be at the same path on every
host. The exit code is that of the worst part. If a part fails there is no exclude list, since it would not name that
part's files.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import ray


def check(data: str, part: str, threads: int) -> tuple[int, str, str | None]:
    """The exit code, the output and the exclude list of one part; no list if it failed. Its file is gone afterwards,
    and the line that names it is left out."""
    with tempfile.TemporaryDirectory() as folder:
        exclude = Path(folder) / "unfit.jsonl"
        command = [sys.executable, "-m", "dali_mixup", "check", data, "--part", part]
        done = subprocess.run(
            [*command, "--threads", str(threads), "--exclude", str(exclude)], capture_output=True, text=True
        )
        lines = [line for line in done.stdout.splitlines() if str(exclude) not in line]
        output = "\n".join([*lines, done.stderr])
        code = done.returncode if done.returncode >= 0 else 128 - done.returncode  # a signal's, as in shells
        judged = code in (0, 1) and exclude.exists()  # Python's own failures are 1 as well
        return code, output, exclude.read_text() if judged else None


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--parts", type=int, default=8)
    parser.add_argument("--cpus", type=int, default=2, help="per part")
    parser.add_argument("--exclude", type=Path, default=Path("unfit.jsonl"))
    args = parser.parse_args(arguments)

    args.exclude.parent.mkdir(parents=True, exist_ok=True)
    task = ray.remote(num_cpus=args.cpus)(check)
    parts = [f"{index}/{args.parts}" for index in range(args.parts)]
    found = ray.get([task.remote(str(args.data.resolve()), part, args.cpus) for part in parts])
    for part, (code, output, _) in zip(parts, found, strict=True):
        print(f"part {part}: exit code {code}\n{output}")
    failed = [part for part, (_, _, listed) in zip(parts, found, strict=True) if listed is None]
    if failed:
        print(f"did not write {args.exclude}, for these parts failed: {', '.join(failed)}")
    else:
        unfit = "".join(listed for _, _, listed in found)
        args.exclude.write_text(unfit)
        print(f"wrote {args.exclude}: {unfit.count(chr(10))} unfit files")
    return max(code for code, _, _ in found)


if __name__ == "__main__":
    sys.exit(main())
