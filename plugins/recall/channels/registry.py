"""Finds the plugin of a way of delivery among the installed packages."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from importlib.metadata import EntryPoints, entry_points

from recall.channels.contract import ENTRY_POINT_GROUP, Delivery, Settings
from recall.domain.campaign import did_you_mean
from recall.domain.errors import UsageError


@cache
def installed_ways() -> EntryPoints:
    """Returns what the installed packages bring, asked once: to ask each of them takes as long as a small export."""
    return entry_points(group=ENTRY_POINT_GROUP)


def open_delivery(delivery_code: str, settings: Settings) -> Delivery:
    """Makes the delivery of a channel; it connects when it is entered, not before.

    Args:
        delivery_code: As definitions/channels.csv names it, for example smtp.
        settings: Where and how to deliver.

    Raises:
        UsageError: No installed package, or more than one, brings that way of delivery, or a setting is missing.
    """
    found = {point.value: point for point in installed_ways() if point.name == delivery_code}
    if len(found) != 1:
        known = sorted({point.name for point in installed_ways()})
        why = f"{' and '.join(sorted(found))} both bring it" if found else did_you_mean(delivery_code, known)
        raise UsageError(
            f"definitions/channels.csv: {settings.channel} is delivered by {delivery_code}, but {why}",
            next_command="make setup" if not known else None,
        )
    make: Callable[[Settings], Delivery] = found.popitem()[1].load()
    return make(settings)
