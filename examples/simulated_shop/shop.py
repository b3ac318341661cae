"""One day after the other: who comes, who buys, who stops and why, who returns."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from examples.simulated_shop import columns as text
from examples.simulated_shop.catalogue import Catalogue
from examples.simulated_shop.columns import Numbers
from examples.simulated_shop.customers import NO_REASON, Customers, Users
from examples.simulated_shop.events import Day
from examples.simulated_shop.registry import Registry
from examples.simulated_shop.settings import (
    ARMS,
    BASE_HAZARDS,
    CAMPAIGN_ID,
    CAMPAIGN_RATE,
    DURABLE_CATEGORIES,
    EFFECT_DAYS,
    EVENTS,
    LAYER_FACTORS,
    NEVER,
    NEVER_ACTIVATED_RATE,
    PHASE_KEY_DAYS,
    REASONS,
    LayerScale,
    Settings,
    read_lines,
)

FADING_KEY_DAYS = 4
"""Of a phase that ends because the content is stale, the last key days bring no visits."""

DECOY_RATE = 0.003
"""Daily share of absent customers who place an order that is cancelled two days later."""

UNKNOWN_PRODUCT_RATE = 0.1
VISIT_CHANNELS = ("app", "web", "wechat")


class Shop:
    """The shop from its first to its last day.

    Args:
        settings: Its size and seed.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.lines = read_lines()
        self.scale = LayerScale()
        draw = np.random.default_rng([settings.seed, 0])
        self.catalogue = Catalogue(settings, self.lines)
        self.users = Users(settings, draw)
        self.customers = Customers(settings, self.lines, self.users, self.catalogue, draw)
        self._registry = Registry(settings, self.catalogue, self.users)
        self.hazards = np.array(
            [[BASE_HAZARDS[line.line_id] * LAYER_FACTORS[code] for code in self.scale.codes] for line in self.lines]
        )
        self.line_ids = tuple(line.line_id for line in self.lines)
        self.is_visited = np.zeros(len(self.lines), dtype=bool)
        self._next = dict.fromkeys(("order", "visit", "session", "feedback", "refund", "touch", "redemption"), 0)
        self._due: dict[int, list[tuple[str, Any]]] = {}

    def live(self, today: int) -> Day:
        """Lets one day happen; days must be asked for in order.

        Args:
            today: Number of the day, from 0.

        Returns:
            Its rows and its truth.
        """
        draw = np.random.default_rng([self.settings.seed, 2, today])
        day = Day()
        customers = self.customers
        customers.begin_day(today)
        self._registry.list_products(day, today)
        self._registry.register(draw, day, today)
        self._registry.change_tiers(draw, day, today)
        self._follow_up(draw, day, today)
        self._touch(draw, day, today)
        returned = self._return(draw, day, today)
        key = np.flatnonzero((customers.next_day == today) | returned)
        self._begin_phases(draw, key, returned)
        self._act(draw, day, key, today)
        self._look_around(draw, day, today)
        self._place_decoys(draw, day, today)
        self._move_on(draw, day, key, today)
        self._lapse(day, today)
        return day

    def _number(self, kind: str, count: int) -> Numbers:
        begin = self._next[kind]
        self._next[kind] = begin + count
        return np.arange(begin, begin + count)

    def _date(self, today: int) -> str:
        return self.settings.date_of(today).isoformat()

    def _seconds(self, draw: np.random.Generator, today: int, count: int) -> Numbers:
        return text.draw_seconds(draw, self.settings.date_of(today), count)

    # Campaign and return --------------------------------------------------------------------------------------------

    def _touch(self, draw: np.random.Generator, day: Day, today: int) -> None:
        """Yesterday's lapsed customers enter the campaign, each user once, at today's first moment."""
        customers = self.customers
        lapsed = np.flatnonzero(customers.is_lapsed & (customers.last_key_day + customers.lapse_days == today - 1))
        lapsed = lapsed[~self.users.is_entered[customers.user[lapsed]]]
        _, places = np.unique(customers.user[lapsed], return_index=True)
        who = lapsed[places]
        who = who[draw.random(len(who)) < CAMPAIGN_RATE]
        if not len(who):
            return
        arm = draw.choice(len(ARMS), len(who), p=[arm.weight for arm in ARMS])
        self.users.is_entered[customers.user[who]] = True
        customers.arm[who] = arm
        customers.touched_day[who] = today
        factors = np.array([entry.hazard_factor for entry in ARMS])
        untouched, touched = self._return_rates(who, factors[arm], today)
        number = self._number("touch", len(who))
        day.add(
            "touches",
            {
                "touch_id": text.ids("t", number),
                "campaign_id": text.constant(CAMPAIGN_ID, len(who)),
                "user_id": text.ids("u", customers.user[who], 8),
                "touched_at": text.constant(self._date(today), len(who)),
                "arm_code": text.pick(tuple(entry.code for entry in ARMS), arm),
                "is_control": text.pick(tuple("false" if entry.channel else "true" for entry in ARMS), arm),
                "channel": text.pick(tuple(entry.channel or None for entry in ARMS), arm),
                "unit_cost": text.pick(tuple(entry.unit_cost for entry in ARMS), arm),
            },
        )
        day.note(
            "entries",
            user_id=text.ids("u", customers.user[who], 8).to_pylist(),
            line_id=[self.line_ids[place] for place in customers.line[who]],
            touched_date=[self._date(today)] * len(who),
            arm_code=[ARMS[place].code for place in arm],
            layer_code=[self.scale.codes[place] for place in customers.lapse_layer[who]],
            return_rate_untouched=untouched,
            return_rate_touched=touched,
        )

    def _hazards_of(self, who: Any, today: int) -> Any:
        """Daily chance of returning, by the layer of yesterday evening."""
        customers = self.customers
        line = customers.line[who]
        layer = self.scale.layers(customers.dimensions(who, today - 1), self.is_visited[line])
        return self.hazards[line, layer]

    def _return_rates(self, who: Any, factor: Any, today: int) -> tuple[Any, Any]:
        """Chances that customers who do nothing else return within EFFECT_DAYS days from today: untouched, touched."""
        stay_untouched, stay_touched = np.ones(len(who)), np.ones(len(who))
        for ahead in range(EFFECT_DAYS):
            hazard = self._hazards_of(who, today + ahead)
            stay_untouched *= 1 - hazard
            stay_touched *= 1 - np.minimum(1.0, hazard * factor)
        return np.round(1 - stay_untouched, 6), np.round(1 - stay_touched, 6)

    def _return(self, draw: np.random.Generator, day: Day, today: int) -> Any:
        customers = self.customers
        who = np.flatnonzero(customers.is_lapsed)
        factors = np.array([arm.hazard_factor for arm in ARMS])
        is_touched = customers.touched_day[who] + EFFECT_DAYS > today
        factor = np.where(is_touched, factors[customers.arm[who]], 1.0)
        back = who[draw.random(len(who)) < np.minimum(1.0, self._hazards_of(who, today) * factor)]
        self._note_episodes(day, back, today)
        customers.is_lapsed[back] = False
        returned = np.zeros(customers.count, dtype=bool)
        returned[back] = True
        return returned

    def _note_episodes(self, day: Day, who: Any, returned_day: int | None) -> None:
        customers = self.customers
        returned = "" if returned_day is None else self._date(returned_day)
        day.note(
            "episodes",
            user_id=text.ids("u", customers.user[who], 8).to_pylist(),
            line_id=[self.line_ids[place] for place in customers.line[who]],
            episode_number=customers.episode[who],
            last_key_date=[self._date(int(number)) for number in customers.last_key_day[who]],
            lapsed_date=[self._date(int(number)) for number in (customers.last_key_day + customers.lapse_days)[who]],
            returned_date=[returned] * len(who),
            reason_code=[REASONS[place] for place in customers.reason[who]],
            layer_code=[self.scale.codes[place] for place in customers.lapse_layer[who]],
        )

    # Phases ---------------------------------------------------------------------------------------------------------

    def _begin_phases(self, draw: np.random.Generator, key: Any, returned: Any) -> None:
        """Whoever comes for the first time or again gets a reason to stop, and key days until then."""
        customers = self.customers
        who = key[(customers.last_key_day[key] == NEVER) | returned[key]]
        count = len(who)
        is_first = customers.last_key_day[who] == NEVER
        names, shares = tuple(EVENTS), np.array(list(EVENTS.values()))
        events = np.array([REASONS.index(name) for name in names])[draw.choice(len(names), count, p=shares)]
        # Goods that last are kept in categories, and an order without items has none.
        no_goods = ~customers.has_categories[who] & (events == REASONS.index("need_fulfilled"))
        events[no_goods] = REASONS.index("unknown")
        trait = customers.trait[who]
        reason = np.where(trait == NO_REASON, events, trait)
        stops = (trait == NO_REASON) & is_first & (draw.random(count) < NEVER_ACTIVATED_RATE)
        reason[stops] = REASONS.index("never_activated")
        left = 3 + draw.geometric(1 / (PHASE_KEY_DAYS - 3), count)
        left[reason == REASONS.index("content_stale")] += 2 * FADING_KEY_DAYS
        left[reason == REASONS.index("wrong_match")] = draw.integers(1, 3, count)[
            reason == REASONS.index("wrong_match")
        ]
        left[stops] = 1
        customers.reason[who] = reason
        customers.phase_left[who] = left
        customers.is_gone[who] = False

    def _act(self, draw: np.random.Generator, day: Day, key: Any, today: int) -> None:
        """Every key day brings an order, a visit or both; in a line of low frequency a rating may come with it."""
        customers = self.customers
        count = len(key)
        is_first = customers.first_order_day[key] == NEVER
        is_fading = (customers.reason[key] == REASONS.index("content_stale")) & (
            customers.phase_left[key] <= FADING_KEY_DAYS
        )
        order_rate = np.select(
            [customers.frequency[key] == "high", customers.frequency[key] == "mid"], [1.0, 0.45], default=0.6
        )
        # Goods that last are the last thing that a customer buys.
        is_served = (customers.reason[key] == REASONS.index("need_fulfilled")) & (customers.phase_left[key] == 1)
        orders = is_first | is_fading | is_served | (draw.random(count) < order_rate)
        visits = (~orders | (draw.random(count) < 0.8)) & customers.has_categories[key] & ~is_fading
        orders |= ~visits
        bought = key[orders]
        customers.first_order_day[key[is_first]] = today
        seconds = self._seconds(draw, today, count)
        self._visit(draw, day, key[visits], seconds[visits], today, has_cart=orders[visits])
        self._order(draw, day, bought, seconds[orders] + 600, today)

    def _order(self, draw: np.random.Generator, day: Day, who: Any, seconds: Numbers, today: int) -> None:
        """Valid orders, their items, and what is left of them."""
        customers, catalogue = self.customers, self.catalogue
        count = len(who)
        if not count:
            return
        number = self._number("order", count)
        has_items = customers.has_categories[who]
        last_of_phase = customers.phase_left[who] == 1
        is_durable = last_of_phase & (customers.reason[who] == REASONS.index("need_fulfilled"))
        is_price = customers.trait[who] == REASONS.index("price")
        is_cheap = is_price | (draw.random(count) < 0.12)
        item_counts = np.where(has_items, draw.integers(1, 4, count), 0)
        is_unknown = ~has_items & (draw.random(count) < UNKNOWN_PRODUCT_RATE)

        owner = np.repeat(np.arange(count), item_counts)
        category = customers.category[who][owner]
        durable = np.array([self._durable_category(place) for place in range(len(self.lines))])
        category = np.where(is_durable[owner], durable[customers.line[who][owner]], category)
        product = catalogue.draw_products(draw, category, today)
        quantity = draw.integers(1, 4, len(owner))
        gross = quantity * catalogue.price_cents[product]
        net = quantity * np.where(
            is_cheap[owner], catalogue.price_cents[product] * 80 // 100, catalogue.price_cents[product]
        )
        margin = np.array([line.margin_percent for line in self.lines])[customers.line[who]]
        unit_cost = catalogue.unit_cost_cents[product]
        # Thousandths of the currency, so that a margin of whole tens leaves no fraction.
        cost = np.where(unit_cost >= 0, quantity * unit_cost * 10, net * (100 - margin[owner]) // 10)

        bare = draw.integers(500, 8_000, count)
        order_net = np.where(has_items, np.bincount(owner, net, count).astype(np.int64), bare)
        order_gross = np.where(has_items, np.bincount(owner, gross, count).astype(np.int64),
                               np.where(is_cheap, bare * 5 // 4, bare))  # fmt: skip
        order_cost = np.where(has_items, np.bincount(owner, cost, count).astype(np.int64), bare * (100 - margin) // 10)
        self._deliver_orders(draw, day, who, number, seconds, order_net, order_gross, today)
        day.add(
            "order_items",
            {
                "order_id": text.ids("o", number[owner]),
                "line_number": text.whole(
                    np.arange(len(owner)) - np.repeat(np.cumsum(item_counts) - item_counts, item_counts) + 1
                ),
                "product_id": text.ids("p", product, 5),
                "quantity": text.whole(quantity),
                "net_amount": text.money(net),
            },
        )
        day.add(
            "order_items",
            {
                "order_id": text.ids("o", number[is_unknown]),
                "line_number": text.constant("1", int(is_unknown.sum())),
                "product_id": text.ids("gone", number[is_unknown], 5),
                "quantity": text.constant("1", int(is_unknown.sum())),
                "net_amount": text.money(order_net[is_unknown]),
            },
        )
        customers.count_orders(who, today)
        customers.last_order[who] = number
        customers.last_order_cents[who] = order_net
        line = customers.line[who]
        for place in np.unique(line):
            mine = line == place
            day.note(
                "days",
                business_date=[self._date(today)],
                line_id=[self.line_ids[place]],
                order_count=[int(mine.sum())],
                net_cents=[int(order_net[mine].sum())],
                cost_thousandths=[int(order_cost[mine].sum())],
            )
        self._redeem(day, who, number, seconds, today)

    def _durable_category(self, line: int) -> int:
        names = [name for name in self.lines[line].categories if name in DURABLE_CATEGORIES]
        return self.catalogue.categories.index(names[0]) if names else 0

    def _deliver_orders(
        self,
        draw: np.random.Generator,
        day: Day,
        who: Any,
        number: Numbers,
        seconds: Numbers,
        net: Numbers,
        gross: Numbers,
        today: int,
    ) -> None:
        """A sixth of the orders come as paid and are completed some days later: two versions of one row."""
        count = len(who)
        wait = draw.integers(1, 4, count)
        is_two_step = (draw.random(count) < 0.16) & (today + wait < self.settings.day_count)
        status = np.where(is_two_step, 0, np.where(draw.random(count) < 0.03, 2, 1))
        columns = {
            "order_id": text.ids("o", number),
            "user_id": text.ids("u", self.customers.user[who], 8),
            "ordered_at": text.instants(seconds),
            "net_amount": text.money(net),
            "status": text.pick(("paid", "completed", "refunded"), status),
            "sales_channel": text.pick(VISIT_CHANNELS, number % 3),
            "gross_amount": text.money(gross),
            "discount_amount": text.money(gross - net),
            "updated_at": text.instants(seconds),
        }
        day.add("orders", columns, is_two_step)
        for ahead in np.unique(wait[is_two_step]):
            later = np.flatnonzero(is_two_step & (wait == ahead))
            kept = {name: column.take(pa.array(later)) for name, column in columns.items()}
            self._due.setdefault(today + int(ahead), []).append(("completed", kept))

    def _redeem(self, day: Day, who: Any, number: Numbers, seconds: Numbers, today: int) -> None:
        """The first order within the campaign's window redeems what the arm promised."""
        customers = self.customers
        rewards = np.array([arm.reward_cents for arm in ARMS])
        in_window = (customers.touched_day[who] > NEVER) & (customers.touched_day[who] + EFFECT_DAYS > today)
        is_due = in_window & (rewards[customers.arm[who]] > 0)
        due = np.flatnonzero(is_due)
        customers.touched_day[who[due]] = NEVER
        day.add(
            "redemptions",
            {
                "redemption_id": text.ids("d", self._number("redemption", len(due))),
                "user_id": text.ids("u", customers.user[who[due]], 8),
                "redeemed_at": text.instants(seconds[due]),
                "campaign_id": text.constant(CAMPAIGN_ID, len(due)),
                "coupon_code": text.ids("BACK", customers.user[who[due]], 8),
                "order_id": text.ids("o", number[due]),
                "reward_amount": text.money(rewards[customers.arm[who[due]]]),
            },
        )

    def _visit(
        self,
        draw: np.random.Generator,
        day: Day,
        who: Any,
        seconds: Numbers,
        today: int,
        *,
        has_cart: Any,
        sessions: Any = None,
    ) -> None:
        """Sessions of one to three actions on goods of the preferred category."""
        customers = self.customers
        count = len(who)
        if not count:
            return
        session_count = draw.integers(1, 3, count) if sessions is None else sessions
        owner = np.repeat(np.arange(count), session_count)
        session = self._number("session", len(owner))
        action_count = draw.integers(1, 4, len(owner))
        row = np.repeat(np.arange(len(owner)), action_count)
        place = np.arange(len(row)) - np.repeat(np.cumsum(action_count) - action_count, action_count)
        product = self.catalogue.draw_products(draw, customers.category[who][owner][row], today)
        action = np.where(place == 0, 0, np.where(has_cart[owner][row] & (place == 2), 2, 1))
        day.add(
            "visits",
            {
                "visit_id": text.ids("v", self._number("visit", len(row))),
                "user_id": text.ids("u", customers.user[who][owner][row], 8),
                "visited_at": text.instants(seconds[owner][row] + 20 * place),
                "action": text.pick(("view", "search", "cart"), action),
                "object_type": text.constant("product", len(row)),
                "object_id": text.ids("p", product, 5),
                "channel": text.pick(VISIT_CHANNELS, session[row] % 3),
                "session_id": text.ids("s", session[row]),
            },
        )
        customers.count_visits(who, session_count, today)
        self.is_visited[np.unique(customers.line[who])] = True
        day.note("sessions", business_date=[self._date(today)], session_count=[len(owner)], action_count=[len(row)])

    def _look_around(self, draw: np.random.Generator, day: Day, today: int) -> None:
        """Visits that are no key days: of prospects, and of active customers where only orders count."""
        customers = self.customers
        registered = self.users.register_day[customers.user] <= today
        is_waiting = registered & (customers.first_order_day == NEVER) & customers.has_categories
        is_active = (
            (customers.frequency == "high") & customers.has_categories & (customers.first_order_day != NEVER)
            & (customers.first_order_day < today) & ~customers.is_gone & (customers.last_key_day < today)
        )  # fmt: skip
        is_fading = (customers.reason == REASONS.index("content_stale")) & (customers.phase_left <= FADING_KEY_DAYS)
        rate = np.where(is_waiting, 0.04, np.where(is_active & ~is_fading, 0.35, 0.0))
        who = np.flatnonzero(draw.random(customers.count) < rate)
        # A prospect who becomes a customer today was counted with the order.
        who = who[customers.last_visit_day[who] < today]
        nothing = np.zeros(len(who), dtype=bool)
        self._visit(
            draw, day, who, self._seconds(draw, today, len(who)), today, has_cart=nothing,
            sessions=np.ones(len(who), dtype=np.int64),
        )  # fmt: skip

    def _place_decoys(self, draw: np.random.Generator, day: Day, today: int) -> None:
        """Orders of absent customers that are cancelled two days later: they must count for nothing."""
        customers = self.customers
        if today + 2 >= self.settings.day_count:
            return
        who = np.flatnonzero(customers.is_gone)
        who = who[draw.random(len(who)) < DECOY_RATE]
        if not len(who):
            return
        seconds = self._seconds(draw, today, len(who))
        columns = {
            "order_id": text.ids("x", self._number("order", len(who))),
            "user_id": text.ids("u", customers.user[who], 8),
            "ordered_at": text.instants(seconds),
            "net_amount": text.money(draw.integers(500, 5_000, len(who))),
            "status": text.constant("pending", len(who)),
            "updated_at": text.instants(seconds),
        }
        day.add("orders", columns, np.ones(len(who), dtype=bool))
        self._due.setdefault(today + 2, []).append(("cancelled", columns))
        day.note("decoys", business_date=[self._date(today)], order_count=[len(who)])

    # What follows ---------------------------------------------------------------------------------------------------

    def _follow_up(self, draw: np.random.Generator, day: Day, today: int) -> None:
        """Orders that change their status today, and refunds that are paid today."""
        for kind, content in self._due.pop(today, []):
            if kind == "refund":
                day.add("refunds", content["columns"] | {"refunded_at": content["instants"](draw, today)})
                day.note("refunds", **{name: content[name] for name in ("line_id", "refund_count", "refund_cents")},
                         business_date=[self._date(today)] * len(content["line_id"]))  # fmt: skip
                continue
            count = len(content["order_id"])
            changed = {
                "status": text.constant(kind, count),
                "updated_at": text.instants(self._seconds(draw, today, count)),
            }
            day.add("orders", content | changed)

    def _move_on(self, draw: np.random.Generator, day: Day, key: Any, today: int) -> None:
        """Says when each of today's customers comes next, or lets them go and leave the evidence of why."""
        customers = self.customers
        customers.last_key_day[key] = today
        customers.phase_left[key] -= 1
        goes = customers.phase_left[key] <= 0
        gone, stays = key[goes], key[~goes]
        longest = customers.lapse_days[stays] // 2
        gap = draw.geometric(1 / customers.mean_gap[stays])
        customers.next_day[stays] = today + np.minimum(gap, longest)
        customers.next_day[gone] = NEVER
        customers.is_gone[gone] = True
        self._complain(draw, day, gone, today)
        # Some who stay rate what they bought, mostly well.
        rated = stays[(draw.random(len(stays)) < 0.06) & (customers.last_order[stays] >= 0)]
        score = draw.integers(3, 6, len(rated))
        self._feedback(day, rated, self._seconds(draw, today, len(rated)), kind="rating", topic=None, scores=score)

    def _complain(self, draw: np.random.Generator, day: Day, gone: Any, today: int) -> None:
        """What customers leave behind on their last key day, by the reason for which they go."""
        customers = self.customers
        reason = customers.reason[gone]
        seconds = self._seconds(draw, today, len(gone))
        for name, kind, topic in (
            ("product_quality", "complaint", "quality"),
            ("service", "complaint", "service"),
            ("competitor", "survey", "competitor"),
        ):
            mine = reason == REASONS.index(name)
            slow = 6 * 86_400 if name == "service" else 3_600
            self._feedback(day, gone[mine], seconds[mine], kind=kind, topic=topic, answered_after=slow, today=today)
        unhappy = gone[reason == REASONS.index("product_quality")]
        unhappy = unhappy[customers.last_order_cents[unhappy] > 0]
        if today + 2 >= self.settings.day_count or not len(unhappy):
            return
        cents = customers.last_order_cents[unhappy] // np.where(draw.random(len(unhappy)) < 0.5, 1, 2)
        # An order is refunded once.
        customers.last_order_cents[unhappy] = 0
        line = customers.line[unhappy]
        count = len(unhappy)
        self._due.setdefault(today + 2, []).append(
            (
                "refund",
                {
                    "columns": {
                        "refund_id": text.ids("r", self._number("refund", count)),
                        "order_id": text.ids("o", customers.last_order[unhappy]),
                        "amount": text.money(cents),
                        "reason_code": text.constant("damaged", count),
                    },
                    "instants": lambda chance, then: text.instants(self._seconds(chance, then, count)),
                    "line_id": [self.line_ids[place] for place in np.unique(line)],
                    "refund_count": [int((line == place).sum()) for place in np.unique(line)],
                    "refund_cents": [int(cents[line == place].sum()) for place in np.unique(line)],
                },
            )
        )

    def _feedback(
        self,
        day: Day,
        who: Any,
        seconds: Numbers,
        *,
        kind: str,
        topic: str | None,
        scores: Any = None,
        answered_after: int = 0,
        today: int = 0,
    ) -> None:
        """Feedback on the customer's last order, so that it counts in that order's line only."""
        customers = self.customers
        count = len(who)
        answered = seconds + answered_after
        _, last = text.day_bounds(self.settings.date_of(self.settings.day_count - 1))
        is_answered = np.logical_and(answered_after > 0, answered < last)
        day.add(
            "feedback",
            {
                "feedback_id": text.ids("f", self._number("feedback", count)),
                "user_id": text.ids("u", customers.user[who], 8),
                "submitted_at": text.instants(seconds),
                "kind": text.constant(kind, count),
                "topic": text.constant(topic, count),
                "score": text.whole(np.full(count, -1) if scores is None else scores),
                "order_id": text.ids("o", customers.last_order[who]),
                "answered_at": pc.if_else(pa.array(is_answered), text.instants(answered), pa.scalar(None, pa.string())),
            },
        )

    def _lapse(self, day: Day, today: int) -> None:
        """At the end of the day whoever has been gone for the line's limit has lapsed."""
        customers = self.customers
        who = np.flatnonzero(customers.is_gone & (customers.last_key_day + customers.lapse_days == today))
        customers.is_lapsed[who] = True
        customers.episode[who] += 1
        customers.lapse_layer[who] = self.scale.layers(
            customers.dimensions(who, today), self.is_visited[customers.line[who]]
        )

    def close(self) -> Day:
        """The truth of what is still open after the last day: episodes and customers."""
        day = Day()
        customers = self.customers
        self._note_episodes(day, np.flatnonzero(customers.is_lapsed), None)
        who = np.flatnonzero(customers.first_order_day != NEVER)
        day.note(
            "customers",
            user_id=text.ids("u", customers.user[who], 8).to_pylist(),
            line_id=[self.line_ids[place] for place in customers.line[who]],
            first_order_date=[self._date(int(number)) for number in customers.first_order_day[who]],
            last_key_date=[self._date(int(number)) for number in customers.last_key_day[who]],
            order_count=customers.order_count[who],
            is_churned=[str(bool(value)).lower() for value in customers.is_lapsed[who]],
            trait_code=[REASONS[place] if place >= 0 else "" for place in customers.trait[who]],
        )
        return day
