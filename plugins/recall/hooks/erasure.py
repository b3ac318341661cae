"""Tells the channels of persons who are erased."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from recall.domain.home import Home
from recall.domain.workspace import Workspace
from recall.hooks.removals import take_back_erased
from recall.warehouse.connection import connect
from recall.warehouse.erasure import erase_arrivals
from recall.warehouse.queries import query


@dataclass(frozen=True)
class ToldChannels:
    """What became of telling the channels.

    Attributes:
        channel_count: Channels that were told.
        removed_count: Receivers that they took back out of their audiences.
        waiting_count: Contacts that are kept because an audience still has them.
    """

    channel_count: int
    removed_count: int
    waiting_count: int


def tell_channels(
    workspace: Workspace, *, environment: Mapping[str, str] | None = None, home: Home | None = None
) -> ToldChannels:
    """Takes erased persons back out of every audience that still has them, then forgets their contacts.

    Args:
        workspace: The workspace.
        environment: Addresses and credentials; default the process's own.
        home: The home folder; default the current one.

    Raises:
        GateBlocked: Somebody pulled the kill switch.
        RecallError: A channel cannot be used; run it again.
        UsageError: A channel's settings are missing or wrong.
    """
    with connect("exporter", home=home) as connection:
        channels = [str(channel) for (channel,) in connection.execute(query("list_channels_with_erased"))]
    if not channels:
        return ToldChannels(0, 0, 0)
    removed_count = sum(take_back_erased(channel, environment=environment, home=home) for channel in channels)
    return ToldChannels(len(channels), removed_count, erase_arrivals(workspace, home=home).waiting_count)
