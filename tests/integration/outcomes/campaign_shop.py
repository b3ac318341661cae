"""A random shop that is written to: touches from elsewhere, our own ledger, and nights with outcomes."""

from __future__ import annotations

import csv
import random
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import psycopg
from tests.integration.warehouse.nights import run_models
from tests.integration.warehouse.random_shop import FIRST_NIGHT, RandomShop

from recall.domain.home import current_home
from recall.domain.workspace import Workspace
from recall.hooks import dbt

OUTCOMES = (
    ("outcomes", "out_recalled_users"),
    ("outcomes", "out_campaign_effects"),
    ("outcomes", "out_campaign_profit"),
    ("outcomes", "out_campaign_steps"),
    ("outcomes", "out_relapse_curves"),
    ("outcomes", "out_arm_suggestions"),
    ("marts", "fct_acquisition_balance"),
    ("intermediate", "int_effect_cells"),
)
"""What a night, a rebuild and a backfill must agree on."""

HASH_RANGE = 2**32
VERSIONS = {"v1": 12, "v2": 20}
"""Outcome windows of our campaign, by version: from the third night on it looks at more days."""


class CampaignShop:
    """Who is touched and assigned in a random shop, drawn apart from what its users do.

    Args:
        shop: The shop.
        seed: Whatever is drawn follows from it.
    """

    def __init__(self, shop: RandomShop, seed: int) -> None:
        self._users = [f"u{number:02d}" for number in range(1, shop.user_count)]
        self._draw = random.Random(seed)
        self._waiting = self._draw.sample(self._users, len(self._users))
        self._unknown: list[str] = []

    def land_touches(self, landing: Path, nights: range) -> None:
        """Writes touches of two vendors; a fifth of them lands nights after their day, and some are corrected."""
        lines: dict[int, list[dict[str, str]]] = {}
        for number in range(6 * len(self._users)):
            day = self._draw.randint(-40, nights[-1])
            row = {
                "touch_id": f"t{number:03d}",
                "campaign_id": self._draw.choice(["spring", "spring", "summer"]),
                "user_id": self._draw.choice(self._users),
                "touched_at": f"{FIRST_NIGHT + timedelta(days=day)}T{self._draw.randint(0, 23):02d}:00:00Z",
                "arm_code": self._draw.choice(["A", "B"]),
                "channel": self._draw.choice(["", "sms", "email"]),
                "is_control": self._draw.choice(["false", "false", "true"]),
                "unit_cost": self._draw.choice(["", "0.10", "0.25"]),
                "updated_at": "",
            }
            night = max(0, day) + self._draw.choice([0, 0, 0, 0, self._draw.randint(1, 12)])
            lines.setdefault(night, []).append(row)
            if self._draw.random() < 0.1:
                again = row | {"arm_code": "C", "updated_at": f"{FIRST_NIGHT + timedelta(days=night)}T09:00:00Z"}
                lines.setdefault(night + 1, []).append(again)
        for night, rows in lines.items():
            folder = landing / str(night) / "touches"
            folder.mkdir(parents=True, exist_ok=True)
            with (folder / f"t{night:02d}.csv").open("w", newline="", encoding="utf-8") as file:
                writer = csv.DictWriter(file, fieldnames=list(rows[0]))
                writer.writeheader()
                writer.writerows(rows)

    def define(self, connection: psycopg.Connection) -> None:
        """Freezes two versions of our campaign: two arms, drawn 1 to 1 and then 1 to 2, a third held out."""
        for version, window in VERSIONS.items():
            connection.execute(
                "insert into definitions.campaigns values"
                " ('own', %s, %s, '', 100, 0.33, %s, %s, 100, 0, 'en', clock_timestamp())",
                (version, version == "v2", HASH_RANGE // 3, window),
            )
            edge = HASH_RANGE // (2 if version == "v1" else 3)
            for arm, begin, end in (("warm", 0, edge), ("brief", edge, HASH_RANGE)):
                connection.execute(
                    "insert into definitions.campaign_arms values"
                    " ('own', %s, %s, 'email', 'coupon', 'plain', 1, %s, %s)",
                    (version, arm, begin, end),
                )

    def export(self, connection: psycopg.Connection, as_of_date: date, night: int) -> None:
        """Writes down what an export after a night would: new members of the next day, and what became of old sends."""
        for audience_id in self._unknown:
            connection.execute("update ledger.entries set state = 'sent' where audience_id = %s", (audience_id,))
        self._unknown = []
        selected = as_of_date + timedelta(days=1)
        version = "v1" if night < 8 else "v2"
        for _ in range(6):
            if self._waiting:
                self._enter(connection, self._waiting.pop(), selected, version)

    def _enter(self, connection: psycopg.Connection, user: str, selected: date, version: str) -> None:
        """Draws a person, who may act as a second user, and enters it."""
        is_global = self._draw.random() < 0.2
        is_held = not is_global and self._draw.random() < 0.3
        arm = self._draw.choice(["warm", "brief"])
        acting = [user, *([self._waiting.pop(0)] if self._waiting and self._draw.random() < 0.3 else [])]
        for each in acting:
            connection.execute(
                "insert into ledger.persons values (%s, %s, %s)",
                (each, user, datetime.combine(selected, datetime.min.time(), UTC) + timedelta(hours=5)),
            )
        connection.execute("insert into ledger.global_holdouts values (%s, %s, 0.2, %s)", (user, is_global, selected))
        connection.execute(
            "insert into ledger.assignments (campaign_id, person_id, campaign_version, arm_code, variant_code,"
            " is_global_holdout, is_campaign_holdout, assigned_date) values ('own', %s, %s, %s, 'plain', %s, %s, %s)",
            (user, version, arm, is_global, is_held, selected),
        )
        state = "held_out" if is_global or is_held else self._draw.choice(["sent", "sent", "unknown", "failed"])
        connection.execute(
            "insert into ledger.entries (audience_id, campaign_id, step_number, selected_date, person_id,"
            " campaign_version, user_id, line_id, episode_number, last_key_date, contact_id, channel, arm_code,"
            " variant_code, offer_code, is_held_out, state) values (%(user)s, 'own', 1, %(day)s, %(user)s, %(version)s,"
            " %(user)s, 'all', 1, '2023-01-01', %(user)s, 'email', %(arm)s, 'plain', 'coupon', %(held)s, %(state)s)",
            {
                "user": user, "day": selected, "version": version, "arm": arm, "held": is_global or is_held,
                "state": state,
            },
        )  # fmt: skip
        if state == "unknown":
            self._unknown.append(user)


def run_outcomes(*, is_tested: bool = False) -> None:
    """Builds and publishes the outcomes of the night under way, in one dbt command unless its tests are wanted."""
    if is_tested:
        dbt.build_layer("outcomes")
    else:
        command = ["run", "--select", "path:models/intermediate/outcomes", "path:models/outcomes"]
        nodes, failure = dbt._invoke(command, home=current_home(), role="transformer")
        results = [dbt._node_result("outcomes", node) for node in nodes]
        dbt._record(results)
        assert failure is None
        assert all(result.is_good for result in results), [result for result in results if not result.is_good]
    dbt.run_operation("publish", {"layer": "outcomes"})


def run_whole_night(
    workspace: Workspace, as_of_date: date, *, full_refresh: bool = False, is_tested: bool = False
) -> None:
    """Builds and publishes marts and outcomes for a day."""
    run_models(workspace, as_of_date, full_refresh=full_refresh)
    run_outcomes(is_tested=is_tested)


def days_between(first: date, last: date) -> Iterator[date]:
    """Every day from the first to the last, both included."""
    day = first
    while day <= last:
        yield day
        day += timedelta(days=1)
