"""Delivers the audience of a finished night: register, claim, hand over, settle.

What may go wrong in between is decided by order. A message is claimed in the ledger before it is handed over, and the
ledger notes that it is about to be handed over before the first byte goes out. So a worker that is lost leaves either
a claim that surely reached nobody, which is taken up again, or one that may have reached somebody, which becomes
`unknown` and is never sent again by itself. Only where the peer recognises the key of what it has already is it handed
over once more, with the same key, for as long as the peer remembers. Consent, return, earlier sends and quiet hours are
looked up twice: when a message is claimed and right before it is handed over.
"""

from __future__ import annotations

import logging
import os
import socket
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import chain, groupby
from pathlib import Path
from threading import Event
from typing import Literal, TypeVar
from uuid import uuid4

import psycopg
from psycopg.rows import class_row

from recall.channels.contract import (
    Answer,
    Batch,
    ChannelUnavailable,
    Delivery,
    FileDelivery,
    Message,
    MessageDelivery,
    Settings,
    Traits,
)
from recall.channels.pacing import Pace
from recall.channels.registry import open_delivery
from recall.domain.channel import ChannelTerms
from recall.domain.coupon import CouponKey
from recall.domain.errors import GateBlocked, RecallError, UsageError
from recall.domain.home import Home, current_home
from recall.domain.message_template import TemplateFault
from recall.hooks.gates import AudienceSize, audience_sizes
from recall.hooks.messages import message_of
from recall.hooks.receipts import note_held_receipts
from recall.hooks.removals import LONGEST_WAIT_SECONDS, take_back
from recall.warehouse import ledger
from recall.warehouse.connection import connect
from recall.warehouse.ledger import Claim, Composition
from recall.warehouse.queries import query
from recall.warehouse.secrets import secret

LEASE = timedelta(seconds=60)
FILE_LEASES = 5
CLAIMED_AT_ONCE = 20
MOST_CLAIMED_AT_ONCE = 640
GIVEN_UP_AT_ONCE = 100_000
PASSES = 3
SECONDS_BETWEEN_PASSES = 2.0
REFUSALS_IN_A_ROW = 20
"""So many receivers one after the other are not all wrong: the server refuses us, not them."""
FRESH_SECONDS = 0.5
"""What was looked up longer ago is looked up again before a message is handed over."""
MOST_CALLS_AT_ONCE = 32
"""Calls that are looked up and settled together; a worker that is killed leaves as many messages unknown at most."""
DELAYS_IN_A_ROW = 20
"""A server that puts so many calls off one after the other has no time for us tonight."""
UNCLEAR_IN_A_ROW = 5
"""A server that breaks so many calls is left alone, before more messages become unknown."""
KILL_SWITCH_SECONDS = 5.0
"""Whatever is waited for, the kill switch is looked at so often."""

Moment = Literal["before_claim", "after_claim", "after_begin", "after_peer_accepted", "before_settle", "after_settle"]
Observer = Callable[[Moment], None]
"""Is told how far a delivery has come; tests end the process there."""

_Call = Sequence[tuple[Claim, Composition]]
"""Messages that are handed over together."""
_Claimed = TypeVar("_Claimed", Claim, str)

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ExportSummary:
    """What became of a day's entries of one channel, over all runs so far.

    Attributes:
        channel: Channel code.
        selected_date: The day that was selected for.
        is_dry_run: True if nothing was claimed or sent; then member_count tells who would be, and the rest is 0.
        member_count: Entries that are not held out: sent + failed + suppressed + unknown + waiting.
        sent_count: The peer has them.
        failed_count: The peer does not have them.
        suppressed_count: Not sent, because of a no, a return or an earlier send.
        unknown_count: The peer may have them; never sent again, unless it recognises them by their keys.
        waiting_count: Not settled: the run was stopped, or it is night where they live (reason quiet_hours).
        held_out_count: Entries that can never be sent.
        newly_sent_count: Sent by this run.
        removed_count: Taken back out of the channel's audience by this run.
        resumes_at: When the first quiet hours of those who wait end, in UTC; None if nobody waits for that.
        reasons: Entries by reason, for all that were not sent.
        preview_path: Where a dry run wrote what it would deliver; None otherwise.
    """

    channel: str
    selected_date: date
    is_dry_run: bool
    member_count: int
    sent_count: int = 0
    failed_count: int = 0
    suppressed_count: int = 0
    unknown_count: int = 0
    waiting_count: int = 0
    held_out_count: int = 0
    newly_sent_count: int = 0
    removed_count: int = 0
    resumes_at: datetime | None = None
    reasons: Mapping[str, int] = field(default_factory=dict)
    preview_path: Path | None = None


@dataclass(frozen=True)
class PlannedStep:
    """What an export would do for one campaign, step and channel.

    Attributes:
        campaign_id: The campaign.
        step_number: Its step.
        channel: Channel code.
        add_count: Members that would be sent to.
        retry_count: Of these, those that an earlier run could not send to, or may send to again.
        drop_count: Entries that would be dropped, and receivers that would be taken back out of an audience.
        leave_count: Members whose key was used already, so that nothing would happen.
        held_out_count: Members that are held out.
        cost_amount: Messages to add times the channel's unit cost, in the workspace's currency.
        expected_cost_amount: What these messages are expected to cost, rewards included, in the same currency.
        expected_profit_amount: What they are expected to bring more than nothing, in the same currency; None where
            worth is not known of any.
    """

    campaign_id: str
    step_number: int
    channel: str
    add_count: int = 0
    retry_count: int = 0
    leave_count: int = 0
    held_out_count: int = 0
    cost_amount: Decimal = Decimal(0)
    expected_cost_amount: Decimal = Decimal(0)
    expected_profit_amount: Decimal | None = None
    drop_count: int = 0


@dataclass(frozen=True)
class PlannedExclusion:
    """How many candidates of a step are left out for a reason.

    Attributes:
        campaign_id: The campaign.
        step_number: Its step.
        reason_code: The first reason that hit.
        candidate_count: Candidates.
    """

    campaign_id: str
    step_number: int
    reason_code: str
    candidate_count: int


@dataclass(frozen=True)
class PlannedDrop:
    """Who would be dropped of a campaign, step and channel.

    Attributes:
        campaign_id: The campaign.
        step_number: Its step.
        channel: Channel code.
        reason_code: overtaken or left_audience for entries that wait, no_consent or no_longer_lapsed for receivers that
            would be taken back out of an advertising audience.
        drop_count: How many.
    """

    campaign_id: str
    step_number: int
    channel: str
    reason_code: str
    drop_count: int


@dataclass(frozen=True)
class Plan:
    """What an export of a day would do; nothing was sent for it.

    Attributes:
        as_of_date: The last business day included.
        selected_date: The day that was selected for.
        steps: By campaign, step and channel.
        exclusions: By campaign, step and reason.
        drops: By campaign, step, channel and reason.
        sizes: By campaign and step, how many are written to and how many may be before a person is asked.
    """

    as_of_date: date
    selected_date: date
    steps: tuple[PlannedStep, ...]
    exclusions: tuple[PlannedExclusion, ...]
    drops: tuple[PlannedDrop, ...]
    sizes: tuple[AudienceSize, ...]

    @property
    def add_count(self) -> int:
        """Messages that would be sent."""
        return sum(step.add_count for step in self.steps)

    @property
    def drop_count(self) -> int:
        """Entries that would be dropped, and receivers that would be taken back."""
        return sum(drop.drop_count for drop in self.drops)

    @property
    def leave_count(self) -> int:
        """Members for whom nothing would happen, because their key was used."""
        return sum(step.leave_count for step in self.steps)

    @property
    def held_out_count(self) -> int:
        """Members that are held out."""
        return sum(step.held_out_count for step in self.steps)

    @property
    def cost_amount(self) -> Decimal:
        """Cost of the messages that would be sent, in the workspace's currency."""
        return sum((step.cost_amount for step in self.steps), Decimal(0))

    @property
    def excluded_counts(self) -> dict[str, int]:
        """Excluded candidates by reason, over all steps."""
        counts: dict[str, int] = {}
        for exclusion in self.exclusions:
            counts[exclusion.reason_code] = counts.get(exclusion.reason_code, 0) + exclusion.candidate_count
        return counts


def register_members(as_of_date: date) -> None:
    """Stores who was selected: persons, holdouts, assignments and entries, held-out members included.

    What still waits of earlier days is given up (`overtaken`): whoever is still due stands in this audience.

    Args:
        as_of_date: The day whose audience is served.

    Raises:
        GateBlocked: That audience is not served, did not get through its gate, or contradicts the ledger.
    """
    selected_date = ledger.selected_date_of(as_of_date)
    coupon_key = CouponKey(secret(current_home(), "keys", "coupon").encode())
    with connect("exporter") as connection:
        ledger.require_complete_build(connection, as_of_date)
        ledger.register_audience(connection, selected_date, coupon_key)
        connection.execute(query("overtake_waiting_entries"), {"selected_date": selected_date})


def due_channels(as_of_date: date) -> list[str]:
    """Returns the channels that have something to deliver or to settle, in the order of their names.

    Args:
        as_of_date: The day whose audience is served.

    Raises:
        GateBlocked: That audience is not served or did not get through its gate.
    """
    with connect("exporter") as connection:
        ledger.require_complete_build(connection, as_of_date)
        rows = connection.execute(
            query("list_due_channels"), {"selected_date": ledger.selected_date_of(as_of_date)}
        ).fetchall()
    return [str(row[0]) for row in rows]


@dataclass(frozen=True)
class Resumption:
    """An export that goes on where quiet hours had stopped it.

    Attributes:
        as_of_date: The served day.
        channel: Channel code.
    """

    as_of_date: date
    channel: str


def resumable_exports(*, now: datetime | None = None) -> list[Resumption]:
    """Returns the exports of the served day that quiet hours had stopped and that may go on, by channel.

    Args:
        now: The instant by which quiet hours are judged; default the clock.
    """
    with connect("exporter") as connection, connection.cursor(row_factory=class_row(Resumption)) as cursor:
        return cursor.execute(query("list_resumable_channels"), {"now": now or datetime.now(UTC)}).fetchall()


def plan(as_of_date: date) -> Plan:
    """Says what an export would add, drop, leave alone and cost, and whom the audience left out; touches nothing.

    Args:
        as_of_date: The day whose audience is served.

    Raises:
        GateBlocked: That audience is not served or did not get through its gate.
    """
    selected_date = ledger.selected_date_of(as_of_date)
    parameters = {"selected_date": selected_date}
    with connect("exporter") as connection:
        ledger.require_complete_build(connection, as_of_date)
        with connection.cursor(row_factory=class_row(PlannedStep)) as cursor:
            steps = cursor.execute(query("plan_members"), parameters).fetchall()
        with connection.cursor(row_factory=class_row(PlannedExclusion)) as cursor:
            exclusions = cursor.execute(query("plan_exclusions"), parameters).fetchall()
        with connection.cursor(row_factory=class_row(PlannedDrop)) as cursor:
            drops = cursor.execute(query("plan_drops"), parameters).fetchall()
    return Plan(as_of_date, selected_date, _with_drops(steps, drops), tuple(exclusions), tuple(drops), audience_sizes())


def _with_drops(steps: Sequence[PlannedStep], drops: Sequence[PlannedDrop]) -> tuple[PlannedStep, ...]:
    """Counts the drops beside the members of each step; one without members stands there for its drops."""
    by_key = {(one.campaign_id, one.step_number, one.channel): one for one in steps}
    for drop in drops:
        key = drop.campaign_id, drop.step_number, drop.channel
        step = by_key.get(key, PlannedStep(*key))
        by_key[key] = replace(step, drop_count=step.drop_count + drop.drop_count)
    return tuple(by_key[key] for key in sorted(by_key))


def export_channel(
    as_of_date: date,
    channel: str,
    *,
    dry_run: bool = False,
    environment: Mapping[str, str] | None = None,
    home: Home | None = None,
    lease: timedelta = LEASE,
    sleep: Callable[[float], None] = time.sleep,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
    monotonic: Callable[[], float] = time.monotonic,
    observer: Observer = lambda moment: None,
) -> ExportSummary:
    """Delivers what is due in one channel; done again it sends nothing twice.

    Args:
        as_of_date: The day whose audience is served.
        channel: Channel code.
        dry_run: True to write what would be delivered into the outbox, and to claim and send nothing.
        environment: Addresses and credentials; default the process's own.
        home: The home folder; default the current one.
        lease: How long a worker may stay silent before others settle its claims.
        sleep: Waits for seconds.
        now: The clock of quiet hours.
        monotonic: The clock of the rate and of freshness, in seconds.
        observer: Is told how far the delivery has come.

    Returns:
        What became of the day's entries of that channel.

    Raises:
        GateBlocked: The audience may not be exported, or somebody pulled the kill switch.
        UsageError: The channel's settings are missing or wrong; nothing was claimed.
        RecallError: The channel could not be used; what it surely did not get is tried again by the next run.
    """
    place = home or current_home()
    settings = Settings(channel, environment if environment is not None else os.environ, place.outbox_dir)
    selected_date = ledger.selected_date_of(as_of_date)
    with connect("exporter", autocommit=True, home=place) as connection:
        ledger.require_complete_build(connection, as_of_date)
        terms = ledger.channel_terms(connection, channel, as_of_date)
        delivery = open_delivery(terms.delivery_code, settings)
        _require_contact(terms, delivery)
        if dry_run:
            return _preview(connection, delivery, settings, selected_date)

        @contextmanager
        def open_another() -> Iterator[tuple[psycopg.Connection, Delivery]]:
            with (
                connect("exporter", autocommit=True, home=place) as another,
                open_delivery(terms.delivery_code, settings) as same,
            ):
                yield another, same

        worker = _Worker(
            connection=connection,
            open_another=open_another,
            terms=terms,
            business_time_zone=ledger.business_time_zone(connection),
            selected_date=selected_date,
            owner=_owner(),
            # A file takes longer to write than a message, and meanwhile nobody else may begin it.
            lease=lease if delivery.kind == "messages" else FILE_LEASES * lease,
            sleep=sleep,
            now=now,
            pace=Pace(terms.rate_per_second, monotonic=monotonic),
            monotonic=monotonic,
            observer=observer,
        )
        worker.run(delivery)
        return worker.summary()


def _owner() -> str:
    return f"{socket.gethostname()}-{os.getpid()}-{uuid4().hex[:8]}"


def _require_contact(terms: ChannelTerms, delivery: Delivery) -> None:
    reached = delivery.traits.contact_codes
    if terms.contact_code is not None and reached and terms.contact_code not in reached:
        raise UsageError(
            f"definitions/channels.csv: {terms.channel} needs {terms.contact_code}, but {terms.delivery_code} reaches"
            f" {' or '.join(sorted(reached))}"
        )


def _preview(
    connection: psycopg.Connection, delivery: Delivery, settings: Settings, selected_date: date
) -> ExportSummary:
    compositions = ledger.preview(connection, selected_date, settings.channel)
    folder = settings.outbox_dir / "dry_run" / selected_date.isoformat() / settings.channel
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    messages = {one.audience_id: message_of(one, delivery) for one in compositions}
    path = folder
    if delivery.kind == "messages":
        path = delivery.preview(list(messages.values()), folder)
    else:
        steps: dict[tuple[str, int], list[Composition]] = {}
        for one in compositions:
            steps.setdefault((one.campaign_id, one.step_number), []).append(one)
        for _, members in sorted(steps.items()):
            name = ledger.file_name(connection, settings.channel, members)
            batch = Batch(name, settings.channel, [messages[one.audience_id] for one in members])
            path = delivery.preview(batch, folder).parent
    return ExportSummary(
        channel=settings.channel,
        selected_date=selected_date,
        is_dry_run=True,
        member_count=len(compositions),
        preview_path=path,
    )


@dataclass
class _Worker:
    """One worker's way through a channel.

    Attributes:
        connection: As exporter, each statement by itself unless in a transaction.
        open_another: Opens another connection to the database, and one to the peer.
        terms: What the channel may do.
        business_time_zone: Zone of users who have none.
        selected_date: The day that was selected for.
        owner: Name of this worker in the ledger.
        lease: How long it may stay silent.
        sleep: Waits for seconds.
        now: The clock of quiet hours.
        pace: How fast messages leave.
        monotonic: The clock of the rate and of freshness, in seconds.
        observer: Is told how far the delivery has come.
        newly_sent_count: Messages that this worker saw accepted.
        removed_count: Receivers that this worker saw taken back.
    """

    connection: psycopg.Connection
    open_another: Callable[[], AbstractContextManager[tuple[psycopg.Connection, Delivery]]]
    terms: ChannelTerms
    business_time_zone: str
    selected_date: date
    owner: str
    lease: timedelta
    sleep: Callable[[float], None]
    now: Callable[[], datetime]
    pace: Pace
    monotonic: Callable[[], float]
    observer: Observer
    newly_sent_count: int = 0
    removed_count: int = 0
    _in_a_row: tuple[str, int] = ("", 0)
    _news: tuple[object, ...] = ()
    _calls_at_once: int = 1
    _claims_at_once: int = CLAIMED_AT_ONCE

    @property
    def channel(self) -> str:
        """Channel code."""
        return self.terms.channel

    def run(self, delivery: Delivery) -> None:
        """Delivers until nothing is left to do, to wait for, or to try again."""
        try:
            with delivery:
                # Whoever said no to the peer meanwhile must not be claimed any more.
                note_held_receipts(self.connection, self.channel, delivery)
                # Before anybody is added: a second lapse may bring back whom an earlier one takes away.
                self._take_back(delivery)
                waited = timedelta()
                passes = 0
                while True:
                    is_to_be_repeated = self._one_pass(delivery)
                    passes += 1
                    if ledger.has_claims_of_others(self.connection, self.selected_date, self.channel):
                        # A worker that died holds its claims until its lease runs out; one that lives goes on.
                        if waited > 2 * self.lease:
                            break
                        self.sleep(1.0)
                        waited += timedelta(seconds=1)
                    elif is_to_be_repeated and passes < PASSES:
                        self.sleep(SECONDS_BETWEEN_PASSES)
                    else:
                        break
                if delivery.kind == "messages":
                    # Some peers tell as long as the connection is open, and not again later.
                    note_held_receipts(self.connection, self.channel, delivery)
        except ChannelUnavailable as error:
            self._give_up(delivery, error)
            raise RecallError(
                f"channel {self.channel} cannot be used: {error}; whom it did not get to is tried again next time",
                next_command=f"recall export --as-of {self.selected_date - timedelta(days=1)}",
            ) from None

    def summary(self) -> ExportSummary:
        """Counts the day's entries of the channel."""
        counts = ledger.counts(self.connection, self.selected_date, self.channel)
        states: dict[str, int] = {}
        reasons: dict[str, int] = {}
        for (state, reason), count in counts.items():
            states[state] = states.get(state, 0) + count
            if reason:
                reasons[reason] = reasons.get(reason, 0) + count
        held_out_count = states.pop("held_out", 0)
        summary = ExportSummary(
            channel=self.channel,
            selected_date=self.selected_date,
            is_dry_run=False,
            member_count=sum(states.values()),
            sent_count=states.get("sent", 0),
            failed_count=states.get("failed", 0),
            suppressed_count=states.get("suppressed", 0),
            unknown_count=states.get("unknown", 0),
            waiting_count=states.get("waiting", 0) + states.get("claimed", 0),
            held_out_count=held_out_count,
            newly_sent_count=self.newly_sent_count,
            removed_count=self.removed_count,
            resumes_at=ledger.resumes_at(self.connection, self.selected_date, self.channel),
            reasons=reasons,
        )
        log.info(
            "%s for %s: %d members, %d sent (%d now), %d failed, %d suppressed, %d unknown, %d waiting",
            self.channel,
            self.selected_date,
            summary.member_count,
            summary.sent_count,
            summary.newly_sent_count,
            summary.failed_count,
            summary.suppressed_count,
            summary.unknown_count,
            summary.waiting_count,
        )
        return summary

    def _one_pass(self, delivery: Delivery) -> bool:
        """Takes up every entry once; returns whether some may be taken by the peer a little later."""
        with self.connection.transaction():
            ledger.settle_expired(self.connection, self.channel, is_repeatable=delivery.kind == "files")
        started_at = self._database_time()
        if delivery.kind == "files":
            self._put_files_again(delivery)
            self._put_all_files(delivery, started_at)
            return False
        is_to_be_repeated = self._hand_over_again(delivery, started_at)
        while claims := self._claim(started_at, self._claimed_at_once(delivery), traits=delivery.traits):
            self.observer("after_claim")
            claimed_at = self.monotonic()
            is_to_be_repeated |= self._hand_over(delivery, claims, is_again=False)
            is_fast = self.monotonic() - claimed_at < self.lease.total_seconds() / 8
            self._claims_at_once = min(2 * self._claims_at_once, MOST_CLAIMED_AT_ONCE) if is_fast else CLAIMED_AT_ONCE
        return is_to_be_repeated

    def _call_size(self, delivery: Delivery) -> int:
        return min(delivery.traits.batch_size, self.terms.batch_size or delivery.traits.batch_size)

    def _claimed_at_once(self, delivery: Delivery) -> int:
        """As many as surely leave before the lease runs out."""
        size = self._call_size(delivery)
        if delivery.kind == "files":
            return size
        return min(max(self._claims_at_once, size), self.pace.most_within(self.lease.total_seconds() / 2))

    def _quiet_ends_at(self, time_zone: str | None) -> datetime | None:
        return self.terms.quiet_ends_at(self.now(), time_zone, self.business_time_zone)

    def _wait(self) -> None:
        """Waits until the rate, or the peer's wish, lets the next call leave; the kill switch ends it."""
        remaining = self.pace.wait_seconds
        if remaining > LONGEST_WAIT_SECONDS:
            raise ChannelUnavailable("asks_for_a_pause", f"the peer wants to be left alone for {remaining:.0f} seconds")
        while remaining > 0:
            self._refuse_if_stopped()
            self.sleep(min(remaining, KILL_SWITCH_SECONDS))
            remaining -= KILL_SWITCH_SECONDS

    def _claim(self, tried_before: datetime, row_limit: int, *, traits: Traits) -> list[Claim]:
        """Claims until something is claimed or nothing is left."""
        return self._claimed(ledger.claim, tried_before, row_limit, traits=traits)

    def _claim_files(self, tried_before: datetime, row_limit: int, *, traits: Traits) -> list[str]:
        """As `_claim`, for what leaves as files; returns their names."""
        return self._claimed(ledger.claim_files, tried_before, row_limit, traits=traits)

    def _claimed(
        self,
        claim: Callable[[psycopg.Connection, ledger.ClaimRequest], tuple[list[_Claimed], int]],
        tried_before: datetime,
        row_limit: int,
        *,
        traits: Traits,
    ) -> list[_Claimed]:
        self._wait()
        while True:
            self.observer("before_claim")
            self._refuse_if_stopped()
            self._news = ledger.latest_news(self.connection, self.channel)
            request = ledger.ClaimRequest(
                self.selected_date,
                self.channel,
                owner=self.owner,
                lease=self.lease,
                row_limit=row_limit,
                tried_before=tried_before,
                now=self.now(),
                quiet_ends_at=None if self.terms.quiet_from is None else self._quiet_ends_at,
                # Whatever a campaign sends is marketing.
                is_forbidden=not (self.terms.may_carry_marketing and traits.may_carry_marketing),
            )
            with self.connection.transaction():
                claimed, looked_at = claim(self.connection, request)
            if claimed or not looked_at:
                return claimed

    def _hand_over_again(self, delivery: MessageDelivery, started_at: datetime) -> bool:
        """Repeats, with their keys, what the peer may have and would recognise; returns whether some stay unclear."""
        if not delivery.traits.remembers_keys_for:
            return False
        is_to_be_repeated = False
        while True:
            self._wait()
            self._refuse_if_stopped()
            with self.connection.transaction():
                claims = ledger.take_over_repeatable(
                    self.connection,
                    self.channel,
                    owner=self.owner,
                    lease=self.lease,
                    row_limit=self._claimed_at_once(delivery),
                    tried_before=started_at,
                )
            if not claims:
                return is_to_be_repeated
            is_to_be_repeated |= self._hand_over(delivery, claims, is_again=True)

    def _hand_over(self, delivery: MessageDelivery, claims: Sequence[Claim], *, is_again: bool) -> bool:
        """Hands messages over call by call; returns whether some may be taken a little later."""
        by_send = {one.send_id: one for one in claims}
        compositions = ledger.compose(self.connection, claims)
        is_to_be_repeated = False
        calls: deque[Sequence[tuple[Claim, Composition]]] = deque(
            [(by_send[one.send_id], one) for one in call] for call in _calls(compositions, self._call_size(delivery))
        )
        try:
            while calls:
                self._wait()
                group = [calls.popleft() for _ in range(min(self._calls_at_once, len(calls)))]
                is_repeated, left = self._hand_over_group(delivery, group, by_send, is_again=is_again)
                is_to_be_repeated |= is_repeated
                calls.extendleft(reversed(left))
        except (ChannelUnavailable, GateBlocked) as error:
            reason = error.reason_code if isinstance(error, ChannelUnavailable) else "kill_switch"
            self._settle_undone(list(by_send.values()), reason, is_again=is_again)
            raise
        self._settle_unreachable(list(by_send.values()), is_again=is_again)
        return is_to_be_repeated

    def _hand_over_group(
        self, delivery: MessageDelivery, group: Sequence[_Call], open_claims: dict[int, Claim], *, is_again: bool
    ) -> tuple[bool, list[_Call]]:
        """Looks everything up for some calls at once, makes them one after the other, and settles them at once.

        A call is made only while nothing came in since, what was looked up is fresh, and the peer takes everything;
        what is left then has surely not been handed over, and is looked up again. What was dealt with is taken out of
        `open_claims`.

        Returns:
            Whether some messages may be taken a little later, and the calls that were not made.
        """
        messages = self._ready(delivery, [one for call in group for one in call], open_claims, is_again=is_again)
        claims = [open_claims[send_id] for send_id in messages]
        news = ledger.latest_news(self.connection, self.channel)
        begun = {one.send_id for one in self._begin(claims, open_claims, traits=delivery.traits, is_again=is_again)}
        began_at = self.monotonic()
        answered: list[tuple[Claim, Answer]] = []
        answers: Sequence[Answer] = ()
        left = deque(group)
        while left:
            call = [(claim, messages[claim.send_id]) for claim, _ in left[0] if claim.send_id in begun]
            if call:
                if answered:
                    if not self._may_go_on(left[0], answers, began_at=began_at, news=news):
                        break
                    # The calls before this one were all accepted, so that nothing is in a row any more.
                    self._in_a_row = ("", 0)
                answers = self._call(delivery, call, answered, open_claims, is_again=is_again)
                answered += zip([claim for claim, _ in call], answers, strict=True)
            left.popleft()
        seconds = self.monotonic() - began_at
        self._settle_answers(answered, open_claims, is_again=is_again)
        self._calls_at_once = self._next_calls_at_once(
            seconds, size=self._call_size(delivery), is_good=not left and _takes_everything(answers)
        )
        if answers:
            self._note(answers)
        can_repeat = bool(delivery.traits.remembers_keys_for)
        is_to_be_repeated = any(
            answer.verdict == "try_again" or (answer.verdict == "ambiguous" and can_repeat) for _, answer in answered
        )
        return is_to_be_repeated, list(left)

    def _call(
        self,
        delivery: MessageDelivery,
        call: Sequence[tuple[Claim, Message]],
        answered: Sequence[tuple[Claim, Answer]],
        open_claims: dict[int, Claim],
        *,
        is_again: bool,
    ) -> Sequence[Answer]:
        """Makes one call; if it breaks, writes down what the calls before it brought, and what is known of this one."""
        claims = [claim for claim, _ in call]
        self.observer("after_begin")
        self.pace.take(len(call))
        try:
            answers = list(delivery.deliver([message for _, message in call]))
            if len(answers) != len(call):
                raise RecallError(f"{self.terms.delivery_code} gave {len(answers)} answers to {len(call)} messages")
        except ChannelUnavailable:
            # Nothing of the call was handed over: it is settled with all the others that are left.
            self._settle_answers(answered, open_claims, is_again=is_again)
            raise
        except Exception:
            # Whatever broke, it broke while the messages were on their way.
            self._settle_answers(answered, open_claims, is_again=is_again)
            self._settle(claims, "unknown", reason_code="delivery_broke")
            for one in claims:
                del open_claims[one.send_id]
            self._settle_undone(list(open_claims.values()), "delivery_broke", is_again=is_again)
            raise
        if any(map(_is_accepted, answers)):
            self.observer("after_peer_accepted")
        return answers

    def _may_go_on(self, call: _Call, answers: Sequence[Answer], *, began_at: float, news: tuple[object, ...]) -> bool:
        """Whether the next call of a group may be made; waits for the rate if that is short."""
        wait = self.pace.wait_seconds
        if wait > FRESH_SECONDS or not _takes_everything(answers):
            return False
        if wait > 0:
            self.sleep(wait)
        if self.monotonic() - began_at > FRESH_SECONDS:
            return False
        if any(self._quiet_ends_at(composition.time_zone) for _, composition in call):
            return False
        return ledger.latest_news(self.connection, self.channel) == news

    def _next_calls_at_once(self, seconds: float, *, size: int, is_good: bool) -> int:
        """Twice as many calls where these took half the time at most; one where the peer is in trouble."""
        if not is_good:
            return 1
        if seconds > FRESH_SECONDS / 2:
            return max(1, self._calls_at_once // 2)
        most = max(1, self.pace.most_within(FRESH_SECONDS) // size)
        return min(2 * self._calls_at_once, MOST_CALLS_AT_ONCE, most)

    def _settle_answers(
        self, answered: Sequence[tuple[Claim, Answer]], open_claims: dict[int, Claim], *, is_again: bool
    ) -> None:
        """Writes down what the peer said of messages, and takes them out of `open_claims`."""
        if not answered:
            return
        self.observer("before_settle")
        accepted = [(claim, answer) for claim, answer in answered if _is_accepted(answer)]
        with self.connection.transaction():
            self._settle(
                [claim for claim, _ in accepted],
                "sent",
                references={claim.send_id: answer.reference for claim, answer in accepted if answer.reference},
            )
            for claim, answer in answered:
                if not _is_accepted(answer):
                    self._settle_answer(claim, answer, is_again=is_again)
        for claim, _ in answered:
            del open_claims[claim.send_id]
        self.newly_sent_count += len(accepted)
        self.observer("after_settle")

    def _ready(
        self,
        delivery: MessageDelivery,
        held: Sequence[tuple[Claim, Composition]],
        open_claims: dict[int, Claim],
        *,
        is_again: bool,
    ) -> dict[int, Message]:
        """Renders what may leave now, by send_id; lets those wait whose quiet hours have begun."""
        messages: dict[int, Message] = {}
        quiet: dict[str, datetime] = {}
        quiet_claims: list[Claim] = []
        for claim, composition in held:
            if claim.send_id not in open_claims:
                continue
            end = self._quiet_ends_at(composition.time_zone)
            if end is not None:
                quiet[claim.audience_id] = end
                quiet_claims.append(open_claims.pop(claim.send_id))
                continue
            try:
                messages[claim.send_id] = message_of(composition, delivery)
            except TemplateFault:
                self._settle_undone([open_claims.pop(claim.send_id)], "not_renderable", is_again=is_again)
        if is_again:
            self._settle(quiet_claims, "unknown", reason_code="quiet_hours")
        else:
            with self.connection.transaction():
                ledger.postpone(self.connection, quiet, quiet_claims)
        return messages

    def _settle_answer(self, claim: Claim, answer: Answer, *, is_again: bool) -> None:
        references = {claim.send_id: answer.reference} if answer.reference else None
        if answer.verdict == "ambiguous" or (answer.verdict == "try_again" and is_again):
            # That it was not taken this time says nothing about the first time.
            self._settle([claim], "unknown", reason_code=answer.reason_code, references=references)
        else:
            is_retryable = answer.verdict == "try_again"
            self._settle([claim], "failed", reason_code=answer.reason_code, is_retryable=is_retryable)

    def _settle_undone(self, claims: Sequence[Claim], reason: str, *, is_again: bool) -> None:
        """Settles what was not handed over this time; what was the first time stays unknown."""
        if is_again:
            self._settle(claims, "unknown", reason_code=reason)
        else:
            self._settle(claims, "failed", reason_code=reason, is_retryable=True)

    def _settle_unreachable(self, claims: Sequence[Claim], *, is_again: bool) -> None:
        """Settles claims that gave no message, because the contact point is gone."""
        if is_again:
            self._settle(claims, "unknown", reason_code="withdrawn_after_handing_over")
        else:
            self._settle(claims, "suppressed", reason_code="unreachable", is_retryable=True)

    def _note(self, answers: Sequence[Answer]) -> None:
        """Waits as long as the peer asks for, and stops the channel where the peer is in trouble."""
        self.pace.pause(max(answer.wait_seconds for answer in answers))
        verdicts = {answer.verdict for answer in answers}
        kind = verdicts.pop() if len(verdicts) == 1 else ""
        self._in_a_row = (kind, (self._in_a_row[1] if kind == self._in_a_row[0] else 0) + 1)
        most, reason = {
            "refused": (REFUSALS_IN_A_ROW, "refuses_everyone"),
            "try_again": (DELAYS_IN_A_ROW, "puts_everyone_off"),
            "ambiguous": (UNCLEAR_IN_A_ROW, "answers_unclearly"),
        }.get(kind, (0, ""))
        if most and self._in_a_row[1] >= most:
            raise ChannelUnavailable(
                reason, f"{most} calls in a row were {kind.replace('_', ' ')} ({answers[-1].reason_code})"
            )

    def _begin(
        self, claims: Sequence[Claim], open_claims: dict[int, Claim], *, traits: Traits, is_again: bool
    ) -> list[Claim]:
        """Looks everything up once more and notes that messages are about to go out; returns those that may.

        Those that may not are taken out of `open_claims`. What may be with the peer already cannot be called back: it
        stays unknown.
        """
        if not claims:
            return []
        by_entry = {one.audience_id: one for one in claims}
        with self.connection.transaction():
            for audience_id, reason in ledger.reasons_against(self.connection, list(by_entry)).items():
                claim = by_entry.pop(audience_id)
                del open_claims[claim.send_id]
                if is_again:
                    self._settle([claim], "unknown", reason_code="withdrawn_after_handing_over")
                else:
                    self._settle([claim], "suppressed", reason_code=reason, is_retryable=True)
            held = list(by_entry.values())
            begun = ledger.begin_attempts(
                self.connection,
                held,
                owner=self.owner,
                lease=self.lease,
                remembers_keys_for=traits.remembers_keys_for,
            )
        if len(begun) < len(held):
            begun_ids = {one.send_id for one in begun}
            lost = [one for one in held if one.send_id not in begun_ids]
            for one in lost:
                del open_claims[one.send_id]
            if ledger.is_stopped(self.connection, self.channel):
                self._settle_undone(lost, "kill_switch", is_again=is_again)
                self._refuse_if_stopped()
        return begun

    def _put_all_files(self, delivery: FileDelivery, started_at: datetime) -> None:
        """Puts everything due in place; of several files one is made while another is claimed and settled."""
        is_over = Event()
        size = self._claimed_at_once(delivery)

        def put(worker: _Worker, way: FileDelivery) -> None:
            while not is_over.is_set() and (batch_ids := worker._claim_files(started_at, size, traits=way.traits)):
                worker.observer("after_claim")
                worker._put_files(way, batch_ids)

        def help_out() -> int:
            with self.open_another() as (connection, way):
                assert way.kind == "files"
                helper = replace(self, connection=connection, owner=_owner(), newly_sent_count=0)
                put(helper, way)
                return helper.newly_sent_count

        if not ledger.has_more_entries_than(self.connection, self.selected_date, self.channel, size):
            put(self, delivery)
            return
        with ThreadPoolExecutor(1) as pool:
            helped = pool.submit(help_out)
            try:
                put(self, delivery)
            finally:
                is_over.set()
        self.newly_sent_count += helped.result()

    def _put_files(self, delivery: FileDelivery, batch_ids: Sequence[str]) -> None:
        """Puts the files in place to which claims were bound, one after the other."""
        for number, batch_id in enumerate(batch_ids, start=1):
            try:
                self._put_file(delivery, batch_id, is_again=False)
            except (ChannelUnavailable, GateBlocked) as error:
                reason = error.reason_code if isinstance(error, ChannelUnavailable) else "kill_switch"
                for left in batch_ids[number:]:
                    self._settle_undelivered(left, reason, is_again=False)
                raise

    def _put_files_again(self, delivery: FileDelivery) -> None:
        """Puts files in place that may or may not be there: under their own names, so that nothing is doubled."""
        with self.connection.transaction():
            batches = ledger.take_over_batches(self.connection, self.channel, owner=self.owner, lease=self.lease)
        for batch_id, members in batches.items():
            open_claims = {one.send_id: one for one in members}
            begun = self._begin(members, open_claims, traits=delivery.traits, is_again=True)
            # Where everybody is withdrawn, the file that may be there is replaced by one without rows.
            self._put_file(delivery, batch_id, is_again=True, may_be_empty=not begun)

    def _put_file(self, delivery: FileDelivery, batch_id: str, *, is_again: bool, may_be_empty: bool = False) -> None:
        """Puts one file in place with all members that still may be written to, and settles them.

        What came in since they were claimed is looked up again; a file that another worker took over is left to it.
        """
        held_count = ledger.count_held_members(self.connection, batch_id, owner=self.owner)
        if held_count is None or (not held_count and not may_be_empty):
            return
        written: list[int] = []
        faults: dict[str, list[Claim]] = {}
        try:
            if not is_again and ledger.latest_news(self.connection, self.channel) != self._news:
                members = ledger.list_members(self.connection, batch_id, owner=self.owner)
                open_claims = {one.send_id: one for one in members}
                held_count = len(self._begin(members, open_claims, traits=delivery.traits, is_again=False))
            self.observer("after_begin")
            with ledger.composing(self.connection, batch_id, owner=self.owner) as compositions:
                messages = self._messages(delivery, compositions, written, faults)
                first = next(messages, None)
                if first is None and not is_again:
                    answer = None
                else:
                    answer = delivery.deliver(Batch(batch_id, self.channel, chain([first] if first else [], messages)))
        except (ChannelUnavailable, GateBlocked) as error:
            reason = error.reason_code if isinstance(error, ChannelUnavailable) else "kill_switch"
            self._settle_undelivered(batch_id, reason, is_again=is_again)
            raise
        except Exception:
            self._settle(self._members(batch_id), "unknown", reason_code="delivery_broke")
            raise
        is_accepted = answer is not None and _is_accepted(answer)
        if is_accepted:
            self.observer("after_peer_accepted")
        self.observer("before_settle")
        sent_count = 0
        with self.connection.transaction():
            for reason, claims in faults.items():
                self._settle_undone(claims, reason, is_again=is_again)
            if len(written) + sum(map(len, faults.values())) < held_count:
                in_file = set(written)
                absent = [one for one in self._members(batch_id) if one.send_id not in in_file]
                self._settle_unreachable(absent, is_again=is_again)
            if answer is None:
                ledger.settle_file(self.connection, batch_id, "failed", member_count=0)
            elif is_accepted:
                sent_count = ledger.settle_delivered(self.connection, batch_id, owner=self.owner)
                ledger.settle_file(self.connection, batch_id, "delivered", member_count=len(written))
            else:
                self._settle(self._members(batch_id), "unknown", reason_code=answer.reason_code)
        self.newly_sent_count += sent_count
        self.observer("after_settle")

    def _members(self, batch_id: str) -> list[Claim]:
        return ledger.list_members(self.connection, batch_id, owner=self.owner)

    def _messages(
        self,
        delivery: FileDelivery,
        compositions: Iterator[Composition],
        written: list[int],
        faults: dict[str, list[Claim]],
    ) -> Iterator[Message]:
        """Renders a file's messages one by one, and notes the sends that it gives and the claims of those that fail.

        Raises:
            GateBlocked: Somebody pulled the kill switch meanwhile.
        """
        looked_at = float("-inf")
        for number, composition in enumerate(compositions):
            if number % ledger.COMPOSED_AT_ONCE == 0 and self.monotonic() - looked_at > KILL_SWITCH_SECONDS / 2:
                self._refuse_if_stopped()
                looked_at = self.monotonic()
            try:
                message = message_of(composition, delivery)
            except TemplateFault:
                failed = Claim(composition.audience_id, composition.send_id, composition.fence)
                faults.setdefault("not_renderable", []).append(failed)
                continue
            written.append(composition.send_id)
            yield message

    def _settle_undelivered(self, batch_id: str, reason: str, *, is_again: bool) -> None:
        with self.connection.transaction():
            # A file that was not put in place this time may have been the first time.
            held = self._members(batch_id)
            self._settle_undone(held, reason, is_again=is_again)
            if not is_again:
                ledger.settle_file(self.connection, batch_id, "failed", member_count=len(held))

    def _take_back(self, delivery: Delivery) -> None:
        """Takes those back out of the channel's audience who said no or are no longer lapsed."""

        def wait() -> None:
            self._wait()
            self._refuse_if_stopped()

        self.removed_count += take_back(
            self.connection,
            delivery,
            self.terms,
            day=self.selected_date,
            pace=self.pace,
            wait=wait,
            list_due=lambda since, limit: ledger.list_removals(
                self.connection, self.selected_date, self.channel, row_limit=limit, tried_before=since
            ),
        )

    def _give_up(self, delivery: Delivery, error: ChannelUnavailable) -> None:
        """Notes of everybody who still waits that the channel could not be used; the next run takes them up."""
        started_at = self._database_time()
        self.pace = Pace(None, monotonic=lambda: 0.0)
        while claims := self._claim(started_at, GIVEN_UP_AT_ONCE, traits=delivery.traits):
            self._settle(claims, "failed", reason_code=error.reason_code, is_retryable=True)

    def _settle(
        self,
        claims: Sequence[Claim],
        state: ledger.State,
        *,
        reason_code: str | None = None,
        is_retryable: bool = False,
        references: Mapping[int, str] | None = None,
    ) -> None:
        if claims:
            ledger.settle(
                self.connection,
                claims,
                state,
                reason_code=reason_code,
                is_retryable=is_retryable,
                references=references,
            )

    def _refuse_if_stopped(self) -> None:
        if ledger.is_stopped(self.connection, self.channel):
            raise GateBlocked(
                f"channel {self.channel} is stopped by the kill switch (ledger.kill_switches); nothing more is sent",
                next_command="recall status",
            )

    def _database_time(self) -> datetime:
        row = self.connection.execute("select clock_timestamp()").fetchone()
        assert row is not None
        return row[0]  # type: ignore[no-any-return]  # a timestamptz is a datetime


def _is_accepted(answer: Answer) -> bool:
    return answer.verdict == "accepted"


def _takes_everything(answers: Sequence[Answer]) -> bool:
    return all(_is_accepted(answer) and not answer.wait_seconds for answer in answers)


def _calls(compositions: Sequence[Composition], size: int) -> Iterator[list[Composition]]:
    """Sorts messages into calls: of one copy each, in the order of their keys."""

    def copy_of(one: Composition) -> tuple[str, int, str, str, str, str]:
        return one.campaign_id, one.step_number, one.arm_code, one.offer_code, one.variant_code, one.locale

    for _, members in groupby(sorted(compositions, key=copy_of), key=copy_of):
        same = list(members)
        for start in range(0, len(same), size):
            yield same[start : start + size]
