"""The address at which a receiver says no."""

from __future__ import annotations

from urllib.parse import quote

from recall.channels.contract import Settings
from recall.domain.errors import UsageError

VARIABLE = "RECALL_UNSUBSCRIBE_URL"
PLACE_OF_KEY = "{token}"


def unsubscribe_address(settings: Settings, *, default: str) -> str:
    """Returns the pattern of the address, with `{token}` where the send's key belongs.

    Args:
        settings: Its environment may set RECALL_UNSUBSCRIBE_URL.
        default: The pattern where it does not.

    Raises:
        UsageError: The setting is neither https nor mailto, or has no place for the token.
    """
    pattern = settings.environment.get(VARIABLE, "").strip() or default
    if pattern and (not pattern.startswith(("https://", "mailto:")) or PLACE_OF_KEY not in pattern):
        raise UsageError(
            f"{VARIABLE}: expected an https: or mailto: address with {PLACE_OF_KEY} in it, which stands for the message"
        )
    return pattern


def filled(pattern: str, idempotency_key: str) -> str:
    """Puts a send's key into the pattern.

    Args:
        pattern: As `unsubscribe_address` gave it.
        idempotency_key: The send's key.
    """
    is_plain = idempotency_key.isascii() and idempotency_key.isalnum()
    return pattern.replace(PLACE_OF_KEY, idempotency_key if is_plain else quote(idempotency_key, safe=""))
