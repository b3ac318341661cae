"""Writes dbt's pages of all models, their columns and their lineage into one file, to be opened in a browser.

`make docs` writes it below .recall; it is too large, and changes too often, to be kept in the repository. No database
is asked: the types and descriptions are those of the contracts, which the build enforces.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from recall.hooks.dbt import DBT_PROJECT_DIR


def write_model_pages(folder: Path) -> Path:
    """Parses the dbt project and writes its pages.

    Args:
        folder: Where the page and dbt's own files go; it is made if it is not there.

    Returns:
        The page: one HTML file that needs no other.

    Raises:
        RuntimeError: dbt could not parse the project or write the page; the message is dbt's.
    """
    from dbt.cli.main import dbtRunner

    os.environ.setdefault("DBT_SEND_ANONYMOUS_USAGE_STATS", "false")
    where = [
        "--project-dir", str(DBT_PROJECT_DIR), "--profiles-dir", str(DBT_PROJECT_DIR),
        "--target-path", str(folder), "--log-path", str(folder),
    ]  # fmt: skip
    quietly = ["--log-level", "none", "--log-level-file", "none", "--no-version-check"]
    for command in (["parse"], ["docs", "generate", "--static", "--no-compile", "--empty-catalog"]):
        outcome = dbtRunner().invoke([*quietly, *command, *where])
        if not outcome.success:
            raise RuntimeError(f"dbt {' '.join(command)} failed: {outcome.exception or outcome.result}")
    return folder / "static_index.html"


if __name__ == "__main__":
    sys.stdout.write(f"{write_model_pages(Path(sys.argv[1]))}\n")
