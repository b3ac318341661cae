"""The worth rule as the warehouse applies it: its own models, run on the customers.

Each split is a business line of its own in one warehouse, so that one night serves all of them. Of the customers to
choose on the warehouse knows what an export would have written down (who got which e-mail, who was held out) and what
they bought in the two weeks after; of the others only that they bought before. A fit then measures lift per layer and
e-mail, and `marts.fct_recall_worth` says of each open lapse whether to recall the customer, and with what.

No send stands in the ledger, only who was selected: untouched return rates would need them, and these matter only where
a return is rewarded.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
from bench.policy.hillstrom import ACTIONS, Customer
from psycopg import sql

from recall.domain.definition_files import SHIPPED_DIR
from recall.domain.workspace import Workspace, load_workspace
from recall.hooks import dbt
from recall.hooks.calibration import calibrate
from recall.hooks.night import complete_night, prepare_night
from recall.ingest.load import load_landing
from recall.warehouse.connection import connect
from recall.warehouse.definitions import load_definitions

ASSIGNED = date(2026, 1, 15)
BOUGHT = date(2026, 1, 20)
WINDOW_DAYS = 14
AS_OF = ASSIGNED + timedelta(days=WINDOW_DAYS - 1)
LAPSE_DAYS = 30
PRIOR_LIFT = 0.005
"""What the shipped definitions expect of a message without an offer by e-mail."""
HASH_RANGE = 2**32


def write_workspace(
    folder: Path, customers: Sequence[Customer], splits: Sequence[frozenset[int]], *, margin_rate: float
) -> None:
    """Writes definitions and deliveries.

    Args:
        folder: An empty folder.
        customers: All of them.
        splits: Per split the numbers of those to choose on.
        margin_rate: Contribution per dollar spent.
    """
    lines = [line_of(split) for split in range(len(splits))]
    definitions = {
        "business_lines": [
            "line_id,line_name,frequency_class,lapse_days,returned_days,margin_rate,valid_from",
            *(f"{line},{line},high,{LAPSE_DAYS},30,{margin_rate},2020-01-01" for line in lines),
        ],
        "category_lines": ["category,line_id,valid_from", *(f"{line},{line},2020-01-01" for line in lines)],
        "offers": [
            "offer_code,offer_name,ladder_rank,is_reward,min_layer_score,threshold_amount,reward_amount,"
            "reward_cost_amount,contact_cost_amount,valid_from",
            *(f"{action},{action},{rank},false,0,,0,0,0,2020-01-01" for rank, action in enumerate(ACTIONS, 1)),
        ],
        "action_priors": [
            "offer_code,channel,layer_code,prior_lift,valid_from",
            *(f"{action},email,,{PRIOR_LIFT},2020-01-01" for action in ACTIONS),
        ],
        "reason_offers": ["reason_code,offer_code,valid_from"],
        "outcome_windows": ["window_days,valid_from", f"{WINDOW_DAYS},2020-01-01"],
        "churn_limit_rules": [
            "horizon_days,max_return_rate,min_at_risk_count,max_drift_rate,fit_interval_days,valid_from",
            f"{WINDOW_DAYS},0.1,100,0.2,7,2020-01-01",
        ],
        # Nobody asks who is still alive here.
        "survival_rules": [
            "model_code,min_buyer_count,min_history_days,max_silent_days,valid_from",
            "mbg_nbd,100000000,180,30,2020-01-01",
        ],
    }
    deliveries: dict[str, list[str]] = {
        "products": ["product_id,category", *(f"{line},{line}" for line in lines)],
        "orders": ["order_id,user_id,ordered_at,net_amount"],
        "order_items": ["order_id,line_number,product_id,quantity,net_amount"],
    }
    for split, training in enumerate(splits):
        for customer in customers:
            user = user_of(split, customer)
            bought = [(f"{user}_before", _last_order(customer), customer.history_amount)]
            if customer.is_converted and customer.number in training:
                bought.append((f"{user}_after", BOUGHT, customer.spend_amount))
            for order_id, day, amount in bought:
                deliveries["orders"].append(f"{order_id},{user},{day},{amount:.2f}")
                deliveries["order_items"].append(f"{order_id},1,{line_of(split)},1,{amount:.2f}")
    (folder / "workspace.yml").write_text("business_time_zone: UTC\ncurrency_code: USD\n", encoding="utf-8")
    for name, rows in definitions.items():
        _write(folder / "definitions" / f"{name}.csv", rows)
    for name, rows in deliveries.items():
        _write(folder / "landing" / name / f"{name}.csv", rows)


def build(folder: Path, customers: Sequence[Customer], splits: Sequence[frozenset[int]]) -> Workspace:
    """Loads and builds the warehouse: marts, the campaigns in the ledger, outcomes.

    Args:
        folder: What write_workspace filled.
        customers: All of them.
        splits: Per split the numbers of those to choose on.
    """
    workspace = load_workspace(folder)
    load_definitions(workspace)
    load_landing(workspace)
    with connect("owner") as connection:
        fill_ledger(connection, customers, splits)
    prepare_night(workspace, AS_OF)
    for layer in ("staging", "intermediate", "marts"):
        dbt.build_layer(layer)
    dbt.run_operation("publish", {"layer": "marts"})
    dbt.build_layer("outcomes")
    dbt.run_operation("publish", {"layer": "outcomes"})
    complete_night()
    return workspace


def choose(workspace: Workspace, unit_cost: float) -> dict[str, str | None]:
    """Fits with a price and asks the warehouse whom to write to.

    Args:
        workspace: What build returned.
        unit_cost: Of an e-mail, in dollars.

    Returns:
        Per user the e-mail, None for none.
    """
    shipped = (SHIPPED_DIR / "channels.csv").read_text(encoding="utf-8").splitlines()
    columns = shipped[0].split(",")
    place = columns.index("unit_cost_amount")
    priced = [
        ",".join([*cells[:place], str(unit_cost), *cells[place + 1 :]]) if cells[0] == "email" else row
        for row in shipped
        for cells in [row.split(",")]
    ]
    _write(workspace.path / "definitions" / "channels.csv", priced)
    load_definitions(workspace)
    calibrate(AS_OF)
    with connect("bi_reader") as connection:
        rows = connection.execute(
            "select user_id, case when is_worth_recalling then best_action_code end from marts.fct_recall_worth"
        ).fetchall()
    return {user: action.partition(":")[0] if action else None for user, action in rows}


def line_of(split: int) -> str:
    """Names a split's business line."""
    return f"split_{split}"


def user_of(split: int, customer: Customer) -> str:
    """Names a customer in a split."""
    return f"s{split}_{customer.number}"


def fill_ledger(
    connection: psycopg.Connection, customers: Sequence[Customer], splits: Sequence[frozenset[int]]
) -> None:
    """Writes down what exports would have: per split and e-mail a campaign, whoever got none held out of both.

    Args:
        connection: As owner.
        customers: All of them.
        splits: Per split the numbers of those to choose on.
    """
    chosen = [
        (split, customer)
        for split, training in enumerate(splits)
        for customer in customers
        if customer.number in training
    ]
    half = HASH_RANGE // 2
    for split in range(len(splits)):
        for action in ACTIONS:
            name = f"{action}_{split}"
            connection.execute(
                "insert into definitions.campaigns values"
                " (%s, 'v1', true, '', 100, 0.5, %s, %s, 400, 0, 'en', clock_timestamp())",
                (name, half, WINDOW_DAYS),
            )
            connection.execute(
                "insert into definitions.campaign_arms values (%s, 'v1', %s, 'email', %s, 'plain', 1, 0, %s)",
                (name, action, action, HASH_RANGE),
            )
    first = datetime(ASSIGNED.year, ASSIGNED.month, ASSIGNED.day, tzinfo=UTC)
    persons = [user_of(split, customer) for split, customer in chosen]
    _copy(connection, "persons", "user_id, person_id, first_assigned_at", ((user, user, first) for user in persons))
    _copy(
        connection,
        "global_holdouts",
        "person_id, is_global_holdout, holdout_rate, drawn_date",
        ((user, False, 0, ASSIGNED) for user in persons),
    )
    members = [
        (split, customer, action) for split, customer in chosen for action in ACTIONS if customer.arm in (action, None)
    ]
    _copy(
        connection,
        "assignments",
        "campaign_id, person_id, campaign_version, arm_code, variant_code, is_global_holdout, is_campaign_holdout,"
        " assigned_date",
        (
            (f"{action}_{split}", user_of(split, customer), "v1", action, "plain", False, not customer.arm, ASSIGNED)
            for split, customer, action in members
        ),
    )
    _copy(
        connection,
        "entries",
        "audience_id, campaign_id, step_number, selected_date, person_id, campaign_version, user_id, line_id,"
        " episode_number, last_key_date, contact_id, channel, arm_code, variant_code, offer_code, is_held_out, state",
        (_entry(split, customer, action) for split, customer, action in members),
    )


def _entry(split: int, customer: Customer, action: str) -> tuple[Any, ...]:
    user = user_of(split, customer)
    is_held_out = customer.arm is None
    return (
        f"{action}_{user}", f"{action}_{split}", 1, ASSIGNED, user, "v1", user, line_of(split), 1,
        _last_order(customer), user, "email", action, "plain", action, is_held_out,
        "held_out" if is_held_out else "sent",
    )  # fmt: skip


def _last_order(customer: Customer) -> date:
    """The day of the purchase before: all of them have lapsed on the evening before the e-mails."""
    return ASSIGNED - timedelta(days=30 * customer.recency_months + 1)


def _copy(connection: psycopg.Connection, table: str, columns: str, rows: Iterator[tuple[Any, ...]]) -> None:
    statement = sql.SQL("copy ledger.{} ({}) from stdin").format(
        sql.Identifier(table), sql.SQL(", ").join(map(sql.Identifier, columns.split(", ")))
    )
    with connection.cursor().copy(statement) as copy:
        for row in rows:
            copy.write_row(row)
    # So many rows at once are not what a night brings; plans need to know of them.
    connection.execute(sql.SQL("analyze ledger.{}").format(sql.Identifier(table)))


def _write(path: Path, rows: Sequence[str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(rows) + "\n", encoding="utf-8")
