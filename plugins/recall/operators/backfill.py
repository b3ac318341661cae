"""The task of backfill_effects: assignment days are replaced one by one, then effects made anew. Nothing is sent."""

from __future__ import annotations

from typing import Any

from recall.domain.progress import Progress
from recall.operators.base import RecallOperator, counts_of
from recall.operators.night_request import NightRequest


class BackfillOperator(RecallOperator):
    """Does the whole backfill in one task, so that no night can come between its days and its effects."""

    def work(self, request: NightRequest, progress: Progress) -> dict[str, Any]:
        """Opens or takes up the backfill, works on its days, and makes the effects anew."""
        from recall.hooks.backfill import complete_backfill, open_backfill, run_days

        from_date, to_date = request.require_range()
        with progress.stage("list entries") as stage:
            backfill = open_backfill(from_date, to_date)
            stage.note(f"{backfill.day_count} days, {backfill.finished_count} of them finished before")
        days = run_days(backfill.backfill_id, parallel_days=request.parallel_days, progress=progress)
        with progress.stage("make effects anew"):
            complete_backfill(backfill.backfill_id)
        return {
            **counts_of(days),
            "as_of_date": str(backfill.as_of_date),
            "from_date": str(from_date),
            "to_date": str(to_date),
            "finished_before_count": backfill.finished_count,
        }
