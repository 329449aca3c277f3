"""A folder behind storage that answers late, for a while: `slow_storage.c`, compiled and mounted.

Needs Linux with /dev/fuse, the right to mount, a C compiler, pkg-config and libfuse3's headers (Debian: libfuse3-dev).
"""

from __future__ import annotations

import os
import shlex
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

SOURCE = Path(__file__).with_name("slow_storage.c")


@contextmanager
def late_storage(folder: str, milliseconds: float) -> Iterator[str]:
    """The folder under another path, below which every opening and every read of a file not in memory is late."""
    flags = subprocess.check_output(["pkg-config", "--cflags", "--libs", "fuse3"], text=True)
    with tempfile.TemporaryDirectory() as work:
        program, mounted = os.path.join(work, "slow_storage"), os.path.join(work, "mounted")
        subprocess.run(["cc", "-O2", str(SOURCE), "-o", program, *shlex.split(flags)], check=True)
        os.mkdir(mounted)
        process = subprocess.Popen([program, folder, str(milliseconds), mounted, str(milliseconds)])
        try:
            while not os.path.ismount(mounted):
                if process.poll() is not None:
                    raise RuntimeError(
                        f"{program} ended with {process.returncode} before {mounted} was mounted"
                    )
                time.sleep(0.05)
            yield mounted
        finally:
            subprocess.run(["umount", "--lazy", mounted], check=False)
            process.terminate()
            process.wait()
