"""What a channel may do on a day, as definitions/channels.csv says: how fast, how many at once, at which hours."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError


@dataclass(frozen=True)
class ChannelTerms:
    """The row of channels.csv that is in force for a channel.

    Attributes:
        channel: Channel code.
        delivery_code: The plugin that delivers.
        contact_code: The contact that it needs; None for none.
        rate_per_second: Messages a second at most; None for no limit of our own.
        batch_size: Messages in one call or file at most; None for what the plugin can take.
        quiet_from: Local time at which nothing leaves any more; None for no quiet hours.
        quiet_until: Local time from which messages leave again; before `quiet_from` where the night is meant.
        may_carry_marketing: Whether it may carry marketing at all.
    """

    channel: str
    delivery_code: str
    contact_code: str | None
    rate_per_second: Decimal | None
    batch_size: int | None
    quiet_from: time | None
    quiet_until: time | None
    may_carry_marketing: bool

    def quiet_ends_at(self, now: datetime, user_time_zone: str | None, business_time_zone: str) -> datetime | None:
        """Says until when a user is not to be disturbed.

        Args:
            now: The instant.
            user_time_zone: IANA zone of the user; the business zone is used where it is None or no zone.
            business_time_zone: IANA zone of the business.

        Returns:
            The instant in UTC at which the quiet hours around `now` end; None outside of them. A local end that a
            clock change skips moves forward, one that exists twice is the later instant.
        """
        if self.quiet_from is None or self.quiet_until is None:
            return None
        zone = _zone(user_time_zone) or _zone(business_time_zone) or ZoneInfo("UTC")
        local = now.astimezone(zone)
        clock = local.time()
        if self.quiet_from <= self.quiet_until:
            is_quiet = self.quiet_from <= clock < self.quiet_until
        else:
            is_quiet = clock >= self.quiet_from or clock < self.quiet_until
        if not is_quiet:
            return None
        day = local.date() + timedelta(days=0 if clock < self.quiet_until else 1)
        ends = (datetime.combine(day, self.quiet_until, zone).replace(fold=fold) for fold in (0, 1))
        return max(end.astimezone(UTC) for end in ends)


@lru_cache(maxsize=1024)
def _zone(name: str | None) -> ZoneInfo | None:
    if not name:
        return None
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        # A source may write anything; a folder of the zone tables is no zone either.
        return None
