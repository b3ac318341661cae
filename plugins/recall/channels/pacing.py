"""How fast messages leave: a token bucket that holds one call."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal


class Pace:
    """Spaces calls evenly, so that no second of whatever beginning carries more than the rate.

    A bucket that could save tokens up would let twice the rate through in its first second, which a vendor that counts
    seconds refuses.

    Args:
        rate_per_second: Messages a second; None for no limit.
        monotonic: The clock, in seconds from any beginning.
    """

    def __init__(self, rate_per_second: Decimal | None, *, monotonic: Callable[[], float]) -> None:
        self._seconds_each = 0.0 if rate_per_second is None else float(1 / rate_per_second)
        self._monotonic = monotonic
        self._free_at = float("-inf")

    @property
    def wait_seconds(self) -> float:
        """How long the next call has to wait."""
        return max(0.0, self._free_at - self._monotonic())

    def take(self, count: int) -> None:
        """Notes that a call leaves now.

        Args:
            count: Messages in it.
        """
        self._free_at = max(self._free_at, self._monotonic()) + count * self._seconds_each

    def pause(self, seconds: float) -> None:
        """Lets nothing leave for a while, because the peer asked for it.

        Args:
            seconds: From now on.
        """
        self._free_at = max(self._free_at, self._monotonic() + seconds)

    def most_within(self, seconds: float) -> int:
        """Returns how many messages may leave within a time, at least 1.

        Args:
            seconds: The time.
        """
        return 10**9 if not self._seconds_each else max(1, int(seconds / self._seconds_each))
