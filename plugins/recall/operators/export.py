"""Tasks of export_audiences and publish_report."""

from __future__ import annotations

from typing import Any

from airflow.sdk import Context

from recall.domain.progress import Progress
from recall.operators.base import RecallOperator, counts_of
from recall.operators.night_request import NightRequest


class RegisterMembersOperator(RecallOperator):
    """Stores who was selected: persons, assignments, entries of held-out members."""

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


class ExportChannelOperator(RecallOperator):
    """Delivers one channel's batches.

    Args:
        channel: The channel's code.
    """

    lock = "shared"

    def __init__(self, *, channel: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.channel = channel

    def work(self, request: NightRequest, progress: Progress) -> dict[str, Any]:
        """Calls the delivery, which claims in the ledger before it sends."""
        from recall.hooks.delivery import export_channel

        with progress.stage(f"export {self.channel}") as stage:
            summary = export_channel(request.require_as_of_date(), self.channel, dry_run=request.dry_run)
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
