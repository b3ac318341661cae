"""Folders for servers that tests start, in memory where there is room."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

MEMORY = Path("/dev/shm")
ROOM_BYTES = 4 * 2**30


@contextmanager
def server_folder(prefix: str) -> Iterator[Path]:
    """A folder for a server while the block runs.

    Args:
        prefix: What its name begins with.
    """
    folder = make_server_folder(prefix)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def make_server_folder(prefix: str) -> Path:
    """Makes a folder that any user may enter, as root's servers run as an ordinary one; the caller removes it.

    A database is a thousand files, and tests make and drop one each. A disk's file system looks for places that were
    not freed a minute ago: ext4 takes a processor second for a database, memory a tenth of it.

    Args:
        prefix: What its name begins with.
    """
    folder = Path(tempfile.mkdtemp(prefix=prefix, dir=MEMORY if _has_room() else None))
    folder.chmod(0o755)
    return folder


def _has_room() -> bool:
    """Whether there is a file system in memory that takes a few databases and runs programs."""
    if not os.access(MEMORY, os.W_OK):
        return False
    found = os.statvfs(MEMORY)
    return found.f_bavail * found.f_frsize >= ROOM_BYTES and not found.f_flag & os.ST_NOEXEC
