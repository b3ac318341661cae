"""Tasks about deliveries: definitions and files come in, and nothing goes on while one is missing."""

from __future__ import annotations

from typing import Any

from recall.domain.progress import Progress
from recall.operators.base import RecallOperator, counts_of
from recall.operators.night_request import NightRequest


class LoadDefinitionsOperator(RecallOperator):
    """Loads the workspace's dated definitions and campaigns."""

    def work(self, request: NightRequest, progress: Progress) -> dict[str, Any]:
        """Calls the strict loaders of definitions and campaigns."""
        from recall.domain.workspace import load_workspace
        from recall.warehouse.campaigns import load_campaigns
        from recall.warehouse.definitions import load_definitions

        workspace = load_workspace()
        with progress.stage("definitions") as stage:
            version = load_definitions(workspace)
            load_campaigns(workspace)
            stage.note(f"version {version.definitions_version}" + (", new" if version.is_new else ""))
        return {"definitions_version": version.definitions_version, "is_new": version.is_new}


class LoadFilesOperator(RecallOperator):
    """Loads the landing files; what they bring of erased persons goes again at once."""

    def work(self, request: NightRequest, progress: Progress) -> dict[str, Any]:
        """Calls the loader, which shows a stage for each file."""
        from recall.domain.workspace import load_workspace
        from recall.ingest.load import load_landing
        from recall.warehouse.erasure import erase_arrivals

        workspace = load_workspace()
        summary = load_landing(
            workspace,
            landing=request.landing,
            accept=request.accept,
            replay=request.replay,
            progress=progress,
        )
        erase_arrivals(workspace)
        return {
            "load_id": summary.load_id,
            "file_count": len(summary.files),
            "unchanged_count": summary.unchanged_count,
            "rejected_count": len(summary.rejected),
            "row_count": sum(file.row_count for file in summary.files),
            "loaded_count": summary.loaded_count,
            "quarantined_count": sum(file.quarantined_count for file in summary.files),
            "repeated_count": sum(file.repeated_count for file in summary.files),
            "superseded_count": sum(file.superseded_count for file in summary.files),
            "ignored": list(summary.ignored),
            "hints": [f"{file.path}: {hint}" for file in summary.files for hint in file.hints],
            "tables": [counts_of(table) for table in summary.tables],
        }


class RequireSourcesOperator(RecallOperator):
    """Stops the night where a delivery is missing: missing orders look like churn and would become messages."""

    def work(self, request: NightRequest, progress: Progress) -> dict[str, Any]:
        """Calls the check of rejected files and silent sources."""
        from recall.domain.workspace import load_workspace
        from recall.ingest.sources import refuse_rejected, require_sources
        from recall.warehouse.connection import connect

        if request.as_of_date is None:
            # A run that only loads files has no day for which a source could be silent.
            with connect("loader") as database:
                refuse_rejected(database)
            return {}
        with progress.stage("expected sources"):
            require_sources(load_workspace(), request.as_of_date)
        return {}
