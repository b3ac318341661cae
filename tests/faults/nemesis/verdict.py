"""What must hold after a round, told from the peers' own logs and from what happened, not from the engine's code."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import time
from typing import Any
from zoneinfo import ZoneInfo

import psycopg
from tests.faults.nemesis.peers import Accepted, Peers
from tests.faults.nemesis.people import Member

QUIET = {"sms": (time(20), time(8)), "welfare": (time(22), time(8))}


@dataclass
class Told:
    """Who said what in a round, each with its place among everything that happened.

    Attributes:
        tick: Gives the place of what happens now.
    """

    tick: Callable[[], int]
    noes: dict[tuple[str, str], int] = field(default_factory=dict)
    returns: dict[str, int] = field(default_factory=dict)
    noes_by_key: dict[tuple[str, str], int] = field(default_factory=dict)
    stops: list[tuple[str, int, float]] = field(default_factory=list)

    def no(self, user_id: str, channel: str) -> None:
        """A user opts out of a channel."""
        self.noes.setdefault((user_id, channel), self.tick())

    def refused_by_receipt(self, key: str, channel: str) -> None:
        """The receiver of a message unsubscribes from it, or complains about it."""
        self.noes_by_key.setdefault((key, channel), self.tick())

    def returned(self, user_id: str) -> None:
        """A user comes back."""
        self.returns.setdefault(user_id, self.tick())

    def stopped(self, channel: str) -> None:
        """Somebody pulls a kill switch; * is that of all channels."""
        self.stops.append((channel, self.tick(), float("inf")))

    def released(self) -> None:
        """All kill switches are let go."""
        now = self.tick()
        self.stops = [(channel, begin, min(end, now)) for channel, begin, end in self.stops]


@dataclass
class Verdict:
    """What was found wrong, and the counts of the round.

    Attributes:
        found: One sentence each; empty if everything held.
        counts: Candidates by what became of them, as the ledger says, and `messages` of the peers' logs.
    """

    found: list[str] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)

    def settled(self, connection: psycopg.Connection, accepted: Sequence[Accepted]) -> None:
        """When the peers have told everything, the ledger says sent of what they have, and of nothing else."""
        keys = {one.key for one in accepted}
        rows = connection.execute("select idempotency_key, state from ledger.sends").fetchall()
        sent = {key for key, state in rows if state == "sent"}
        if sent != keys:
            self.found.append(f"{len(sent - keys)} sent that no peer has, {len(keys - sent)} with a peer and not sent")


def judge(
    verdict: Verdict,
    connection: psycopg.Connection,
    members: Sequence[Member],
    accepted: Sequence[Accepted],
    told: Told,
    cap: int | None,
    peers: Peers,
) -> None:
    """Looks for broken promises.

    Args:
        verdict: What is found goes there.
        connection: As owner.
        members: The candidates of the round.
        accepted: What the peers have.
        told: What was said and when.
        cap: Messages that a person or contact may get in the window; None for any number.
        peers: Whom the round drew to refuse.
    """
    verdict.counts["messages"] += len(accepted)
    by_contact: dict[tuple[str, str], list[Member]] = {}
    for member in members:
        by_contact.setdefault((member.channel, member.contact), []).append(member)
    senders: dict[str, str] = dict(connection.execute("select idempotency_key, user_id from ledger.sends").fetchall())
    found = verdict.found
    found += _at_most_once(accepted)
    for message in accepted:
        reached = by_contact[message.channel, message.contact]
        found += _nobody_who_said_no(message, reached, told, senders)
        found += _nobody_held_out_excluded_or_returned(message, reached, told)
        found += _not_while_stopped_or_asleep(message, reached, told)
    found += _within_caps(accepted, by_contact, cap)
    found += _balanced(verdict, connection, members)
    found += _ledger_is_true(connection, accepted)
    found += _nobody_forgotten(connection, members, by_contact, accepted, told, cap, peers)


def _at_most_once(accepted: Sequence[Accepted]) -> list[str]:
    """Invariant U."""
    keys = Counter((one.channel, one.key) for one in accepted)
    places = Counter((one.channel, one.contact, one.step_number) for one in accepted)
    return [f"{channel}: {count} messages of one key" for (channel, _), count in keys.items() if count > 1] + [
        f"{channel}: step {step} spoke {count} times to one contact"
        for (channel, _, step), count in places.items()
        if count > 1
    ]


def _nobody_who_said_no(message: Accepted, reached: Sequence[Member], told: Told, senders: dict[str, str]) -> list[str]:
    """Invariant O: the word of everybody who is reached there counts."""
    noes = [0 for one in reached if one.is_opted_in is False]
    noes += [told.noes[one.user_id, one.channel] for one in reached if (one.user_id, one.channel) in told.noes]
    users = {one.user_id for one in reached}
    noes += [place for (key, channel), place in told.noes_by_key.items()
             if channel == message.channel and senders.get(key) in users]  # fmt: skip
    found = []
    if any(place < message.order for place in noes):
        found.append(f"{message.channel}: a message to somebody who had said no")
    if not any(one.is_opted_in for one in reached):
        found.append(f"{message.channel}: a message to somebody who never said yes")
    return found


def _nobody_held_out_excluded_or_returned(message: Accepted, reached: Sequence[Member], told: Told) -> list[str]:
    found = []
    if all(one.is_held_out or one.is_excluded for one in reached):
        found.append(f"{message.channel}: a message to somebody held out or excluded")
    if all(told.returns.get(one.user_id, float("inf")) < message.order for one in reached):
        found.append(f"{message.channel}: a message to somebody who was back")
    return found


def _not_while_stopped_or_asleep(message: Accepted, reached: Sequence[Member], told: Told) -> list[str]:
    found = []
    for channel, begin, end in told.stops:
        if channel in ("*", message.channel) and begin < message.order < end:
            found.append(f"{message.channel}: a message while the kill switch was pulled")
    if message.channel in QUIET and all(_is_quiet(message, one) for one in reached):
        found.append(f"{message.channel}: a message in the quiet hours")
    return found


def _is_quiet(message: Accepted, member: Member) -> bool:
    begin, end = QUIET[message.channel]
    local = message.clock.astimezone(ZoneInfo(member.time_zone or "UTC")).time()
    return local >= begin or local < end


def _within_caps(
    accepted: Sequence[Accepted], by_contact: dict[tuple[str, str], list[Member]], cap: int | None
) -> list[str]:
    if cap is None:
        return []
    per_contact = Counter((one.channel, one.contact) for one in accepted)
    per_person: Counter[str] = Counter()
    for message in accepted:
        persons = {one.person_id for one in by_contact[message.channel, message.contact]}
        if len(persons) == 1:
            per_person[persons.pop()] += 1
    return [f"{count} messages where the cap allows {cap}"
            for count in (*per_contact.values(), *per_person.values()) if count > cap]  # fmt: skip


def _balanced(verdict: Verdict, connection: psycopg.Connection, members: Sequence[Member]) -> list[str]:
    """Invariant N: every candidate is selected or excluded, everybody selected is one of five things."""
    states: Counter[str] = Counter(
        dict(connection.execute("select state, count(*) from ledger.entries group by state").fetchall())
    )
    excluded = sum(one.is_excluded for one in members)
    held_out = sum(one.is_held_out and not one.is_excluded for one in members)
    verdict.counts.update(states)
    verdict.counts.update(candidates=len(members), excluded=excluded)
    ended = sum(states[state] for state in ("sent", "failed", "suppressed", "unknown"))
    found = []
    if states["claimed"] or states["waiting"]:
        found.append(f"{states['claimed']} entries claimed and {states['waiting']} waiting at the end")
    if states["held_out"] != held_out or ended + held_out + excluded != len(members):
        found.append(f"{len(members)} candidates are {ended} ended, {states['held_out']} held out, {excluded} excluded")
    return found


def _ledger_is_true(connection: psycopg.Connection, accepted: Sequence[Accepted]) -> list[str]:
    """Before anything is told: sent is with the peer, failed and suppressed are not, unknown may be either."""
    keys = {one.key for one in accepted}
    found = []
    known = set()
    for key, state, reason in connection.execute(
        "select idempotency_key, state, reason_code from ledger.sends"
    ).fetchall():
        known.add(key)
        if state == "claimed":
            found.append("a send is claimed at the end")
        if (state == "sent" and key not in keys) or (state in ("failed", "suppressed") and key in keys):
            found.append(f"the ledger says {state} ({reason}), the peer's log says otherwise")
    if keys - known:
        found.append(f"{len(keys - known)} messages that the ledger does not know of")
    mismatched = connection.execute(
        "select count(*) from ledger.sends inner join ledger.entries using (audience_id)"
        " where sends.state <> entries.state or sends.reason_code is distinct from entries.reason_code"
    ).fetchone()
    if mismatched is None or mismatched[0]:
        found.append(f"{mismatched} sends that their entries do not agree with")
    return found


def _nobody_forgotten(
    connection: psycopg.Connection,
    members: Sequence[Member],
    by_contact: dict[tuple[str, str], list[Member]],
    accepted: Sequence[Accepted],
    told: Told,
    cap: int | None,
    peers: Peers,
) -> list[str]:
    """Whoever is not sent to has a cause that the round knows of."""
    rows: list[tuple[Any, ...]] = connection.execute(
        "select audience_id, state, reason_code from ledger.entries"
    ).fetchall()
    by_id = {one.audience_id: one for one in members}
    refusing = {
        user for (key, _), _ in told.noes_by_key.items()
        for user, in connection.execute("select user_id from ledger.sends where idempotency_key = %s", (key,))
    }  # fmt: skip
    found = []
    for audience_id, state, reason in rows:
        member = by_id[audience_id]
        reached = by_contact[member.channel, member.contact]
        has_mate = len(reached) > 1 or any(one.person_id == member.person_id and one is not member for one in members)
        said_no = any(
            one.is_opted_in is False or (one.user_id, one.channel) in told.noes or one.user_id in refusing
            for one in reached
        )
        is_excused = {
            ("suppressed", "no_consent"): said_no or not member.is_opted_in,
            ("suppressed", "already_returned"): member.user_id in told.returns,
            ("suppressed", "already_sent"): has_mate,
            ("suppressed", "contact_cap"): cap is not None and has_mate,
        }.get((state, reason), state in ("sent", "held_out", "unknown") or peers.refuses(member.contact))
        if not is_excused:
            found.append(f"{member.channel}: {state} ({reason}) without a cause")
    return found
