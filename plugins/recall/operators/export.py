"""Tasks of export_audiences and publish_report."""

from __future__ import annotations

from datetime import date
from typing import Any

from airflow.sdk import Context

from recall.domain.progress import Progress
from recall.operators.base import RecallOperator, counts_of
from recall.operators.night_request import NightRequest


class RegisterMembersOperator(RecallOperator):
    """Stores who was selected: persons, assignments, entries of held-out members."""

    sends = True

    def work(self, request: NightRequest, progress: Progress) -> dict[str, Any]:
        """Calls the ledger's registration; a dry run registers nobody."""
        from recall.hooks.delivery import register_members

        if request.dry_run:
            return {}
        with progress.stage("register members"):
            register_members(request.require_as_of_date())
        return {}


class ListChannelsOperator(RecallOperator):
    """Lists the channels that have something to deliver, one export task for each."""

    lock = "none"

    def execute(self, context: Context) -> Any:
        """Returns the list itself, over which the export is mapped."""
        return super().execute(context)["channels"]

    def work(self, request: NightRequest, progress: Progress) -> dict[str, Any]:
        """Asks the ledger."""
        from recall.hooks.delivery import due_channels

        return {"channels": list(due_channels(request.require_as_of_date()))}


class ListResumableOperator(RecallOperator):
    """Lists the exports that quiet hours had stopped and that may go on, one export task for each."""

    lock = "none"

    def execute(self, context: Context) -> Any:
        """Returns the list itself, over which the export is mapped."""
        return super().execute(context)["exports"]

    def work(self, request: NightRequest, progress: Progress) -> dict[str, Any]:
        """Asks the ledger; where somebody is to be written to, deliveries are looked at once more."""
        from recall.domain.workspace import load_workspace
        from recall.hooks.delivery import resumable_exports
        from recall.ingest.sources import require_sources

        exports = resumable_exports()
        if exports:
            require_sources(load_workspace(), exports[0].as_of_date)
        return {"exports": [counts_of(each) for each in exports]}


class ExportChannelOperator(RecallOperator):
    """Delivers one channel's batches.

    Args:
        channel: The channel's code.
        as_of_date: The day whose audience is served, as 2026-01-31; default the one that the run was asked for.
    """

    lock = "shared"
    sends = True

    def __init__(self, *, channel: str, as_of_date: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.channel = channel
        self.as_of_date = as_of_date

    def work(self, request: NightRequest, progress: Progress) -> dict[str, Any]:
        """Calls the delivery, which claims in the ledger before it sends."""
        from recall.hooks.delivery import export_channel

        with progress.stage(f"export {self.channel}") as stage:
            day = date.fromisoformat(self.as_of_date) if self.as_of_date else request.require_as_of_date()
            summary = export_channel(day, self.channel, dry_run=request.dry_run)
            stage.advance(summary.member_count if request.dry_run else summary.newly_sent_count)
            stage.note("nothing sent: a dry run" if request.dry_run else f"{summary.unknown_count} unknown")
        return counts_of(summary)


class WriteReportOperator(RecallOperator):
    """Writes the report page."""

    lock = "none"

    def work(self, request: NightRequest, progress: Progress) -> dict[str, Any]:
        """Calls the page's writer."""
        from recall.domain.home import current_home
        from recall.report.page import write_report

        with progress.stage("report"):
            path = write_report(request.require_as_of_date(), current_home())
        return {"path": str(path)}
