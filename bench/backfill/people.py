"""A year of our own campaign, as a warehouse would hold it after a night: set-based, without a die.

Everybody is assigned once, evenly over the days; one in ten is held out of the campaign and one in twenty of all. Each
had lapsed, had ordered three times in the year before, visits five times around the assignment, and one in eight comes
back and orders. What they do follows from a hash of a person's number.
"""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import psycopg

from recall.domain.workspace import Workspace, load_workspace
from recall.hooks import dbt
from recall.hooks.night import complete_night, prepare_night
from recall.ingest.load import load_landing
from recall.warehouse.connection import connect
from recall.warehouse.definitions import load_definitions

LAYERS: tuple[dbt.Layer, ...] = ("staging", "intermediate", "marts")
FIRST_DAY = date(2024, 1, 1)
FOLLOWED_DAYS = 40
"""How long the last ones assigned are followed: all windows have ended, and nobody returned later."""

SEED_ORDERS = "order_id,user_id,ordered_at,net_amount\ns1,seed,2023-06-01,10\n"
SEED_VISITS = "visit_id,user_id,visited_at,action\ns1,seed,2023-06-01T12:00:00Z,view\n"

PEOPLE = """
    create unlogged table public.bench_people as
    select
        number,
        'u' || lpad(((number * 630023::bigint) % 10000019)::text, 8, '0') as user_id,
        date '{first_day}' + (number % {days})::integer as assigned_date,
        hash & 1 as arm,
        (hash >> 1) % 20 < 1 as is_global_holdout,
        (hash >> 1) % 20 between 1 and 2 as is_campaign_holdout,
        (hash >> 6) % 8 = 0 as is_returned,
        ((hash >> 9) % 30)::integer as return_days,
        ((hash >> 14) % 200)::integer as quiet_days,
        (hash >> 22) % 4 as layer,
        (hash >> 24) % 9 as reason,
        hash
    from (
        select number, ('x' || substr(md5(number::text), 1, 8))::bit(32)::bigint as hash
        from generate_series(0, {users} - 1) as numbers (number)
    ) as hashed
"""

LAPSED = "assigned_date - 1 - quiet_days"
"""The day on which the open episode had begun, 30 days after the last order."""

FILLS = (
    """
    insert into ledger.persons (user_id, person_id, first_assigned_at)
    select user_id, user_id, assigned_date::timestamp at time zone 'UTC' from public.bench_people
    """,
    """
    insert into ledger.global_holdouts (person_id, is_global_holdout, holdout_rate, drawn_date)
    select user_id, is_global_holdout, 0.05, assigned_date from public.bench_people
    """,
    """
    insert into ledger.assignments (
        campaign_id, person_id, campaign_version, arm_code, variant_code, is_global_holdout, is_campaign_holdout,
        assigned_date
    )
    select
        'year', user_id, 'v1', case arm when 0 then 'warm' else 'brief' end, 'plain', is_global_holdout,
        is_campaign_holdout, assigned_date
    from public.bench_people
    """,
    f"""
    insert into ledger.entries (
        audience_id, campaign_id, step_number, selected_date, person_id, campaign_version, user_id, line_id,
        episode_number, last_key_date, contact_id, channel, arm_code, variant_code, offer_code, is_held_out, state
    )
    select
        user_id, 'year', 1, assigned_date, user_id, 'v1', user_id, 'all', 1, {LAPSED} - 30, user_id, 'email',
        case arm when 0 then 'warm' else 'brief' end, 'plain', 'coupon', is_global_holdout or is_campaign_holdout,
        case when is_global_holdout or is_campaign_holdout then 'held_out' else 'sent' end
    from public.bench_people
    """,
    """
    insert into marts.fct_orders (
        order_id, user_id, ordered_at, ordered_date, status, is_valid, net_amount, refunded_amount, cost_amount,
        contribution_amount, discount_amount, currency_code
    )
    select
        'o' || number || '_' || order_number, user_id, ordered_date::timestamp at time zone 'UTC' + interval '12 hours',
        ordered_date, 'completed', true, net_amount, 0, 0, round(0.3 * net_amount, 2), 0, 'EUR'
    from (
        select
            number, order_number, user_id,
            case
                when order_number < 4 then assigned_date - 31 - quiet_days - 40 * (order_number - 1)
                else assigned_date + return_days
            end as ordered_date,
            round(10 + (hash >> order_number) % 9000 / 100.0, 2) as net_amount
        from public.bench_people
        cross join generate_series(1, 4) as order_numbers (order_number)
        where order_number < 4 or is_returned
    ) as orders
    """,
    f"""
    insert into marts.fct_lapse_episodes (
        user_id, line_id, episode_number, last_key_date, lapsed_date, returned_date, is_open
    )
    select
        user_id, 'all', 1, {LAPSED} - 30, {LAPSED}, case when is_returned then assigned_date + return_days end,
        not is_returned
    from public.bench_people
    """,
    f"""
    insert into intermediate.int_layer_bands (
        user_id, line_id, episode_number, last_key_date, valid_from, valid_to, last_order_date,
        order_count_30d_before_last_order, days_since_last_order_code, order_count_30d_before_last_order_code,
        days_since_last_order_score, order_count_30d_before_last_order_score, layer_score, layer_code,
        layer_score_without_visits, layer_code_without_visits, days_since_last_visit_code,
        visit_count_7d_before_last_visit_code, days_since_last_visit_score, visit_count_7d_before_last_visit_score
    )
    select
        user_id, 'all', 1, {LAPSED} - 30, {LAPSED}, case when is_returned then assigned_date + return_days end,
        {LAPSED} - 30, 0, 'a', 'a', 1, 1, 0.5, code, 0.5, code, 'a', 'a', 1, 1
    from public.bench_people
    cross join lateral (select (array['low', 'middle', 'high', 'top'])[1 + layer] as code) as layers
    """,
    f"""
    insert into intermediate.int_episode_profiles (
        user_id, line_id, last_key_date, lapsed_date, returned_date, persona_code, reason_code
    )
    select
        user_id, 'all', {LAPSED} - 30, {LAPSED}, case when is_returned then assigned_date + return_days end, 'other',
        (array['never_activated', 'product_quality', 'service', 'price', 'content_stale', 'wrong_match',
               'need_fulfilled', 'competitor', 'unknown'])[1 + reason]
    from public.bench_people
    """,
    """
    insert into marts.fct_user_days (
        user_id, line_id, activity_date, visit_count, action_count, order_count, feedback_count, net_amount,
        contribution_amount, funnel_step_number
    )
    select
        user_id, line_id, ordered_date, 0, 0, 1, 0, net_amount, contribution_amount, 0
    from marts.fct_orders
    cross join (values ('all'), ('any')) as lines (line_id)
    where user_id <> 'seed'
    """,
    """
    insert into raw.visits (
        visit_id, user_id, visited_at, action, session_id, _row_hash, _file_id, _record_number, _load_id
    )
    select
        'v' || number || '_' || visit_number, user_id,
        (assigned_date - 30 + 15 * visit_number + ((hash >> visit_number) % 15)::integer)::timestamp
        at time zone 'UTC'
        + interval '9 hours',
        'view', null, md5('v' || number || '_' || visit_number)::uuid, 0, number * 10 + visit_number, 1
    from public.bench_people
    cross join generate_series(0, 4) as visit_numbers (visit_number)
    """,
    """
    insert into raw.redemptions (
        redemption_id, user_id, redeemed_at, campaign_id, order_id, reward_amount, _row_hash, _file_id,
        _record_number, _load_id
    )
    select
        'r' || number, user_id, (assigned_date + return_days)::timestamp at time zone 'UTC' + interval '12 hours',
        'year', 'o' || number || '_4', 2, md5('r' || number)::uuid, 0, number, 1
    from public.bench_people
    where is_returned and hash % 2 = 0 and not is_global_holdout and not is_campaign_holdout
    """,
)

FILLED = (
    "ledger.persons", "ledger.global_holdouts", "ledger.assignments", "ledger.entries", "marts.fct_orders",
    "marts.fct_lapse_episodes", "intermediate.int_layer_bands", "intermediate.int_episode_profiles",
    "marts.fct_user_days", "raw.visits", "raw.redemptions",
)  # fmt: skip


def make_warehouse(folder: Path, users: int, days: int) -> tuple[Workspace, date]:
    """Builds a night of a shop with one order, and puts the year's people into what that night serves.

    Args:
        folder: An empty folder for the workspace.
        users: How many are assigned.
        days: On how many days.

    Returns:
        The workspace, and the day that is served.
    """
    for name, text in {
        "workspace.yml": "business_time_zone: UTC\ncurrency_code: EUR\n",
        "landing/orders/seed.csv": SEED_ORDERS,
        "landing/visits/seed.csv": SEED_VISITS,
    }.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    workspace = load_workspace(folder)
    as_of_date = FIRST_DAY + timedelta(days=days - 1 + FOLLOWED_DAYS)
    load_definitions(workspace)
    load_landing(workspace)
    prepare_night(workspace, as_of_date)
    for layer in LAYERS:
        dbt.build_layer(layer)
    dbt.run_operation("publish", {"layer": "marts"})
    complete_night()
    with connect("owner", autocommit=True) as connection:
        connection.execute(PEOPLE.format(first_day=FIRST_DAY, days=days, users=users).encode())
        _define_campaign(connection)
        for statement in FILLS:
            connection.execute(statement.encode())
        for table in FILLED:
            connection.execute(f"analyze {table}".encode())
    return workspace, as_of_date


def _define_campaign(connection: psycopg.Connection) -> None:
    """Freezes the campaign that everybody is assigned to."""
    half = 2**31
    connection.execute(
        "insert into definitions.campaigns values"
        " ('year', 'v1', true, '', 100, 0.1, %s, 30, 100, 0, 'en', clock_timestamp())",
        (2**32 // 10,),
    )
    for arm, begin, end in (("warm", 0, half), ("brief", half, 2 * half)):
        connection.execute(
            "insert into definitions.campaign_arms values ('year', 'v1', %s, 'email', 'coupon', 'plain', 1, %s, %s)",
            (arm, begin, end),
        )
