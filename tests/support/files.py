"""Files of workspaces and projects that tests make up."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path


def write_files(folder: Path, files: Mapping[str, str]) -> None:
    """Writes texts below a folder, making the folders on the way; what stood there is replaced.

    Args:
        folder: Where they go.
        files: By relative path its text.
    """
    for relative, text in files.items():
        path = folder / relative
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
