"""Serves the files of a folder as one S3 bucket, with a delay before every answer. For measurements: it checks nothing.

python benchmarks/slow_objects.py FOLDER MILLISECONDS    prints its port
"""

from __future__ import annotations

import asyncio
import re
import sys
from pathlib import Path
from urllib.parse import unquote


async def answer(
    files: dict[str, bytes], delay: float, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    """Answer the requests of one connection."""
    try:
        while True:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            method, path, _ = head.split(" ", 2)
            if delay:
                await asyncio.sleep(delay)
            content = files.get(unquote(path.partition("?")[0]).lstrip("/").partition("/")[2])
            if content is None:
                writer.write(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
                continue
            total, status, extra = len(content), "200 OK", ""
            wanted = re.search(r"\nrange: bytes=(\d+)-(\d*)", head, re.IGNORECASE)
            if wanted:
                first, stop = int(wanted[1]), min(total, int(wanted[2]) + 1 if wanted[2] else total)
                content, status = content[first:stop], "206 Partial Content"
                extra = f"Content-Range: bytes {first}-{stop - 1}/{total}\r\n"
            writer.write(
                f"HTTP/1.1 {status}\r\nContent-Length: {len(content)}\r\n{extra}"
                'ETag: "1"\r\nLast-Modified: Wed, 21 Oct 2026 07:28:00 GMT\r\n\r\n'.encode()
            )
            if method != "HEAD":
                writer.write(content)
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        pass
    finally:
        writer.close()


async def serve(folder: Path, delay: float) -> None:
    files = {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()
    }
    server = await asyncio.start_server(
        lambda reader, writer: answer(files, delay, reader, writer), "127.0.0.1", 0, backlog=1024
    )
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(Path(sys.argv[1]), float(sys.argv[2]) / 1000))
