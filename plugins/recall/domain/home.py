"""The home folder: everything that one deployment keeps on this machine outside its workspace."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

PROJECT_ROOT = Path(__file__).resolve().parents[3]


@dataclass(frozen=True)
class Home:
    """The folders and files below one home folder; nothing is created by naming them.

    Args:
        root: Absolute path of the home folder.
    """

    root: Path

    @property
    def postgres_dir(self) -> Path:
        """Data directory and binaries of the embedded PostgreSQL."""
        return self.root / "postgres"

    @property
    def airflow_dir(self) -> Path:
        """AIRFLOW_HOME of the scheduler and of foreground runs."""
        return self.root / "airflow"

    @property
    def dbt_target_dir(self) -> Path:
        """Compiled files and manifest of dbt."""
        return self.root / "dbt"

    @property
    def reports_dir(self) -> Path:
        """Report pages, one file per as-of date."""
        return self.root / "reports"

    @property
    def logs_dir(self) -> Path:
        """Logs of every part."""
        return self.root / "logs"

    @property
    def outbox_dir(self) -> Path:
        """Where the file-drop channel delivers unless told otherwise."""
        return self.root / "outbox"

    @property
    def workspaces_dir(self) -> Path:
        """Workspaces made by `recall demo`."""
        return self.root / "workspaces"

    @property
    def secrets_file(self) -> Path:
        """Passwords and keys of this deployment, readable by its owner only."""
        return self.root / "secrets.json"

    @property
    def workspace_pointer(self) -> Path:
        """Names the workspace that this home serves when RECALL_WORKSPACE is not set."""
        return self.root / "workspace"


def current_home() -> Home:
    """Returns the home folder of this process: RECALL_HOME, else `.recall` in the project's root."""
    configured = os.environ.get("RECALL_HOME")
    root = Path(configured).expanduser() if configured else PROJECT_ROOT / ".recall"
    return Home(root.resolve())
