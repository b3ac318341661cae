"""One round: exports that are killed, frozen, doubled and lied to, in an order that the round's seed decides."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random

from tests.faults.nemesis.arena import Arena, RoundWarehouse
from tests.faults.nemesis.peers import Journal
from tests.faults.nemesis.people import LAND_CONSENT, Member, consent_row, draw_people, settle_people
from tests.faults.nemesis.verdict import Told, Verdict, judge
from tests.faults.nemesis.worker import LEASE, Order, Worker

from recall.warehouse.receipts import ToldReceipt, note_receipts

NOON = datetime(2026, 3, 11, 12, tzinfo=UTC)
MORNING = datetime(2026, 3, 12, 2, tzinfo=UTC)
"""Day in Shanghai, where it was evening at noon."""
NIGHT = datetime(2026, 3, 11, 23, tzinfo=UTC)
CHANNELS = ("email", "sms", "gift", "welfare")
MOMENTS = ("before_claim", "after_claim", "after_begin", "after_peer_accepted", "before_settle", "after_settle")
ACCIDENTS = ("kill", "database", "freeze")
WORDS = ("opt_out", "return", "kill_switch", "night_falls", "receipt", "unsubscribe")
MOST_STEPS = 2000
SLEEP_SCALE = 10
"""A second that the engine sleeps is ten of the database's clock, so that leases run out soon."""


@dataclass
class Ambush:
    """What happens to a worker where.

    Attributes:
        moment: Labelled moment.
        after: How often it passes that moment before.
        event: What happens then.
    """

    moment: str
    after: int
    event: str


@dataclass
class Result:
    """What became of a round.

    Attributes:
        seed: Repeats it.
        verdict: What was found wrong, and the counts.
        faults: What was done to it, by name.
    """

    seed: int
    verdict: Verdict
    faults: Counter[str]


def fight(arena: Arena, seed: int, *, sender: str = "recall") -> Result:
    """Fights one round.

    Args:
        arena: The place.
        seed: Decides everything that is drawn.
        sender: Who sends; one of SENDERS.
    """
    with arena.warehouse() as warehouse:
        return _Round(arena, warehouse, Random(seed), sender).fight(seed)


@dataclass
class _Round:
    arena: Arena
    warehouse: RoundWarehouse
    random: Random
    sender: str
    faults: Counter[str] = field(default_factory=Counter)
    workers: list[Worker] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)

    def fight(self, seed: int) -> Result:
        """Sets up, lets things happen, mends everything, and compares."""
        self.channels: Sequence[str] = self.random.sample(CHANNELS, 2)
        self.members: list[Member] = draw_people(self.random, self.channels)
        self.cap = self.random.choice((None, None, 1))
        self.journal = Journal(NOON)
        self.told = Told(self.journal.tick)
        peers = self.arena.peers
        peers.begin(self.journal, Random(self.random.random()), sorted({one.contact for one in self.members}))
        peers.on_acceptance = self._kill_whoever_runs
        with self.warehouse.connect() as connection:
            settle_people(connection, self.members, self.arena.campaign_version)
            if self.cap is not None:
                connection.execute(
                    "insert into definitions.contact_caps (window_days, max_count, valid_from)"
                    " values (7, %s, '2020-01-01')",
                    (self.cap,),
                )
        for _ in range(self.random.randint(1, 3)):
            self._act()
        self._mend()
        return Result(seed, self._judge(), self.faults)

    # What happens.

    def _act(self) -> None:
        """One export or two at once, with accidents in the middle of them."""
        if self.random.random() < 0.4:
            how = self.random.choice(("before_rename", "after_rename", "while_writing"))
            self.arena.peers.cut_files(how)
            self.faults[f"file cut {how}"] += "gift" in self.channels
        channel = self.channels[0] if self.random.random() < 0.75 else self.channels[1]
        kind = self.random.choice(("alone", "alone", "twice", "both", "race"))
        if kind == "race":
            self._race(channel)
        else:
            others = {"alone": [], "twice": [channel], "both": [one for one in self.channels if one != channel]}
            if kind != "alone":
                self.faults[f"two runs at once, {'same channel' if kind == 'twice' else 'two channels'}"] += 1
            for each in (channel, *others[kind]):
                self._start(each)
            self._step_all({worker: self._draw_ambushes() for worker in self.workers})
        self.arena.peers.cut_files("never")

    def _draw_ambushes(self) -> list[Ambush]:
        return [
            Ambush(
                self.random.choice(MOMENTS),
                self.random.choice((0, 0, 1, 2, 4)),
                self.random.choice(ACCIDENTS if self.random.random() < 0.5 else WORDS),
            )
            for _ in range(self.random.choice((0, 1, 1, 2)))
        ]

    def _start(self, *channels: str, is_stepped: bool = True) -> Worker:
        worker = Worker(
            [
                Order(
                    self.warehouse.home.root, channel, self.arena.peers.environment, self.sender, is_stepped,
                    self.journal.clock,
                )
                for channel in channels
            ]
        )  # fmt: skip
        self.workers.append(worker)
        if is_stepped:
            worker.wait()
        return worker

    def _step_all(self, ambushes: dict[Worker, list[Ambush]]) -> None:
        """Lets one worker at a time run to its next moment, whose turn it is being drawn, until all are over."""
        passed: Counter[tuple[int, str]] = Counter()
        for _ in range(MOST_STEPS):
            self._bury()
            if not self.workers:
                return
            worker = self.random.choice(self.workers)
            moment = worker.moment or ""
            for ambush in ambushes.get(worker, []):
                if ambush.moment == moment and ambush.after == passed[id(worker), moment]:
                    self._happen(ambush.event, worker)
            passed[id(worker), moment] += 1
            if not worker.is_over:
                self._step(worker)
        self.broken.append(f"no end after {MOST_STEPS} steps")
        for worker in self.workers:
            worker.kill()
            worker.wait()
        self._bury()

    def _step(self, worker: Worker) -> None:
        if worker.moment == "sleep":
            self._pass_time(timedelta(seconds=SLEEP_SCALE))
        worker.let_go(self.journal.clock)
        worker.wait()
        self.arena.peers.scan_files()

    def _race(self, channel: str) -> None:
        """Two exports of one channel that nobody steps; one of them may be killed at any instant."""
        self.faults["two runs racing"] += 1
        first, second = self._start(channel, is_stepped=False), self._start(channel, is_stepped=False)
        if self.random.random() < 0.5:
            self.faults["kill at any instant"] += 1
            if not first.has_told(self.random.uniform(0.02, 0.3)):
                first.kill()
        self._finish(first)
        self._finish(second)
        self._bury()

    def _finish(self, worker: Worker) -> None:
        while worker.wait() is not None:
            if worker.moment == "sleep":
                self._pass_time(timedelta(seconds=SLEEP_SCALE))
            self.arena.peers.scan_files()
            worker.let_go(self.journal.clock)
        self.arena.peers.scan_files()

    def _bury(self) -> None:
        """Forgets workers that are over, and judges what they died of."""
        for worker in [one for one in self.workers if one.is_over]:
            self.workers.remove(worker)
            # Whoever was killed has fewer endings than orders.
            for order, ending in zip(worker.orders, worker.endings, strict=False):
                if ending.kind in ("", "GateBlocked", "RecallError"):
                    continue
                is_database = ending.kind in ("OperationalError", "AdminShutdown", "InterfaceError", "CrashShutdown")
                if not (is_database and self.faults["database"]):
                    self.broken.append(f"an export of {order.channel} broke: {ending.kind}: {ending.detail}")

    # What may happen at a moment.

    def _happen(self, event: str, worker: Worker) -> None:
        self.faults[event] += 1
        if event in WORDS:
            # What was begun may be on its way; a word that comes now is too late for it, and for nothing else.
            for each in list(self.workers):
                while not each.is_over and each.moment == "after_begin":
                    self._step(each)
        events: dict[str, Callable[[Worker], None]] = {
            "kill": self._kill,
            "database": self._lose_database,
            "freeze": self._freeze,
            "opt_out": self._opt_out,
            "return": self._return,
            "kill_switch": self._pull_kill_switch,
            "night_falls": self._night_falls,
            "receipt": self._tell_receipts,
            "unsubscribe": self._unsubscribe,
        }
        events[event](worker)

    def _kill(self, worker: Worker) -> None:
        worker.kill()
        worker.wait()

    def _lose_database(self, worker: Worker) -> None:
        self.warehouse.kept.close()
        self.arena.lose_database()

    def _freeze(self, worker: Worker) -> None:
        """The worker sleeps past its lease, another export takes over, and it wakes up again."""
        self._pass_time(10 * LEASE)
        other = self._start(worker.order.channel)
        while not other.is_over:
            self._step(other)

    def _opt_out(self, worker: Worker) -> None:
        member = self.random.choice(self.members)
        self._begin_load()
        self._run(LAND_CONSENT, *consent_row(member.user_id, member.channel, False, "2026-03-11 12:00+00"))
        self.told.no(member.user_id, member.channel)

    def _return(self, worker: Worker) -> None:
        member = self.random.choice(self.members)
        self._begin_load()
        self._run("insert into audiences.int_key_behaviours__unseen values (%s, 'all', '2026-03-11')", member.user_id)
        self.told.returned(member.user_id)

    def _begin_load(self) -> None:
        self._run("insert into control.loads (state) values ('done')")

    def _pull_kill_switch(self, worker: Worker) -> None:
        channel = self.random.choice(("*", worker.order.channel))
        self._run(
            "insert into ledger.kill_switches (channel, is_stopped) values (%s, true)"
            " on conflict (channel) do update set is_stopped = true",
            channel,
        )
        self.told.stopped(channel)

    def _night_falls(self, worker: Worker) -> None:
        self.journal.clock = NIGHT

    def _tell_receipts(self, worker: Worker) -> None:
        """Some of what a peer has is told, be the answer written down yet or not."""
        known = [one for one in self.journal.accepted if one.channel == worker.order.channel]
        self._note("delivered", self.random.sample(known, min(len(known), 3)))

    def _unsubscribe(self, worker: Worker) -> None:
        known = [one for one in self.journal.accepted if one.channel == worker.order.channel]
        if not known:
            return
        message = self.random.choice(known)
        self._note(self.random.choice(("unsubscribed", "complained")), [message])
        self.told.refused_by_receipt(message.key, message.channel)

    def _note(self, event: str, messages: Sequence[object]) -> None:
        by_channel: dict[str, list[ToldReceipt]] = {}
        for one in messages:
            receipt = ToldReceipt(f"{one.key}:{event}", event, NOON, one.key, "")  # type: ignore[attr-defined]
            by_channel.setdefault(one.channel, []).append(receipt)  # type: ignore[attr-defined]
        with self.warehouse.connect("exporter", autocommit=True) as connection:
            for channel, receipts in by_channel.items():
                note_receipts(connection, channel, receipts)

    def _kill_whoever_runs(self) -> None:
        """A peer took the message; whoever gave it dies before the answer."""
        self.faults["kill before the answer"] += 1
        for worker in self.workers:
            if worker.moment is None and not worker.is_over:
                worker.kill()

    def _pass_time(self, time: timedelta) -> None:
        """Moves everything in the ledger that runs on the database's clock."""
        self._run(
            "update ledger.sends set lease_expires_at = lease_expires_at - %s, claimed_at = claimed_at - %s,"
            " attempted_at = attempted_at - %s, settled_at = settled_at - %s, repeatable_until = repeatable_until - %s",
            *([time] * 5),
        )

    def _run(self, statement: str, *values: object) -> None:
        with self.warehouse.connect() as connection:
            connection.execute(statement.encode(), values)

    # The end.

    def _mend(self) -> None:
        """Everything works again, and the exports are simply run again, by day for everybody."""
        self.arena.peers.heal()
        self.arena.peers.on_acceptance = lambda: None
        self._run("update ledger.kill_switches set is_stopped = false")
        self.told.released()
        self._pass_time(10 * LEASE)
        for clock in (NOON, MORNING):
            self.journal.clock = clock
            first, second = self.channels
            self._finish(self._start(first, first, second, second, is_stepped=False))
            self._bury()

    def _judge(self) -> Verdict:
        """Compares twice: as it is, and when the peers have told what they have."""
        verdict = Verdict(list(self.broken))
        with self.warehouse.connect() as connection:
            judge(verdict, connection, self.members, self.journal.accepted, self.told, self.cap, self.arena.peers)
        count = len(self.journal.accepted)
        self._note("delivered", self.journal.accepted)
        self._finish(self._start(*self.channels, is_stepped=False))
        self._bury()
        with self.warehouse.connect() as connection:
            verdict.settled(connection, self.journal.accepted)
        if len(self.journal.accepted) > count:
            verdict.found.append(f"{len(self.journal.accepted) - count} messages more when there was nothing to do")
        verdict.found += [one for one in self.broken if one not in verdict.found]
        return verdict
