"""`dali-mixup check`: a check of every file of a data set, before training."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dali_mixup._files import check_writable
from dali_mixup._repr import escaped
from dali_mixup.cli.errors import usage_errors
from dali_mixup.cli.paths import path_option
from dali_mixup.cli.progress import tracked
from dali_mixup.cli.targets import refuse_inputs, same_file

if TYPE_CHECKING:
    from dali_mixup._graph.pixel_kind import PixelKind
    from dali_mixup.check import Report, Scan
    from dali_mixup.sources import Source

EXCLUDE_SUFFIX = ".jsonl"


def check(
    data: Annotated[
        str, typer.Argument(help="Data as for train_loader: a folder of class folders, a list, shards, ...")
    ],
    masks: Annotated[
        str | None, typer.Option(help="Folder with the mask of every image, for segmentation.")
    ] = None,
    manifest: Annotated[
        Path | None, path_option("Write the fit files to this .jsonl or .parquet, for train_loader.")
    ] = None,
    exclude: Annotated[
        Path | None, path_option("Write the unfit files to this .jsonl, for open_source(exclude=...).")
    ] = None,
    part: Annotated[
        str | None,
        typer.Option(help="Check only part i of n, as i/n with i from 0; join the exclude lists with cat."),
    ] = None,
    threads: Annotated[
        int | None, typer.Option(help="Default: all that this process may use.", min=1)
    ] = None,
    max_pixels: Annotated[
        int | None,
        typer.Option(help="Larger images are unfit. Default: 2**28, as for Runtime(max_pixels=...).", min=1),
    ] = None,
    channels: Annotated[int, typer.Option(help="As for Output(channels=...).", min=1, max=32)] = 3,
    bits: Annotated[int, typer.Option(help="8 or 16, as for Output(bits=...).")] = 8,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the report as JSON, with every file.")
    ] = False,
) -> None:
    """Decode every file and list those that are unfit. Exit code: 0 fit, 1 not fit, 2 the check is impossible."""
    from dali_mixup._checks import integer
    from dali_mixup._graph.options import MOST_THREADS
    from dali_mixup._graph.pixel_kind import PixelKind
    from dali_mixup.check import Report
    from dali_mixup.check.summary import as_dict, summary
    from dali_mixup.sources.part import Part

    with usage_errors():
        kind = PixelKind.checked("check", channels, bits)
        if threads is not None:
            integer("check", "threads", threads, at_least=1, at_most=MOST_THREADS)
        source = _open(data, masks)
        if part is not None:
            if manifest is not None:
                raise ValueError(
                    "--manifest: a part has none; join the exclude lists of all parts, and use "
                    "open_source(data, exclude=...)"
                )
            source = source.subset(Part.parse(part).piece(len(source)))
        _check_targets(source, data, manifest, exclude)
    report = Report.of(source, _scan(source, threads, max_pixels, kind), whole=part is None)
    try:  # first, because printing fails if nobody reads on, as behind `| head`
        written = _written(source, report, manifest, exclude)
    finally:
        for line in [json.dumps(as_dict(report), indent=1)] if as_json else summary(report):
            typer.echo(line)
    for line in written:
        typer.echo(line, err=as_json)  # stdout is JSON
    raise typer.Exit(0 if report.fit else 1)


def _open(data: str, masks: str | None) -> Source:
    from dali_mixup.sources import image_folder, open_source
    from dali_mixup.sources.path_kinds import is_class_folders
    from dali_mixup.sources.paths import home_expanded

    # An empty class folder is a finding to report here, not a reason to stop.
    if masks is None and is_class_folders(home_expanded(data)):
        return image_folder(data, allow_empty=True)
    return open_source(data, masks=masks)


def _check_targets(source: Source, data: str, manifest: Path | None, exclude: Path | None) -> None:
    """Raise before the long work for arguments that would fail after it."""
    from dali_mixup._packages import require
    from dali_mixup.sources.listed.manifest import MANIFEST_SUFFIXES, refuse_names

    if manifest is not None and manifest.suffix not in MANIFEST_SUFFIXES:
        raise ValueError(f"--manifest {str(manifest)!r}: expected a name that ends in {MANIFEST_SUFFIXES}")
    if manifest is not None and manifest.suffix == ".parquet":
        require("--manifest FILE.parquet", "'dali-mixup[parquet]', or write .jsonl", "pyarrow")
    if manifest is not None and not source.in_files:
        raise ValueError(
            "--manifest: a manifest lists image files with one label each, and these data are shards or have masks; "
            "use --exclude"
        )
    if manifest is not None:
        refuse_names(manifest, source)
    if manifest is not None and exclude is not None and same_file(manifest, exclude):
        raise ValueError(f"--manifest and --exclude are one file, {str(exclude)!r}; give each its own")
    for option, target in (("--manifest", manifest), ("--exclude", exclude)):
        if target is not None:
            refuse_inputs(option, target, data, source)
    if exclude is not None and exclude.suffix != EXCLUDE_SUFFIX and not _is_stream(exclude):
        raise ValueError(f"--exclude {str(exclude)!r}: expected a name that ends in {EXCLUDE_SUFFIX}")
    for target in filter(None, (manifest, exclude)):
        check_writable(target)


def _is_stream(path: Path) -> bool:
    """True for a pipe or a device, whose name its reader does not choose."""
    return path.exists() and not path.is_file() and not path.is_dir()


def _scan(source: Source, threads: int | None, max_pixels: int | None, kind: PixelKind) -> Scan:
    from dali_mixup._graph.options import MAX_PIXELS
    from dali_mixup.check import scan

    total = 0
    with tracked("checking", "files") as report:

        def advance(more: int) -> None:
            nonlocal total
            total += more
            report(total, len(source))

        limit = max_pixels or MAX_PIXELS
        return scan(source, threads=threads, max_pixels=limit, kind=kind, progress=advance)


def _written(source: Source, report: Report, manifest: Path | None, exclude: Path | None) -> list[str]:
    """Write the files; lines about them."""
    from dali_mixup.sources import write_exclude_list, write_manifest

    lines = []
    if exclude is not None:
        write_exclude_list(exclude, ((finding.key, finding.problem.value) for finding in report.findings))
        lines.append(f"wrote {escaped(str(exclude))}: {len(report.findings)} unfit files")
    if manifest is not None and len(report.findings) == len(source):
        lines.append("wrote no manifest: no file is fit")
    elif manifest is not None:
        write_manifest(manifest, source.exclude(finding.index for finding in report.findings), report.sizes)
        lines.append(f"wrote {escaped(str(manifest))}: {len(report.sizes)} fit files")
    return lines
