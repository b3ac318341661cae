"""Call lists for a call centre, by SFTP or in a folder; what came of the calls is read back from files beside them.

The list is a file of `file_drop` with its manifest; subject and text of the copy are the caller's guide. The call
centre writes `<anything>.csv` into the folder `outcomes`: `idempotency_key`, `outcome` and `occurred_at` (ISO 8601 with
a zone).
"""

from __future__ import annotations

from recall.channels.contract import ReceiptEvent, Settings
from recall.channels.file_drop_channel import FileDropDelivery, open_list

PREFIX = "RECALL_CALL_LIST"

OUTCOMES: dict[str, ReceiptEvent] = {
    "talked": "answered",
    "voicemail": "delivered",
    "not_reached": "failed",
    "wrong_number": "bounced",
    "do_not_call": "unsubscribed",
    "complained": "complained",
}


def open_call_list(settings: Settings) -> FileDropDelivery:
    """Makes the delivery from the environment; the plugin `call_list`.

    Args:
        settings: RECALL_CALL_LIST_URL, _HOST_KEY and _KEY_FILE, as RECALL_FILE_DROP_URL and its like.

    Raises:
        UsageError: A variable is missing or wrong.
    """
    return open_list(settings, PREFIX, contact_code="phone", answers_folder="outcomes", answers=OUTCOMES)
