"""The ledger: who was drawn into what, and which message may be, was or might have been sent.

Every function works on a connection of the role `exporter` and leaves the commit to its caller, except where it says
otherwise. Leases run on the database's clock, so that no worker's clock decides.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, Literal, NamedTuple

import psycopg
from psycopg.rows import class_row

from recall.domain.channel import ChannelTerms
from recall.domain.coupon import SAMPLE_COUPON_CODE, Coupon, CouponKey
from recall.domain.errors import GateBlocked, RecallError, UsageError
from recall.warehouse.arrays import BigintArray, TextArray
from recall.warehouse.queries import query

State = Literal["sent", "failed", "suppressed", "unknown"]

RemovalState = Literal["done", "refused", "waiting"]

COMPOSED_AT_ONCE = 1000
"""Messages whose rows are fetched together."""

DRAWS_OF_A_CODE = 10
"""Of a million coupons one in a hundred thousand nights draws a code twice that is another's: ten times is never."""


@dataclass(frozen=True)
class Claim:
    """A message that one worker, and nobody else, may hand over.

    Attributes:
        audience_id: The entry that it is sent for.
        send_id: The send.
        fence: Number of the claim; a later claim of the same send has a greater one.
        batch_id: The file it belongs to; None for messages that go one by one.
    """

    audience_id: str
    send_id: int
    fence: int
    batch_id: str | None = None


class Composition(NamedTuple):
    """What a claimed message is made of, as compose_messages and preview_messages return it; it shows no contact.

    Attributes:
        send_id: The send; 0 in a preview.
        fence: Number of the claim; 0 in a preview.
        audience_id: The entry.
        idempotency_key: Names the send to the peer.
        contact_value: The normalised contact.
        time_zone: Zone of the user as delivered; None if unknown, and in a preview.
        coupon_code: Code of the coupon; None where the offer has none.
        campaign_id: The campaign. This and what follows is the same for many members.
        step_number: Its step.
        arm_code: The arm.
        variant_code: Variant of the copy.
        offer_code: The offer.
        selected_date: Business date for which it was selected.
        inactive_days: Days from the last key day to the selected date.
        line_name: Name of the business line.
        locale: Language of the copy.
        template_source: The frozen template; None where the arm has none.
        coupon_from_date: First business date on which the coupon can be redeemed; None where the offer has none. Like
            the three that follow.
        coupon_until_date: Last business date on which it can be redeemed.
        coupon_reward_amount: What it takes off an order, in the workspace's currency.
        coupon_threshold_amount: What the order must be worth at least; None for any order.
    """

    send_id: int
    fence: int
    audience_id: str
    idempotency_key: str
    contact_value: str
    time_zone: str | None
    coupon_code: str | None
    campaign_id: str
    step_number: int
    arm_code: str
    variant_code: str
    offer_code: str
    selected_date: date
    inactive_days: int
    line_name: str
    locale: str
    template_source: str | None
    coupon_from_date: date | None
    coupon_until_date: date | None
    coupon_reward_amount: Decimal | None
    coupon_threshold_amount: Decimal | None

    def __repr__(self) -> str:
        """Names the send only."""
        return f"Composition(send_id={self.send_id})"

    @property
    def shared(self) -> tuple[Any, ...]:
        """What is the same for many members: the values from campaign_id on."""
        return self[_OWN_VALUES:]

    @classmethod
    def of_nobody(cls, shared: tuple[Any, ...], coupon_code: str | None) -> Composition:
        """Returns what members share, as of one who has nothing of their own.

        Args:
            shared: As `shared` of one of them.
            coupon_code: Stands for the code of theirs; None where they have none.
        """
        return cls(0, 0, "", "", "", None, coupon_code, *shared)

    @property
    def coupon(self) -> Coupon | None:
        """The coupon that the message carries."""
        if (
            self.coupon_code is None
            or self.coupon_from_date is None
            or self.coupon_until_date is None
            or self.coupon_reward_amount is None
        ):
            return None
        return Coupon(
            self.coupon_code,
            self.coupon_from_date,
            self.coupon_until_date,
            self.coupon_reward_amount,
            self.coupon_threshold_amount,
        )


_OWN_VALUES = Composition._fields.index("campaign_id")


@dataclass(frozen=True)
class Removal:
    """A send whose receiver is to be taken back out of an advertising audience.

    Attributes:
        send_id: The send.
        reason_code: no_consent, no_longer_lapsed or erased.
    """

    send_id: int
    reason_code: str


@dataclass(frozen=True)
class ExpiredClaim:
    """A claim whose worker let the lease run out.

    Attributes:
        send_id: The send.
        fence: Number of the claim.
        is_attempted: Whether the message was about to be handed over, so that the peer may have it.
    """

    send_id: int
    fence: int
    is_attempted: bool


def selected_date_of(as_of_date: date) -> date:
    """Returns the day that a night selects for: the one after its as-of date.

    Args:
        as_of_date: The last business day that the night includes.
    """
    return as_of_date + timedelta(days=1)


def require_complete_build(connection: psycopg.Connection, as_of_date: date) -> None:
    """Makes sure that what is served is a finished night of that day, gates included.

    Args:
        connection: As exporter.
        as_of_date: The day whose audience is to be delivered.

    Raises:
        GateBlocked: Another day is served, or the night did not get through its gates. Nothing was sent.
    """
    served = connection.execute("select as_of_date, state from control.published").fetchone()
    command = f"recall nightly --as-of {as_of_date}"
    if served is None:
        raise GateBlocked("nothing was built yet, so there is no audience", next_command=command)
    if served[0] != as_of_date:
        raise GateBlocked(
            f"the audience served is that of {served[0]}, not of {as_of_date}; only the served one is exported",
            next_command=f"recall export --as-of {served[0]}",
        )
    if served[1] != "complete":
        raise GateBlocked(
            f"the night of {as_of_date} is {served[1]}: its audience did not get through the gate",
            next_command=command,
        )


def register_audience(connection: psycopg.Connection, selected_date: date, coupon_key: CouponKey) -> None:
    """Stores persons, holdouts, assignments, entries and coupons of a day's audience.

    Done again it changes nothing that has happened, and no code.

    Args:
        connection: As exporter.
        selected_date: The day that the audience was selected for.
        coupon_key: What the codes of new coupons are drawn with.

    Raises:
        GateBlocked: The audience contradicts an assignment stored since it was built.
    """
    night = connection.execute("select business_time_zone, global_holdout_rate from control.night").fetchone()
    if night is None:
        raise RecallError("no night was prepared yet", next_command="recall nightly")
    parameters = {"selected_date": selected_date, "zone": night[0], "holdout_rate": night[1]}
    # Two registrations at once could each store half of one audience, and a claim take entries that change.
    _wait_for_claims(connection)
    for name in ("store_persons", "store_global_holdouts", "store_assignments"):
        connection.execute(query(name), parameters)
    contradictions = connection.execute(query("count_contradictions"), parameters).fetchone()
    if contradictions is not None and contradictions[0]:
        raise GateBlocked(
            f"{contradictions[0]} members are drawn otherwise than the ledger stored since; build the night again",
            next_command=f"recall nightly --as-of {selected_date - timedelta(days=1)}",
        )
    connection.execute(query("store_entries"), parameters)
    connection.execute(query("suppress_absent_entries"), parameters)
    _issue_coupons(connection, selected_date, coupon_key)


def _issue_coupons(connection: psycopg.Connection, selected_date: date, key: CouponKey) -> None:
    """Gives a code to every member whose offer has a coupon, in one statement for all of them."""
    parameters: dict[str, Any] = {"selected_date": selected_date}
    connection.execute(query("prolong_coupons"), parameters)
    parameters |= key.paddings()
    for draw_number in range(DRAWS_OF_A_CODE):
        row = connection.execute(query("store_coupons"), parameters | {"draw_number": draw_number}).fetchone()
        if row is None or not row[0]:
            return
    raise RecallError(f"{DRAWS_OF_A_CODE} draws gave no free code for some coupons of {selected_date}")


def is_stopped(connection: psycopg.Connection, channel: str) -> bool:
    """Returns whether somebody pulled the kill switch of a channel or of all.

    Args:
        connection: As exporter.
        channel: Channel code.
    """
    found = connection.execute(
        "select 1 from ledger.kill_switches where is_stopped and channel in ('*', %s) limit 1", (channel,)
    ).fetchone()
    return found is not None


@dataclass(frozen=True)
class ClaimRequest:
    """What a worker would claim.

    Attributes:
        selected_date: The day that was selected for.
        channel: Channel code.
        owner: Name of the worker.
        lease: How long it may stay silent.
        row_limit: Entries to look at.
        tried_before: Instant of the database's clock: what failed after it is not taken up again.
        now: The instant by which quiet hours are judged.
        quiet_ends_at: Until when a user of a zone is not to be disturbed; None if it is not quiet there. None for a
            channel without quiet hours.
        is_forbidden: Whether the channel may not carry these messages at all.
    """

    selected_date: date
    channel: str
    owner: str
    lease: timedelta
    row_limit: int
    tried_before: Any
    now: datetime
    quiet_ends_at: Callable[[str | None], datetime | None] | None = None
    is_forbidden: bool = False


def claim(connection: psycopg.Connection, request: ClaimRequest) -> tuple[list[Claim], int]:
    """Takes entries that may be sent now, and suppresses those that may not; one transaction, to be committed.

    Consent, return, earlier sends and receipts are looked up with everything that is loaded by now, contact caps with
    every claim by now. Claims of all channels are made one after the other, so that no two of them can take one contact
    under two entries, or exceed a cap together.

    Args:
        connection: As exporter, in a transaction.
        request: What to claim.

    Returns:
        The claims, and how many entries were looked at; 0 if there are no more.
    """
    looked_at, sendable_count = _ask(connection, request)
    claims: list[Claim] = []
    if sendable_count:
        _claim_asked(connection, request, (), sendable_count)
        with connection.cursor(row_factory=class_row(Claim)) as cursor:
            claims = cursor.execute(query("list_claims"), prepare=False).fetchall()
    _suppress_asked(connection)
    return claims, looked_at


def claim_files(connection: psycopg.Connection, request: ClaimRequest) -> tuple[list[str], int]:
    """As `claim`, for what leaves as files: it is bound to them and about to be handed over at once.

    Args:
        connection: As exporter, in a transaction.
        request: What to claim.

    Returns:
        The files' names, sorted, and how many entries were looked at; 0 if there are no more.
    """
    looked_at, sendable_count = _ask(connection, request)
    files: list[tuple[str, str, int]] = []
    if sendable_count:
        files = connection.execute(query("open_files"), prepare=False).fetchall()
        _claim_asked(connection, request, files, sendable_count)
    _suppress_asked(connection)
    return sorted(batch_id for batch_id, _, _ in files), looked_at


# The server keeps a plan of a statement that is repeated. What is asked for can be ten entries or a hundred thousand,
# and what is good for ten takes hours for all: these statements are planned each time (prepare=False).


def _wait_for_claims(connection: psycopg.Connection) -> None:
    """Keeps all others from claiming or registering until the transaction ends."""
    connection.execute("select pg_advisory_xact_lock(hashtext('recall claim'))")


def _make_asked(connection: psycopg.Connection) -> None:
    connection.execute(query("make_asked"))
    connection.execute(query("make_families"))


def _ask(connection: psycopg.Connection, request: ClaimRequest) -> tuple[int, int]:
    """Asks for entries, in the table `asked`; returns how many were looked at, and how many of them may be sent."""
    # A worker that stops while it holds everybody up is cut off, and has claimed nothing.
    connection.execute("set local idle_in_transaction_session_timeout = '30s'")
    _wait_for_claims(connection)
    _make_asked(connection)
    looked_at = connection.execute(
        query("pick_entries"),
        {
            "selected_date": request.selected_date,
            "channel": request.channel,
            "run_started_at": request.tried_before,
            "row_limit": request.row_limit,
            "now": request.now,
            "has_quiet_hours": request.quiet_ends_at is not None,
        },
        prepare=False,
    ).rowcount
    if not looked_at:
        return 0, 0
    if request.is_forbidden:
        connection.execute("update asked set reason_code = 'channel_policy'")
        return looked_at, 0
    if request.quiet_ends_at is not None:
        _let_quiet_wait(connection, request.quiet_ends_at)
    _judge_asked(connection)
    _note_told(connection)
    connection.execute(query("beyond_caps"), prepare=False)
    row = connection.execute("select count(*) from asked where reason_code is null").fetchone()
    assert row is not None
    return looked_at, row[0]


def _let_quiet_wait(connection: psycopg.Connection, quiet_ends_at: Callable[[str | None], datetime | None]) -> None:
    """Postpones those asked for where they are not to be disturbed now, and asks for them no more."""
    zones = connection.execute("select distinct time_zone from asked").fetchall()
    ends = {zone: end for (zone,) in zones if (end := quiet_ends_at(zone)) is not None}
    for zone, end in ends.items():
        rows = connection.execute(
            "delete from asked where time_zone is not distinct from %s returning audience_id", (zone,)
        ).fetchall()
        postpone(connection, {str(audience_id): end for (audience_id,) in rows})


def _claim_asked(
    connection: psycopg.Connection, request: ClaimRequest, files: Sequence[tuple[str, str, int]], count: int
) -> None:
    """Claims what is asked for and may be sent, bound to files (name, campaign, step) or to none."""
    claimed = connection.execute(
        query("claim_sends"),
        {
            "owner": request.owner,
            "lease": request.lease,
            "batch_ids": [batch_id for batch_id, _, _ in files],
            "campaign_ids": [campaign_id for _, campaign_id, _ in files],
            "step_numbers": [step_number for _, _, step_number in files],
        },
        prepare=False,
    ).rowcount
    if claimed < count:
        connection.execute(query("note_not_claimed"), {"owner": request.owner}, prepare=False)
    connection.execute(query("mark_asked_claimed"), prepare=False)


def _suppress_asked(connection: psycopg.Connection) -> None:
    """Writes down what must not be sent, with its reason."""
    if connection.execute(query("suppress_asked"), prepare=False).rowcount:
        connection.execute(query("note_suppressed_sends"), prepare=False)


def has_more_entries_than(connection: psycopg.Connection, selected_date: date, channel: str, count: int) -> bool:
    """Returns whether more entries than so many wait, or may be tried again.

    Args:
        connection: As exporter.
        selected_date: The day that was selected for.
        channel: Channel code.
        count: How many.
    """
    found = connection.execute(
        "select 1 from ledger.entries where selected_date = %s and channel = %s and not is_over"
        " and state in ('waiting', 'failed') offset %s limit 1",
        (selected_date, channel, count),
    ).fetchone()
    return found is not None


def postpone(connection: psycopg.Connection, waits_until: Mapping[str, datetime], claims: Sequence[Claim] = ()) -> None:
    """Lets entries wait for the end of the quiet hours where their users live.

    Args:
        connection: As exporter.
        waits_until: Until when, by audience_id.
        claims: What this worker had claimed of them, and lets go of.
    """
    if waits_until:
        parameters = {"audience_ids": list(waits_until), "waits_until": list(waits_until.values())}
        connection.execute(query("postpone_entries"), parameters | _held(claims))


def reasons_against(connection: psycopg.Connection, audience_ids: Sequence[str]) -> dict[str, str]:
    """Returns the entries that must not be sent now, each with the first reason.

    Args:
        connection: As exporter, in a transaction.
        audience_ids: Entries to look up.
    """
    _make_asked(connection)
    connection.execute("delete from asked")
    connection.execute("delete from families")
    connection.execute(query("ask_entries"), {"audience_ids": TextArray(audience_ids)}, prepare=False)
    _judge_asked(connection)
    return dict(
        connection.execute("select audience_id, reason_code from asked where reason_code is not null").fetchall()
    )


def _judge_asked(connection: psycopg.Connection) -> None:
    connection.execute(query("find_families"), prepare=False)
    connection.execute(query("judge_asked"), prepare=False)


def _note_told(connection: psycopg.Connection) -> None:
    """Settles those asked for whose message a peer has by its own word, though the ledger did not know.

    So it is after a restore: what was sent since the backup is not in the ledger, but its receipts may be there.
    """
    told = [str(row[0]) for row in connection.execute(query("note_told_sends"), prepare=False)]
    if told:
        connection.execute(query("store_landed_receipts_of_entries"), {"audience_ids": TextArray(told)})
        connection.execute(query("match_receipts"))
        connection.execute("select ledger.write_refusals(null)")


def latest_news(connection: psycopg.Connection, channel: str) -> tuple[Any, ...]:
    """Returns what is different as soon as anything came in that could forbid a message of a channel.

    Args:
        connection: As exporter.
        channel: Channel code.
    """
    row = connection.execute(query("latest_news"), {"channel": channel}).fetchone()
    assert row is not None
    return row


def begin_attempts(
    connection: psycopg.Connection,
    claims: Sequence[Claim],
    *,
    owner: str,
    lease: timedelta,
    remembers_keys_for: timedelta = timedelta(0),
) -> list[Claim]:
    """Notes that messages are about to be handed over; from then on a lost worker leaves them unknown.

    Args:
        connection: As exporter; the caller commits before it hands anything over.
        claims: What this worker claimed.
        owner: Name of this worker.
        lease: How long it may stay silent from now on.
        remembers_keys_for: How long the peer recognises a key; zero if it keeps none.

    Returns:
        The claims that may be handed over: still held, and nobody pulled the kill switch.
    """
    rows = connection.execute(
        query("begin_attempts"),
        _held(claims) | {"owner": owner, "lease": lease, "remembers_keys_for": remembers_keys_for},
    ).fetchall()
    begun = {row[0] for row in rows}
    return [one for one in claims if one.send_id in begun]


def count_held_members(connection: psycopg.Connection, batch_id: str, *, owner: str) -> int | None:
    """Returns how many messages of a file a worker holds; None if it lost one, to another worker or to time.

    Args:
        connection: As exporter.
        batch_id: Name of the file.
        owner: Name of the worker.
    """
    row = connection.execute(query("count_held_members"), {"batch_id": batch_id, "owner": owner}).fetchone()
    return row[0] if row else None


def list_members(connection: psycopg.Connection, batch_id: str, *, owner: str) -> list[Claim]:
    """Returns the claims of a file that a worker has, in the order in which they were made.

    Args:
        connection: As exporter.
        batch_id: Name of the file.
        owner: Name of the worker.
    """
    with connection.cursor(row_factory=class_row(Claim)) as cursor:
        return cursor.execute(query("list_members"), {"batch_id": batch_id, "owner": owner}).fetchall()


def settle_delivered(connection: psycopg.Connection, batch_id: str, *, owner: str) -> int:
    """Writes down that the peer has all messages of a file that a worker still has.

    Args:
        connection: As exporter.
        batch_id: Name of the file.
        owner: Name of the worker.

    Returns:
        How many they are.
    """
    return connection.execute(query("settle_delivered"), {"batch_id": batch_id, "owner": owner}).rowcount


def settle(
    connection: psycopg.Connection,
    claims: Iterable[Claim | ExpiredClaim],
    state: State,
    *,
    reason_code: str | None = None,
    is_retryable: bool = False,
    references: Mapping[int, str] | None = None,
) -> int:
    """Writes down what became of messages.

    Args:
        connection: As exporter.
        claims: Claims of this worker, or expired ones.
        state: sent, failed, suppressed or unknown.
        reason_code: Why; None for sent.
        is_retryable: Whether a later run may claim the key again.
        references: What the peer calls the messages, by send_id; left out where it told nothing.

    Returns:
        How many were still this worker's to settle.
    """
    held = _held(list(claims))
    names = references or {}
    return connection.execute(
        query("settle_sends"),
        held
        | {
            "state": state,
            "reason_code": reason_code,
            "is_retryable": is_retryable,
            "references": TextArray(names.get(send_id, "") for send_id in held["send_ids"]),
        },
    ).rowcount


def settle_expired(connection: psycopg.Connection, channel: str, *, is_repeatable: bool) -> int:
    """Settles claims of workers that are gone: unknown where the peer may have the message, else to be tried again.

    Args:
        connection: As exporter.
        channel: Channel code.
        is_repeatable: Whether delivering again replaces; such files are left to `take_over_batches`.

    Returns:
        How many claims were settled.
    """
    with connection.cursor(row_factory=class_row(ExpiredClaim)) as cursor:
        expired = cursor.execute(
            query("list_expired_claims"), {"channel": channel, "is_repeatable": is_repeatable}
        ).fetchall()
    attempted = [one for one in expired if one.is_attempted]
    untouched = [one for one in expired if not one.is_attempted]
    count = settle(connection, attempted, "unknown", reason_code="worker_lost_after_handing_over")
    return count + settle(
        connection, untouched, "failed", reason_code="worker_lost_before_handing_over", is_retryable=True
    )


def has_claims_of_others(connection: psycopg.Connection, selected_date: date, channel: str) -> bool:
    """Returns whether entries of the day are claimed by workers that may still be alive.

    Args:
        connection: As exporter.
        selected_date: The day that was selected for.
        channel: Channel code.
    """
    found = connection.execute(
        "select 1 from ledger.entries where selected_date = %s and channel = %s and not is_over and state = 'claimed'"
        " limit 1",
        (selected_date, channel),
    ).fetchone()
    return found is not None


def settle_file(
    connection: psycopg.Connection, batch_id: str, state: Literal["delivered", "failed"], *, member_count: int
) -> None:
    """Writes down what became of a file of which nobody holds a message any more; it stays open while somebody does.

    Args:
        connection: As exporter.
        batch_id: Name of the file.
        state: What became of it.
        member_count: Messages in it.
    """
    connection.execute(query("settle_file"), {"batch_id": batch_id, "state": state, "member_count": member_count})


def take_over_batches(
    connection: psycopg.Connection, channel: str, *, owner: str, lease: timedelta
) -> dict[str, list[Claim]]:
    """Claims the members of files that may or may not be in place.

    Args:
        connection: As exporter.
        channel: Channel code.
        owner: Name of this worker.
        lease: How long it may stay silent.

    Returns:
        The claims by batch_id.
    """
    with connection.cursor(row_factory=class_row(Claim)) as cursor:
        claims = cursor.execute(
            query("take_over_batches"), {"channel": channel, "owner": owner, "lease": lease}
        ).fetchall()
    connection.execute(query("mark_entries_claimed"), {"audience_ids": TextArray(one.audience_id for one in claims)})
    batches: dict[str, list[Claim]] = {}
    for one in claims:
        assert one.batch_id is not None
        batches.setdefault(one.batch_id, []).append(one)
    return batches


def take_over_repeatable(
    connection: psycopg.Connection, channel: str, *, owner: str, lease: timedelta, row_limit: int, tried_before: Any
) -> list[Claim]:
    """Claims messages that may have reached a peer which still recognises their keys, to hand them over once more.

    Args:
        connection: As exporter.
        channel: Channel code.
        owner: Name of this worker.
        lease: How long it may stay silent.
        row_limit: Messages at most.
        tried_before: Instant of the database's clock: what became unknown after it is left to a later pass.
    """
    with connection.cursor(row_factory=class_row(Claim)) as cursor:
        claims = cursor.execute(
            query("take_over_repeatable"),
            {
                "channel": channel,
                "owner": owner,
                "lease": lease,
                "row_limit": row_limit,
                "run_started_at": tried_before,
            },
        ).fetchall()
    connection.execute(query("mark_entries_claimed"), {"audience_ids": TextArray(one.audience_id for one in claims)})
    return claims


def resumes_at(connection: psycopg.Connection, selected_date: date, channel: str) -> datetime | None:
    """Returns when the first of those who wait for the end of their quiet hours may be sent to; None if nobody waits.

    Args:
        connection: As exporter.
        selected_date: The day that was selected for.
        channel: Channel code.
    """
    row = connection.execute(
        "select min(waits_until) from ledger.entries"
        " where selected_date = %s and channel = %s and not is_over and state = 'waiting'"
        " and reason_code = 'quiet_hours'",
        (selected_date, channel),
    ).fetchone()
    return row[0] if row else None


def channel_terms(connection: psycopg.Connection, channel: str, as_of_date: date) -> ChannelTerms:
    """Returns the row of channels.csv in force for a channel.

    Args:
        connection: As exporter.
        channel: Channel code.
        as_of_date: The day whose audience is served.

    Raises:
        UsageError: The channel is not listed.
    """
    with connection.cursor(row_factory=class_row(ChannelTerms)) as cursor:
        terms = cursor.execute(query("channel_terms"), {"channel": channel, "day": as_of_date}).fetchone()
    if terms is None:
        raise UsageError(f"{channel}: no such channel in definitions/channels.csv", next_command="recall doctor")
    return terms


def business_time_zone(connection: psycopg.Connection) -> str:
    """Returns the business time zone of the night that is served.

    Args:
        connection: As exporter.
    """
    row = connection.execute("select business_time_zone from control.night").fetchone()
    if row is None:
        raise RecallError("no night was prepared yet", next_command="recall nightly")
    return str(row[0])


def list_removals(
    connection: psycopg.Connection, selected_date: date, channel: str, *, row_limit: int, tried_before: Any
) -> list[Removal]:
    """Returns whom to take back out of a channel's audience: whoever said no, and whoever is no longer lapsed.

    Args:
        connection: As exporter.
        selected_date: The day that was selected for.
        channel: Channel code.
        row_limit: Sends at most.
        tried_before: Instant of the database's clock: what was put off after it is left to a later run.
    """
    with connection.cursor(row_factory=class_row(Removal)) as cursor:
        return cursor.execute(
            query("list_removals"),
            {
                "selected_date": selected_date,
                "channel": channel,
                "row_limit": row_limit,
                "run_started_at": tried_before,
            },
        ).fetchall()


def list_erased_members(
    connection: psycopg.Connection, channel: str, *, row_limit: int, tried_before: Any
) -> list[Removal]:
    """Returns the erased persons who are still in a channel's audience.

    Args:
        connection: As exporter.
        channel: Channel code.
        row_limit: Sends at most.
        tried_before: Instant of the database's clock: what was put off after it is left to a later run.
    """
    with connection.cursor(row_factory=class_row(Removal)) as cursor:
        return cursor.execute(
            query("list_erased_members"),
            {"channel": channel, "row_limit": row_limit, "run_started_at": tried_before},
        ).fetchall()


def note_removals(
    connection: psycopg.Connection, channel: str, answers: Mapping[Removal, tuple[RemovalState, str]]
) -> None:
    """Writes down what became of taking people back.

    Args:
        connection: As exporter.
        channel: Channel code.
        answers: State and what the peer said, empty if done.
    """
    connection.execute(
        query("note_removals"),
        {
            "channel": channel,
            "send_ids": [one.send_id for one in answers],
            "reason_codes": [one.reason_code for one in answers],
            "states": [state for state, _ in answers.values()],
            "answer_codes": [code for _, code in answers.values()],
        },
    )


def compose(connection: psycopg.Connection, claims: Sequence[Claim | Removal]) -> list[Composition]:
    """Returns what messages are made of, in the order of their keys.

    Args:
        connection: As exporter.
        claims: What this worker claimed, or is to take back.
    """
    with connection.cursor(row_factory=_composition) as cursor:
        return cursor.execute(
            query("compose_messages"),
            {"send_ids": BigintArray(one.send_id for one in claims), "owner": None, "has_time_zones": True},
        ).fetchall()


@contextmanager
def composing(connection: psycopg.Connection, batch_id: str, *, owner: str) -> Iterator[Iterator[Composition]]:
    """Gives what messages of a file are made of one by one, in the order of their keys; they need not fit into memory.

    Args:
        connection: As exporter, each statement by itself; others may be run meanwhile.
        batch_id: Name of the file.
        owner: Name of the worker that claimed them.
    """
    row = connection.execute(query("list_send_ids"), {"batch_id": batch_id, "owner": owner}).fetchone()
    assert row is not None
    parameters = {"send_ids": BigintArray(row[0]), "owner": owner, "has_time_zones": False}
    # All of it is read: what gives the first rows soonest would take hours for the last ones.
    connection.execute("set cursor_tuple_fraction = 1")
    with connection.cursor("compositions", row_factory=_composition, withhold=True) as portal:
        portal.itersize = COMPOSED_AT_ONCE
        yield iter(portal.execute(query("compose_messages"), parameters))


def preview(
    connection: psycopg.Connection, selected_date: date, channel: str, *, row_limit: int | None = None
) -> list[Composition]:
    """Returns what an export would deliver, in the order of keys, with a sample of a coupon's code; touches nothing.

    Args:
        connection: As exporter.
        selected_date: The day that was selected for.
        channel: Channel code.
        row_limit: The first so many; None for all.
    """
    with connection.cursor(row_factory=_composition) as cursor:
        return cursor.execute(
            query("preview_messages"),
            {
                "selected_date": selected_date,
                "channel": channel,
                "row_limit": row_limit,
                "sample_code": SAMPLE_COUPON_CODE,
            },
        ).fetchall()


def file_name(connection: psycopg.Connection, channel: str, members: Sequence[Composition]) -> str:
    """Names the file that members of one campaign and step would leave in, as `claim` does.

    Args:
        connection: As exporter.
        channel: Channel code.
        members: At least one.
    """
    one = members[0]
    row = connection.execute(
        "select ledger.file_name(%s, %s, %s, %s, ledger.members_digest(%s))",
        (
            channel,
            one.selected_date,
            one.campaign_id,
            one.step_number,
            TextArray(member.idempotency_key for member in members),
        ),
    ).fetchone()
    assert row is not None
    return str(row[0])


def _composition(cursor: psycopg.Cursor[Any]) -> Callable[[Sequence[Any]], Composition]:
    """Makes rows of queries that name the fields in their order; by keyword a hundred thousand of them take long."""
    names = tuple(column.name for column in cursor.description or ())
    if names and names != Composition._fields:
        raise AssertionError(f"expected the columns {Composition._fields}, not {names}")
    return Composition._make


def counts(connection: psycopg.Connection, selected_date: date, channel: str) -> dict[tuple[str, str], int]:
    """Returns how many entries of a day and channel are in which state, for which reason (empty for none).

    Args:
        connection: As exporter.
        selected_date: The day that was selected for.
        channel: Channel code.
    """
    rows = connection.execute(query("count_entries"), {"selected_date": selected_date, "channel": channel}).fetchall()
    return {(state, reason): count for state, reason, count in rows}


def _held(claims: Sequence[Claim | ExpiredClaim]) -> dict[str, Any]:
    return {
        "send_ids": BigintArray(one.send_id for one in claims),
        "fences": BigintArray(one.fence for one in claims),
    }
