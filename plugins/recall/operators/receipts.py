"""Tasks of collect_receipts."""

from __future__ import annotations

from typing import Any

from airflow.sdk import Context

from recall.domain.progress import Progress
from recall.operators.base import RecallOperator, counts_of
from recall.operators.night_request import NightRequest


class ListReceiptSourcesOperator(RecallOperator):
    """Lists where receipts may be, one collecting task for each."""

    lock = "none"

    def execute(self, context: Context) -> Any:
        """Returns the list itself, over which the collection is mapped."""
        return super().execute(context)["sources"]

    def work(self, request: NightRequest, progress: Progress) -> dict[str, Any]:
        """Asks the ledger and the channels."""
        from recall.hooks.receipts import receipt_sources

        return {"sources": receipt_sources()}


class CollectReceiptsOperator(RecallOperator):
    """Takes in what one source tells of messages.

    It needs no lock: what it writes is of no night, and must not wait for one.

    Args:
        source_code: Channel code, or landing for delivered files.
    """

    lock = "none"

    def __init__(self, *, source_code: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.source_code = source_code

    def work(self, request: NightRequest, progress: Progress) -> dict[str, Any]:
        """Calls the collection."""
        from recall.hooks.receipts import collect_receipts

        with progress.stage(f"receipts {self.source_code}") as stage:
            counts = collect_receipts(self.source_code)
            stage.advance(counts.new_count)
            stage.note(f"{counts.settled_count} settled, {counts.refusal_count} said no")
        return counts_of(counts)
