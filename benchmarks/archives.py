"""What it costs to open an archive for the first time, to open it again, and to read one of its images at random.

    python -m benchmarks.archives                     # 20,000 samples of 20 kB per kind: a minute, 3 GB of disk

Every kind takes its turn in every repeat, with the files in the page cache. The class folder beside them is opened by
listing it, and an image of it is read by opening its file.
"""

from __future__ import annotations

import json
import tempfile
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from dali_mixup.bench.environment import environment
from dali_mixup.bench.markers import up_to_date
from dali_mixup.bench.statistics import spread
from dali_mixup.sources import Source, open_source
from tests.archives import imagenet_example, write_lmdb, write_rec, write_tfrecord
from tests.protos import datum
from tests.tars import write_tar

HERE = Path(__file__).parent
CLASSES = 100
BEGIN, END = "<!-- archives:begin -->", "<!-- archives:end -->"
MEASURES = ("first open", "open again", "read")


def image(number: int, size: int) -> bytes:
    """Bytes that are as hard to compress as a JPEG's."""
    return b"\xff\xd8\xff" + np.random.default_rng(number).bytes(size)


def folder(place: Path, count: int, size: int) -> Path:
    for number in range(count):
        path = place / "folder" / f"{number % CLASSES:03}" / f"{number:06}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(image(number, size))
    return place / "folder"


def tar(place: Path, count: int, size: int) -> Path:
    members = (
        (f"{number:06}.{ending}", content)
        for number in range(count)
        for ending, content in (("jpg", image(number, size)), ("cls", b"%d" % (number % CLASSES)))
    )
    return write_tar(place / "t.tar", members)


def tfrecord(place: Path, count: int, size: int) -> Path:
    records = (imagenet_example(image(number, size), number % CLASSES) for number in range(count))
    return write_tfrecord(place / "t.tfrecord", records)


def recordio(place: Path, count: int, size: int) -> Path:
    records = ((float(number % CLASSES), image(number, size)) for number in range(count))
    return write_rec(place / "t.rec", records)


def lmdb(place: Path, count: int, size: int) -> Path:
    entries = {b"%08d.jpg" % number: datum(image(number, size), number % CLASSES) for number in range(count)}
    return write_lmdb(place / "t.lmdb", entries, subdir=False, room=4 * count * (size + 8192))


def zipped(place: Path, count: int, size: int, method: int = zipfile.ZIP_STORED) -> Path:
    path = place / f"t{method}.zip"
    with zipfile.ZipFile(path, "w", method) as archive:
        for number in range(count):
            archive.writestr(f"{number % CLASSES:03}/{number:06}.jpg", image(number, size))
    return path


KINDS: dict[str, Callable[[Path, int, int], Path]] = {
    "class folder": folder,
    "tar": tar,
    "TFRecord": tfrecord,
    "RecordIO": recordio,
    "LMDB": lmdb,
    "zip, stored": zipped,
    "zip, deflated": lambda place, count, size: zipped(place, count, size, zipfile.ZIP_DEFLATED),
}


def measured(path: Path, count: int, reads: int) -> dict[str, float]:
    """Microseconds per sample of each measure."""
    Path(f"{path}.index.npz").unlink(missing_ok=True)
    first, source = _timed(lambda: open_source(path))
    again, source = _timed(lambda: open_source(path))
    order = np.random.default_rng(0).permutation(count)[:reads].tolist()
    read, _ = _timed(lambda: [source.encoded(index) for index in order])
    assert isinstance(source, Source) and len(source) == count
    return {"first open": first / count, "open again": again / count, "read": read / reads}


def _timed(do: Callable[[], Any]) -> tuple[float, Any]:
    start = time.perf_counter()
    result = do()
    return 1e6 * (time.perf_counter() - start), result


def main(
    samples: Annotated[int, typer.Option(help="Samples of every kind.")] = 20_000,
    size: Annotated[int, typer.Option(help="Bytes of an image.")] = 20_000,
    repeats: Annotated[
        int, typer.Option(help="Turns of every kind; 0 writes the page from the report of before.")
    ] = 7,
    out: Annotated[Path, typer.Option(help="Report to write.")] = HERE / "results" / "archives.json",
    page: Annotated[Path, typer.Option(help="Page to write its table to.")] = HERE.parent
    / "docs"
    / "data.md",
) -> None:
    if repeats:
        out.write_text(json.dumps(in_turn(samples, size, repeats), indent=1) + "\n")
    up_to_date(page, BEGIN, END, section(json.loads(out.read_text())))


def in_turn(samples: int, size: int, repeats: int) -> dict[str, Any]:
    """The report."""
    found: dict[str, dict[str, list[float]]] = {kind: {measure: [] for measure in MEASURES} for kind in KINDS}
    with tempfile.TemporaryDirectory() as place:
        paths = {kind: write(Path(place), samples, size) for kind, write in KINDS.items()}
        for repeat in range(repeats):
            kinds = list(KINDS)[repeat % len(KINDS) :] + list(KINDS)[: repeat % len(KINDS)]
            for kind in kinds:
                for measure, value in measured(paths[kind], samples, min(samples, 5000)).items():
                    found[kind][measure].append(value)
        machine = environment(place)
    return {
        "environment": machine,
        "samples": samples,
        "size": size,
        "repeats": repeats,
        "microseconds_a_sample": {
            kind: {measure: spread(times).rounded(1) for measure, times in rows.items()}
            for kind, rows in found.items()
        },
    }


def section(report: dict[str, Any]) -> str:
    """The part of docs/data.md between the markers; all of it was measured."""
    lines = [
        f"Microseconds per sample, {report['samples']:,} samples of {report['size'] / 1000:.0f} kB in the page cache, "
        f"on {report['environment']['cpu']}: medians of {report['repeats']} interleaved repeats, with the interval "
        "that holds the median with at least 90%.",
        "",
        "| | first opened | opened again | read at random |",
        "|---|---|---|---|",
    ]
    for kind, rows in report["microseconds_a_sample"].items():
        cells = (f"{row['median']:.1f} ({row['low']:.1f} to {row['high']:.1f})" for row in rows.values())
        lines.append(f"| {kind} | {' | '.join(cells)} |")
    return "\n".join(lines)


if __name__ == "__main__":
    typer.run(main)
