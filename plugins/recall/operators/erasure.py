"""Tasks of erase_users."""

from __future__ import annotations

from typing import Any

from recall.domain.progress import Progress
from recall.operators.base import RecallOperator, counts_of
from recall.operators.night_request import NightRequest


class EraseUsersOperator(RecallOperator):
    """Erases the user that the run names, and whatever came of those who were erased before."""

    def work(self, request: NightRequest, progress: Progress) -> dict[str, Any]:
        """Calls the erasure."""
        from recall.domain.workspace import load_workspace
        from recall.warehouse.erasure import erase_arrivals, erase_user

        workspace = load_workspace()
        with progress.stage("erase users") as stage:
            if request.erased_user_id:
                counts = erase_user(workspace, request.erased_user_id)
            else:
                counts = erase_arrivals(workspace)
            stage.advance(counts.row_count)
        return counts_of(counts)


class TellChannelsOperator(RecallOperator):
    """Takes erased persons back out of the audiences that still have them, and forgets their contacts."""

    def work(self, request: NightRequest, progress: Progress) -> dict[str, Any]:
        """Calls the channels."""
        from recall.domain.workspace import load_workspace
        from recall.hooks.erasure import tell_channels

        with progress.stage("tell the channels") as stage:
            told = tell_channels(load_workspace())
            stage.advance(told.removed_count)
        return counts_of(told)
