"""What the shop says about its goods and users: listings and prices, registrations, addresses, consents, tiers."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from examples.simulated_shop import columns as text
from examples.simulated_shop.catalogue import Catalogue
from examples.simulated_shop.columns import Numbers
from examples.simulated_shop.customers import Users
from examples.simulated_shop.events import Day
from examples.simulated_shop.settings import CHANNELS, Settings


class Registry:
    """Delivers what describes products and users, on the day on which it is new.

    Args:
        settings: The shop.
        catalogue: What it sells.
        users: Its users.
    """

    def __init__(self, settings: Settings, catalogue: Catalogue, users: Users) -> None:
        self._settings = settings
        self._catalogue = catalogue
        self._users = users

    def _date(self, today: int) -> str:
        return self._settings.date_of(today).isoformat()

    def list_products(self, day: Day, today: int) -> None:
        """New products, and dearer ones as a new version and a new price."""
        catalogue = self._catalogue
        listed = np.flatnonzero(catalogue.listed_day == today)
        risen = catalogue.raise_prices(today)
        changed = np.concatenate([listed, risen])
        if not len(changed):
            return
        begin, _ = text.day_bounds(self._settings.date_of(today))
        stamp = np.full(len(changed), begin + 3_600)
        is_superseded = catalogue.rise_day[changed] > today
        day.add(
            "products",
            {
                "product_id": text.ids("p", changed, 5),
                "category": text.pick(catalogue.categories, catalogue.category[changed]),
                "name": text.ids("Product ", changed, 5),
                "list_price": text.money(catalogue.price_cents[changed]),
                "unit_cost": text.money(catalogue.unit_cost_cents[changed]),
                "listed_at": pa.array([self._date(int(number)) for number in catalogue.listed_day[changed]]),
                "updated_at": text.instants(stamp),
            },
            is_superseded,
        )
        day.add(
            "product_prices",
            {
                "product_id": text.ids("p", changed, 5),
                "valid_from": text.constant(self._date(today), len(changed)),
                "list_price": text.money(catalogue.price_cents[changed]),
            },
        )

    def _user_columns(self, who: Numbers, tier: str, stamp: Numbers) -> dict[str, pa.Array]:
        registered = np.array([text.day_bounds(self._settings.date_of(int(number)))[0] for number in
                               self._users.register_day[who]], dtype=np.int64)  # fmt: skip
        return {
            "user_id": text.ids("u", who, 8),
            "registered_at": text.instants(registered + 7_200 + who % 40_000),
            "acquisition_channel": text.pick(tuple(channel.name for channel in CHANNELS), self._users.channel[who]),
            "gender": text.pick(("female", "male", None), who * 7 % 3),
            "age_band": text.pick(("18-24", "25-34", "35-44", "45-54", "55-64", None), who * 11 % 6),
            "region": text.pick(("north", "south", "east", "west"), who * 13 % 4),
            "tier": text.constant(tier, len(who)),
            "updated_at": text.instants(stamp),
        }

    def register(self, draw: np.random.Generator, day: Day, today: int) -> None:
        """Users who register today, how they can be reached, what they allow and what winning them cost."""
        users = self._users
        begin, end = np.searchsorted(users.register_day, [today, today + 1])
        who = np.arange(begin, end)
        if not len(who):
            return
        midnight, _ = text.day_bounds(self._settings.date_of(today))
        stamp = midnight + 7_200 + who % 40_000
        day.add("users", self._user_columns(who, "basic", stamp), users.tier_day[who] > today)
        # Every fiftieth shares the address of the user before: two users, one person.
        household = np.where((who % 50 == 49) & (who > 0), who - 1, who)
        mail = pc.binary_join_element_wise(text.ids("u", household, 8), pa.scalar("@example.invalid"), pa.scalar(""))
        day.add(
            "contacts",
            {
                "user_id": text.ids("u", who, 8),
                "email": pc.if_else(pa.array(draw.random(len(who)) < 0.93), mail, pa.scalar(None, pa.string())),
                "wechat_openid": text.ids("invented-", who, 8),
                "postal_address": text.ids("Invented address of user ", who, 8),
                "updated_at": text.instants(stamp),
            },
        )
        for channel, rate in (("email", 0.9), ("gift", 0.8)):
            asked = who[draw.random(len(who)) < 0.97]
            day.add(
                "consents",
                {
                    "user_id": text.ids("u", asked, 8),
                    "channel": text.constant(channel, len(asked)),
                    "is_opted_in": text.pick(("false", "true"), (draw.random(len(asked)) < rate).astype(np.int64)),
                    "changed_at": text.instants(midnight + 7_200 + asked % 40_000),
                },
            )
        won = np.bincount(users.channel[who], minlength=len(CHANNELS))
        paid = np.array([channel.cost_cents for channel in CHANNELS]) * won
        busy = np.flatnonzero(won)
        day.add(
            "acquisition_costs",
            {
                "cost_date": text.constant(self._date(today), len(busy)),
                "channel": text.pick(tuple(channel.name for channel in CHANNELS), busy),
                "cost_amount": text.money(paid[busy]),
                "new_user_count": text.whole(won[busy]),
            },
        )
        day.note(
            "acquisitions",
            cost_date=[self._date(today)] * len(busy),
            channel=[CHANNELS[place].name for place in busy],
            new_user_count=won[busy],
            cost_cents=paid[busy],
        )

    def change_tiers(self, draw: np.random.Generator, day: Day, today: int) -> None:
        """Users of another tier, and now and then one who opts out."""
        who = np.flatnonzero(self._users.tier_day == today)
        if len(who):
            day.add(
                "users",
                self._user_columns(who, "gold", text.draw_seconds(draw, self._settings.date_of(today), len(who))),
            )
        if draw.random() < 0.5:
            registered = int(np.searchsorted(self._users.register_day, today))
            if registered:
                leaver = draw.integers(0, registered, 1)
                day.add(
                    "consents",
                    {
                        "user_id": text.ids("u", leaver, 8),
                        "channel": text.constant("email", 1),
                        "is_opted_in": text.constant("false", 1),
                        "changed_at": text.instants(text.draw_seconds(draw, self._settings.date_of(today), 1)),
                    },
                )
