"""Writes dbt's pages of all models, their columns and their lineage into one file, to be opened in a browser.

`make docs` writes it below .recall; it is too large, and changes too often, to be kept in the repository. No database
is asked: the types and descriptions are those of the contracts, which the build enforces.
"""

from __future__ import annotations

import sys
from pathlib import Path

from recall.domain.home import current_home
from recall.hooks.dbt import DBT_PROJECT_DIR, load_project


def write_model_pages(folder: Path) -> Path:
    """Parses the dbt project, where nobody has done it before, and writes its pages.

    Args:
        folder: Where the page and dbt's own files go; it is made if it is not there.

    Returns:
        The page: one HTML file that needs no other.

    Raises:
        NotParsed: dbt cannot parse the project.
        RuntimeError: dbt cannot write the page; the message is dbt's.
    """
    from dbt.cli.main import dbtRunner
    from dbt.parser.manifest import write_manifest

    manifest = load_project(current_home()).named("recall", "")
    folder.mkdir(parents=True, exist_ok=True)
    write_manifest(manifest, str(folder))
    outcome = dbtRunner(manifest=manifest).invoke(
        [
            "--log-level", "none", "--log-level-file", "none", "--no-version-check", "--no-send-anonymous-usage-stats",
            "docs", "generate", "--static", "--no-compile", "--empty-catalog",
            "--project-dir", str(DBT_PROJECT_DIR), "--profiles-dir", str(DBT_PROJECT_DIR),
            "--target-path", str(folder), "--log-path", str(folder),
        ]
    )  # fmt: skip
    if not outcome.success:
        raise RuntimeError(f"dbt docs generate failed: {outcome.exception or outcome.result}")
    return folder / "static_index.html"


if __name__ == "__main__":
    sys.stdout.write(f"{write_model_pages(Path(sys.argv[1]))}\n")
