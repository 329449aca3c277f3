"""Training data in an object store beside the same files on the local disk, by the delay of the store's answers.

    python -m benchmarks.remote                       # 2000 drawn images; 5, 20 and 50 ms; about 10 minutes
    python -m benchmarks.remote --delays 0,5 --repeats 3

One core runs the loader and another one the server (`slow_objects.py`), so that neither takes the other's time. The
local files are in the page cache. Loaders take turns, each in a process of its own. "DALI's reader" is the same loader
with the objects read inside DALI (`fn.io.file.read` of s3://) and without the check of headers before it, which needs
the bytes here; its threads wait for one object each. "request_us" is the CPU time of requests without a loader: of this
package's thread for many beside obstore and Python's standard library from a thread for each.
"""

from __future__ import annotations

import http.client
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread, local
from typing import Annotated, Any

import psutil
import typer

from benchmarks.timed import timed
from dali_mixup.bench.environment import environment
from dali_mixup.bench.isolated import isolated
from dali_mixup.bench.page_cache import prepare
from dali_mixup.bench.statistics import ratio, spread
from dali_mixup.bench.synthetic import synthetic_folder

BATCH_SIZE = 64
REQUESTS, CONNECTIONS = 8000, 32
WARM_UP, BATCHES = 4, 20
DALI_THREADS = (8, 32)


def enter(core: int, endpoint: str | None) -> None:
    """This process onto one core, with the server as its object store."""
    os.sched_setaffinity(0, {core})
    if endpoint is not None:
        keys = {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_REGION": "us-east-1"}
        os.environ.update(keys, AWS_ENDPOINT_URL=endpoint)


def run(folder: str, endpoint: str | None, dali_threads: int | None, core: int) -> tuple[float, float]:
    """Images per second and milliseconds of CPU time per image, in a fresh process.

    Args:
        endpoint: the server of the objects; None: local files.
        dali_threads: threads of DALI, which reads the objects; None: they are fetched here, and DALI has the
            loader's usual number of threads.
    """
    enter(core, endpoint)
    from dali_mixup import CutMix, MixPolicy, MixUp, Runtime, open_source, train_loader
    from dali_mixup._graph.gate import Gate

    files = open_source(folder)
    if endpoint is None:
        prepare([(name, 0) for name, _ in files.samples], "warm")
    urls = [(f"s3://bucket/{files.key(i)}", int(files.labels[i])) for i in range(len(files))]
    source = files if endpoint is None else open_source(urls)
    if dali_threads is not None:
        source.read_in_dali, source.remote = True, False
        Gate.refused = lambda *_, **__: []  # type: ignore[method-assign]  # replaced on purpose
    loader = train_loader(
        source,
        policy=MixPolicy([MixUp(0.8), CutMix(1.0)]),
        batch_size=BATCH_SIZE,
        device="cpu",
        rank=0,
        world_size=1,
        runtime=Runtime(num_threads=dali_threads),
    )
    return timed(loader, WARM_UP, BATCHES, BATCH_SIZE)


def by_obstore(url: str) -> int:
    from dali_mixup.sources.remote.requests import read

    return len(read(url).content)


def by_the_standard_library(url: str) -> int:
    connection = getattr(_of_thread, "connection", None)
    if connection is None:
        endpoint = os.environ["AWS_ENDPOINT_URL"].removeprefix("http://")
        connection = _of_thread.connection = http.client.HTTPConnection(endpoint)
    connection.request("GET", "/" + url.removeprefix("s3://"))
    return len(connection.getresponse().read())


_of_thread = local()
CLIENTS: dict[str, Callable[[str], int] | None] = {
    "this package": None,
    "obstore": by_obstore,
    "http.client": by_the_standard_library,
}


def request_cost(folder: str, endpoint: str, client: str, core: int) -> float:
    """Microseconds of CPU time per object read, in a fresh process."""
    enter(core, endpoint)
    from dali_mixup import open_source
    from dali_mixup.sources.remote.shared import transfers

    files = open_source(folder)
    urls = [f"s3://bucket/{files.key(i % len(files))}" for i in range(REQUESTS)]

    each = CLIENTS[client]

    def read(some: list[str]) -> None:
        assert each is not None
        for url in some:
            each(url)

    def read_all(
        all_of_them: list[str],
    ) -> None:  # without an executor, which costs as much as a part of a request
        if each is None:
            for first in range(0, len(all_of_them), BATCH_SIZE):
                transfers().fetch(
                    [(url.encode(), 0, None) for url in all_of_them[first : first + BATCH_SIZE]]
                )
            return
        threads = [Thread(target=read, args=[all_of_them[i::CONNECTIONS]]) for i in range(CONNECTIONS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    read_all(urls[: REQUESTS // 4])
    time.sleep(0.5)  # the threads of numerical libraries spin for a while after they are imported
    start = time.process_time()
    read_all(urls)
    return 1e6 * (time.process_time() - start) / REQUESTS


@contextmanager
def served(folder: str, delay: float, core: int) -> Iterator[tuple[str, psutil.Process]]:
    """A server of the folder's files on a core of its own: its endpoint and its process."""
    script = Path(__file__).with_name("slow_objects.py")
    process = subprocess.Popen(
        [sys.executable, str(script), folder, str(delay)], stdout=subprocess.PIPE, text=True
    )
    try:
        os.sched_setaffinity(process.pid, {core})
        assert process.stdout is not None
        yield f"http://127.0.0.1:{process.stdout.readline().strip()}", psutil.Process(process.pid)
    finally:
        process.kill()
        process.wait()


def measured(folder: str, delays: list[float], repeats: int, cores: list[int]) -> dict[str, Any]:
    """Every loader, `repeats` times in turn."""
    found: dict[str, list[tuple[float, float]]] = {}
    for _ in range(repeats):
        found.setdefault("local files", []).append(isolated(run, folder, None, None, cores[0], limit=600))
        for delay in delays:
            with served(folder, delay, cores[1]) as (endpoint, _):
                name = f"objects, {delay:g} ms"
                found.setdefault(name, []).append(isolated(run, folder, endpoint, None, cores[0], limit=600))
                for threads in DALI_THREADS:
                    name = f"DALI's reader, {threads} threads, {delay:g} ms"
                    found.setdefault(name, []).append(
                        isolated(run, folder, endpoint, threads, cores[0], limit=600)
                    )
    rates = {name: [rate for rate, _ in rows] for name, rows in found.items()}
    return {
        name: {
            "images_a_second": spread(rates[name]).rounded(0),
            "times_local": ratio(rates[name], rates["local files"]).rounded(3),
            "cpu_ms_an_image": spread([cpu for _, cpu in rows]).rounded(2),
            "runs": [round(rate, 1) for rate in rates[name]],
        }
        for name, rows in found.items()
    }


def request_costs(folder: str, delay: float, repeats: int, cores: list[int]) -> dict[str, Any]:
    """Every client, `repeats` times in turn."""
    found: dict[str, list[float]] = {client: [] for client in CLIENTS}
    for _ in range(repeats):
        for client, costs in found.items():
            with served(folder, delay, cores[1]) as (endpoint, _):
                costs.append(isolated(request_cost, folder, endpoint, client, cores[0], limit=600))
    return {client: spread(costs).rounded(0) for client, costs in found.items()}


def main(
    delays: Annotated[str, typer.Option(help="Milliseconds before every answer, with commas.")] = "5,20,50",
    repeats: Annotated[int, typer.Option(help="Runs of each loader, at least 5.")] = 5,
    out: Annotated[Path, typer.Option(help="Report to write.")] = Path("benchmarks/results/remote.json"),
) -> None:
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) < 2:
        raise SystemExit("two cores are needed: one for the loader, one for the server")
    folder = str(synthetic_folder(2000))
    milliseconds = [float(delay) for delay in delays.split(",")]
    results = measured(folder, milliseconds, repeats, cores)
    report = {
        "environment": environment(folder),
        "batch_size": BATCH_SIZE,
        "batches": BATCHES,
        "repeats": repeats,
        "cores": "one for the loader, one for the server",
        "results": results,
        "request_us": request_costs(folder, milliseconds[len(milliseconds) // 2], repeats, cores),
    }
    for name, row in results.items():
        rate, times = row["images_a_second"], row["times_local"]
        typer.echo(
            f"{name}: {rate['median']:.0f} images/s ({rate['low']:.0f} to {rate['high']:.0f}), "
            f"{times['median']:.2f} times ({times['low']:.2f} to {times['high']:.2f}), "
            f"{row['cpu_ms_an_image']['median']:.2f} ms CPU per image"
        )
    out.write_text(json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    typer.run(main)
