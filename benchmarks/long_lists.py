"""The cost of lists of millions of files: time to open, to shuffle and to the first batch, and memory.

    python benchmarks/long_lists.py --out benchmarks/results/long_lists.json

Writes lists of 1,281,167 (ImageNet-1k), 14 and 100 million names, opens each in a fresh process, twice: the first one
reads a list and, if it is long, keeps its names in a file; the second one maps that file. All names lead to existing
images, through links. Needs 12 GB of disk in the temporary folder.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pyarrow
import pyarrow.parquet
import typer

from dali_mixup.bench.environment import environment
from dali_mixup.bench.synthetic import synthetic_folder

CASES = {
    "short": (20_000, 1000, (".txt",)),
    "imagenet-1k": (1_281_167, 1000, (".txt", ".jsonl", ".parquet")),
    "imagenet-21k": (14_000_000, 21_841, (".txt", ".jsonl", ".parquet")),
    "100-million": (100_000_000, 21_841, (".txt",)),
}
"""Name: (files, classes, kinds of lists)."""

ROOT = Path(__file__).parents[1]
HEADER = "dali_mixup_manifest"


def make_folders(root: Path, images: list[Path], classes: int, per_class: int) -> None:
    """Folders of `classes` classes, all links to one, in which every number leads to one of a few images."""
    shared = root / "shared"
    shared.mkdir(parents=True)
    for number in range(per_class):
        (shared / file_name(number)).symlink_to(images[number % len(images)])
    for label in range(classes):
        (root / class_name(label)).symlink_to("shared", target_is_directory=True)


def class_name(label: int) -> str:
    return f"n{label:08d}"


def file_name(number: int) -> str:
    return f"ILSVRC_{number:08d}.JPEG"


def shares(files: int, classes: int) -> Iterator[tuple[int, int]]:
    """(label, files of this class)."""
    bounds = np.arange(classes + 1) * files // classes
    yield from enumerate(np.diff(bounds).tolist())


def repeated(line: str, count: int) -> np.ndarray:
    """(count, letters) uint8: a line in which the digits of file number 0 are replaced by 0, 1, 2, ..."""
    at = line.index(file_name(0)) + len("ILSVRC_")
    table = np.tile(np.frombuffer(line.encode(), dtype=np.uint8), (count, 1))
    numbers = np.arange(count)[:, None] // 10 ** np.arange(7, -1, -1) % 10
    table[:, at : at + 8] = numbers + ord("0")
    return table


def write_list(target: Path, files: int, classes: int) -> None:
    """A list of files in `train` beside it; its suffix says of which kind."""
    names = [class_name(label) for label in range(classes)]
    header = json.dumps({HEADER: 1, "root": "train", "classes": names})
    if target.suffix == ".parquet":
        write_parquet(target, files, classes, header)
        return
    with target.open("wb") as out:
        if target.suffix == ".jsonl":
            out.write(f"{header}\n".encode())
        for label, count in shares(files, classes):
            path, name = f"{names[label]}/{file_name(0)}", names[label]
            row = {"path": path, "class": name, "label": label, "width": 500, "height": 375, "bytes": 110_000}
            line = json.dumps(row) if target.suffix == ".jsonl" else f"train/{path} {label}"
            out.write(repeated(f"{line}\n", count).tobytes())


def write_parquet(target: Path, files: int, classes: int, header: str) -> None:
    schema = pyarrow.schema(
        [("path", pyarrow.string()), ("class", pyarrow.string()), ("label", pyarrow.int64())],
        metadata={HEADER: header},
    )
    with pyarrow.parquet.ParquetWriter(target, schema) as writer:
        tables, rows = [], 0
        for label, count in shares(files, classes):
            table = repeated(f"{class_name(label)}/{file_name(0)}", count)
            offsets = np.arange(count + 1, dtype=np.int32) * table.shape[1]
            buffers = [None, pyarrow.py_buffer(offsets), pyarrow.py_buffer(table)]
            columns = [
                pyarrow.StringArray.from_buffers(count, buffers[1], buffers[2]),
                pyarrow.repeat(class_name(label), count),
                pyarrow.repeat(label, count),
            ]
            tables.append(pyarrow.Table.from_arrays(columns, schema=schema))
            rows += count
            if rows >= 1 << 17 or label == classes - 1:
                writer.write_table(pyarrow.concat_tables(tables).combine_chunks())
                tables, rows = [], 0


def opened(path: str, batch_size: int) -> dict[str, Any]:
    """From a list to its first batch, after the imports; call it in a fresh process."""
    from dali_mixup import CutMix, MixPolicy, MixUp, train_loader
    from dali_mixup._epochs.layout import order
    from dali_mixup.sources import open_source

    start, cpu = time.perf_counter(), time.process_time()
    source = open_source(path)
    listed, cpu = time.perf_counter(), time.process_time() - cpu
    policy = MixPolicy([MixUp(0.8), CutMix(1.0)])
    with train_loader(
        source, policy=policy, batch_size=batch_size, device="cpu", rank=0, world_size=1
    ) as loader:
        next(iter(loader))
        first = time.perf_counter()
        peak, anonymous = 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, anonymous_bytes()
    begun = time.perf_counter()
    order(0, 1, len(source))
    shuffled = time.perf_counter()
    source.fingerprint()
    return {
        "files": len(source),
        "open_s": listed - start,
        "open_cpu_s": cpu,
        "first_batch_s": first - start,
        "peak_bytes": peak,
        "anonymous_bytes": anonymous,
        "shuffle_s": shuffled - begun,
        "fingerprint_s": time.perf_counter() - shuffled,
    }


def anonymous_bytes() -> int:
    """Memory of this process that is its own; mapped files are shared by all processes."""
    fields = dict(line.split(":") for line in Path("/proc/self/status").read_text().splitlines())
    return 1024 * int(fields["RssAnon"].split()[0])


def in_a_fresh_process(path: Path, batch_size: int) -> dict[str, Any]:
    call = f"opened({str(path)!r}, {batch_size})"
    code = f"import json; from benchmarks.long_lists import opened; print(json.dumps({call}))"
    done = subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.PIPE, cwd=ROOT)
    return json.loads(done.stdout.splitlines()[-1])


def main(
    out: Annotated[Path, typer.Option(help="The JSON file to write.")] = Path(
        "benchmarks/results/long_lists.json"
    ),
    only: Annotated[list[str] | None, typer.Option(help=f"Some of {', '.join(CASES)}.")] = None,
    images: Annotated[int, typer.Option(help="Different images behind the names, drawn once.")] = 200,
    batch_size: int = 64,
) -> None:
    real = sorted(synthetic_folder(images).resolve().glob("*/*.JPEG"))
    with tempfile.TemporaryDirectory() as temporary:
        report: dict[str, Any] = {"environment": environment(temporary), "batch_size": batch_size}
        for case, (files, classes, kinds) in CASES.items():
            if only and case not in only:
                continue
            place = Path(temporary) / case
            make_folders(place / "train", real, classes, -(-files // classes))
            for kind in kinds:
                target = place / f"list{kind}"
                write_list(target, files, classes)
                runs = [in_a_fresh_process(target, batch_size) for _ in range(2)]
                kept = target.with_name(f"{target.name}.index")
                report[f"{case}{kind}"] = {
                    "first": runs[0],
                    "again": runs[1],
                    "list_bytes": target.stat().st_size,
                    "kept_bytes": kept.stat().st_size if kept.exists() else None,
                }
                typer.echo(f"{case}{kind}: {json.dumps(report[f'{case}{kind}'])}")
                target.unlink()
                if kept.exists():
                    os.remove(kept)
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    typer.run(main)
