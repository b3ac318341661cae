"""Fulfilment lists of gifts for a warehouse, by SFTP or in a folder; what it did is read back from files beside them.

The list is a file of `file_drop` with its manifest. The warehouse writes `<anything>.csv` into the folder
`acknowledgements`: `idempotency_key`, `outcome` and `occurred_at` (ISO 8601 with a zone).
"""

from __future__ import annotations

from recall.channels.contract import ReceiptEvent, Settings
from recall.channels.file_drop_channel import FileDropDelivery, open_list

PREFIX = "RECALL_GIFT_LIST"

OUTCOMES: dict[str, ReceiptEvent] = {
    "acknowledged": "accepted",
    "delivered": "delivered",
    "returned": "bounced",
    "out_of_stock": "failed",
    "refused": "unsubscribed",
}


def open_gift_list(settings: Settings) -> FileDropDelivery:
    """Makes the delivery from the environment; the plugin `gift_list`.

    Args:
        settings: RECALL_GIFT_LIST_URL, _HOST_KEY and _KEY_FILE, as RECALL_FILE_DROP_URL and its like.

    Raises:
        UsageError: A variable is missing or wrong.
    """
    return open_list(
        settings, PREFIX, contact_code="postal_address", answers_folder="acknowledgements", answers=OUTCOMES
    )
