"""Outcomes kept by nights, made by a rebuild and made by a backfill are the same rows, whatever comes late."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import date, timedelta

import psycopg
import pytest
from tests.conftest import Warehouse, WorkspaceFactory
from tests.integration.outcomes.campaign_shop import OUTCOMES, CampaignShop, run_outcomes, run_whole_night
from tests.integration.warehouse.nights import digests
from tests.integration.warehouse.random_shop import FIRST_NIGHT, RandomShop, definition_files, land
from tests.support.files import write_files

from recall.domain.errors import GateBlocked
from recall.domain.workspace import Workspace, load_workspace
from recall.hooks import backfill
from recall.ingest.load import load_landing
from recall.warehouse.definitions import load_definitions

NIGHTS = (0, 8, 20, 21)
"""Of twenty-two days; several pass between most of them."""
WINDOWS = "window_days,valid_from\n5,2020-01-01\n10,2020-01-01\n"


@pytest.fixture(autouse=True)
def _home(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every test that goes on with the nights works in their home."""
    if "nights" in request.fixturenames:
        shop: Nights = request.getfixturevalue("nights")
        monkeypatch.setenv("RECALL_HOME", str(shop.warehouse.home.root))
        monkeypatch.setenv("RECALL_WORKSPACE", str(shop.workspace.path))


class Nights:
    """A shop after all of its nights."""

    def __init__(self, warehouse: Warehouse, workspace: Workspace, as_of_date: date) -> None:
        self.warehouse = warehouse
        self.workspace = workspace
        self.as_of_date = as_of_date
        self.kept = self.digests()

    def digests(self) -> dict[str, str]:
        with self.warehouse.connect("owner") as connection:
            return digests(connection, OUTCOMES)

    def run(self, statement: str) -> int:
        with self.warehouse.connect("owner") as connection:
            return connection.execute(statement.encode()).rowcount

    def value(self, query: str) -> object:
        with self.warehouse.connect("owner") as connection:
            row = connection.execute(query.encode()).fetchone()
        assert row is not None
        return row[0]


@pytest.fixture(scope="module")
def nights(module_warehouse: Warehouse, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nights]:
    """The shop after nights that each built on the one before."""
    folder = tmp_path_factory.mktemp("shop")
    shop = RandomShop(seed=5, user_count=40)
    campaigns = CampaignShop(shop, seed=6)
    write_files(folder, {**definition_files(), "definitions/outcome_windows.csv": WINDOWS})
    campaigns.land_touches(folder / "touches", range(NIGHTS[-1] + 1))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RECALL_HOME", str(module_warehouse.home.root))
        patch.setenv("RECALL_WORKSPACE", str(folder))
        workspace = load_workspace(folder)
        load_definitions(workspace)
        with module_warehouse.connect("owner") as owner:
            campaigns.define(owner)
        landed = -1
        for night in NIGHTS:
            as_of_date = FIRST_NIGHT + timedelta(days=night)
            for number in range(landed + 1, night + 1):
                land(shop, [number], workspace.path / "landing")
                if (folder / "touches" / str(number)).is_dir():
                    load_landing(workspace, landing=folder / "touches" / str(number))
            landed = night
            load_landing(workspace)
            run_whole_night(workspace, as_of_date, is_tested=night == NIGHTS[-1])
            # What is sent after the last night is news for the next one.
            if night != NIGHTS[-1]:
                with module_warehouse.connect("owner") as owner:
                    campaigns.export(owner, as_of_date, night)
        yield Nights(module_warehouse, workspace, as_of_date)


def test_nights_were_deltas_with_something_to_say(nights: Nights) -> None:
    assert nights.value("select count(*) from control.builds where is_full_rebuild") == 1
    # Late rows have reopened some of the entries and left most as they were.
    assert int(str(nights.value("select count(*) from intermediate.int_entries__reopened"))) > 0
    assert nights.value(
        "select count(*) > (select count(*) from intermediate.int_entries__reopened)"
        " from intermediate.int_entries__costed"
    )
    for campaign in ("spring", "summer", "own", "all"):
        assert nights.value(f"select count(*) > 9 from outcomes.out_recalled_users where campaign_id = '{campaign}'"), (
            campaign
        )
    for what in ("is_returned", "order_count > 0", "visit_count > 0", "relapsed_date is not null", "not is_matured"):
        assert nights.value(f"select bool_or({what}) from outcomes.out_recalled_users"), what
    assert nights.value("select bool_or(cost_amount > 0) from outcomes.out_recalled_users")


def test_nights_and_a_rebuild_agree_on_every_row(nights: Nights) -> None:
    run_whole_night(nights.workspace, nights.as_of_date, full_refresh=True)
    assert nights.digests() == nights.kept


def test_outcomes_built_again_touch_no_row(nights: Nights) -> None:
    run_outcomes()
    assert nights.digests() == nights.kept
    assert nights.value("select count(*) from intermediate.int_entries__followed") == 0


def test_night_that_failed_before_its_outcomes_is_made_good_by_the_next(nights: Nights) -> None:
    nights.run("update control.served_outcomes set build_id = build_id - 1")
    nights.run("update outcomes.out_recalled_users set order_count = order_count + 1 where campaign_id = 'own'")
    run_whole_night(nights.workspace, nights.as_of_date)
    assert nights.value("select not is_full_rebuild from control.builds order by build_id desc limit 1")
    assert nights.digests() == nights.kept


def falsify(nights: Nights) -> None:
    """Makes outcomes wrong in every way: other numbers, days that are gone, rows of nobody, sums that fit nothing."""
    first = FIRST_NIGHT - timedelta(days=40)
    nights.run("update outcomes.out_recalled_users set order_count = 7, net_amount = 70 where window_days = 10")
    nights.run(f"delete from outcomes.out_recalled_users where assigned_date < '{first + timedelta(days=9)}'")
    nights.run(
        "insert into outcomes.out_recalled_users"
        ' select (jsonb_populate_record(rows, \'{"person_id": "nobody"}\')).*'
        f" from outcomes.out_recalled_users as rows where assigned_date > '{FIRST_NIGHT}'"
        " on conflict do nothing"
    )
    nights.run("update intermediate.int_effect_cells set user_count = user_count + 1 where campaign_id = 'summer'")
    assert nights.digests() != nights.kept


RANGE = (FIRST_NIGHT - timedelta(days=41), FIRST_NIGHT + timedelta(days=31))


def test_backfill_of_all_days_gives_the_rows_of_the_nights(nights: Nights) -> None:
    falsify(nights)
    opened = backfill.open_backfill(*RANGE)
    assert opened.day_count > 15
    assert opened.as_of_date == nights.as_of_date
    done = backfill.run_days(opened.backfill_id, parallel_days=3)
    assert done.day_count == opened.day_count
    backfill.complete_backfill(opened.backfill_id)
    assert nights.digests() == nights.kept
    assert nights.value("select state from control.backfills order by backfill_id desc limit 1") == "complete"


def test_backfill_of_some_days_leaves_the_others_alone(nights: Nights) -> None:
    days = (FIRST_NIGHT, FIRST_NIGHT + timedelta(days=3))
    before = "select md5(string_agg(cast(rows.* as text), '|' order by cast(rows.* as text)))"
    before += f" from outcomes.out_recalled_users as rows where assigned_date not between '{days[0]}' and '{days[1]}'"
    nights.run("update outcomes.out_recalled_users set order_count = order_count + 1")
    others = nights.value(before)
    opened = backfill.open_backfill(*days)
    backfill.run_days(opened.backfill_id, parallel_days=2)
    assert opened.day_count == nights.value(
        "select count(distinct assigned_date) from outcomes.out_recalled_users"
        f" where assigned_date between '{days[0]}' and '{days[1]}'"
    )
    assert nights.value(before) == others
    # The whole range mends the rest.
    rest = backfill.open_backfill(*RANGE)
    backfill.run_days(rest.backfill_id, parallel_days=2)
    backfill.complete_backfill(rest.backfill_id)
    assert nights.digests() == nights.kept


WORK = """
import sys
from datetime import date
from recall.hooks import backfill
opened = backfill.open_backfill(*(date.fromisoformat(day) for day in sys.argv[1:3]))
backfill.run_days(opened.backfill_id, parallel_days=2)
"""


def test_backfill_that_was_killed_goes_on_with_the_days_that_are_left(nights: Nights) -> None:
    falsify(nights)
    blocked = nights.value(
        "select assigned_date from outcomes.out_recalled_users group by 1 order by 1 offset 12 limit 1"
    )
    count = "select count(days.finished_at) from control.backfill_days as days"
    count += (
        " inner join control.backfills using (backfill_id) where state = 'running' and from_date = '"
        + str(RANGE[0])
        + "'"
    )
    with nights.warehouse.connect("owner") as holder:
        # While somebody holds this day's rows, no worker comes past it.
        holder.execute("select 1 from outcomes.out_recalled_users where assigned_date = %s for update", (blocked,))
        process = subprocess.Popen([sys.executable, "-c", WORK, *map(str, RANGE)], env=os.environ.copy())
        try:
            deadline = time.monotonic() + 120
            while int(str(nights.value(count))) < 8 and time.monotonic() < deadline:
                assert process.poll() is None
                time.sleep(0.1)
        finally:
            process.send_signal(signal.SIGKILL)
            process.wait()
    opened = backfill.open_backfill(*RANGE)
    assert 8 <= opened.finished_count < opened.day_count
    done = backfill.run_days(opened.backfill_id, parallel_days=2)
    assert done.day_count == opened.day_count - opened.finished_count
    backfill.complete_backfill(opened.backfill_id)
    assert nights.digests() == nights.kept


def test_backfill_cannot_be_closed_while_a_day_is_open(nights: Nights) -> None:
    opened = backfill.open_backfill(FIRST_NIGHT, FIRST_NIGHT + timedelta(days=2))
    with pytest.raises(Exception, match="assignment days of the backfill are not finished"):
        backfill.complete_backfill(opened.backfill_id)


def test_backfill_where_the_last_night_served_no_outcomes_is_blocked(nights: Nights) -> None:
    nights.run("update control.served_outcomes set build_id = build_id - 1")
    with pytest.raises(GateBlocked, match="would mix two nights"):
        backfill.open_backfill(*RANGE)
    nights.run("update control.served_outcomes set build_id = build_id + 1")


@pytest.mark.parametrize(
    "statement",
    [
        "select 1 from audiences.aud_recall_members",
        "select 1 from ledger.entries",
        "insert into ledger.sends default values",
        "select 1 from pii.contact_points",
        "delete from marts.fct_orders",
        "delete from outcomes.out_campaign_effects",
        "update outcomes.out_recalled_users set order_count = 0",
        "create table intermediate.mine (one integer)",
    ],
)
def test_backfiller_can_do_nothing_but_replace_outcomes(nights: Nights, statement: str) -> None:
    with (
        nights.warehouse.connect("backfiller") as connection,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        connection.execute(statement.encode())


STORY = {
    "workspace.yml": "business_time_zone: UTC\ncurrency_code: EUR\n",
    "landing/orders/a.csv": (
        "order_id,user_id,ordered_at,net_amount,updated_at\n"
        "o1,ann,2025-06-01,10,\no2,bob,2025-06-01,10,\no3,cem,2025-06-01,10,\no4,cem,2026-02-05,10,\n"
        "o5,dee,2025-06-01,10,\no6,dee,2026-02-06,10,\n"
    ),
    "landing/touches/a.csv": (
        "touch_id,campaign_id,user_id,touched_at,arm_code,is_control\n"
        "t1,spring,ann,2026-02-01,A,false\nt2,spring,bob,2026-02-02,A,false\n"
        "t3,spring,cem,2026-02-03,A,false\nt4,spring,dee,2026-02-04,A,false\n"
        "t5,spring,eva,2026-03-01,A,false\n"
    ),
}


def reopened(warehouse: Warehouse) -> list[str]:
    with warehouse.connect("owner") as connection:
        rows = connection.execute("select assigned_date from intermediate.int_entry_days__reopened order by 1")
        return [str(day) for (day,) in rows.fetchall()]


def test_late_rows_reopen_exactly_the_days_they_touch(
    warehouse: Warehouse, workspace_factory: WorkspaceFactory
) -> None:
    # Windows 7, 14 and 30: what happens up to 29 days after the day of the touch counts, and the year before it.
    workspace = workspace_factory(STORY)
    load_definitions(workspace)
    load_landing(workspace)
    run_whole_night(workspace, date(2026, 3, 20))

    # ann's order of today is 47 days after her touch; dee has returned, so her order may be news of a next lapse;
    # bob's order of 10 February comes late. eva's 30 days run.
    write(workspace, "landing/orders/b.csv", "o7,ann,2026-03-20,10,\no8,bob,2026-02-10,12,\no9,dee,2026-03-20,10,\n")
    load_landing(workspace)
    run_whole_night(workspace, date(2026, 3, 21))
    assert reopened(warehouse) == ["2026-02-02", "2026-02-04"]
    assert bobs_week(warehouse) == (0, 0)
    assert bobs_fortnight(warehouse) == (1, 12)

    # cem's order of 5 February is refunded today: money of a day that lies in his windows.
    write(workspace, "landing/refunds/a.csv", "r1,o4,2026-03-22,4\n", head="refund_id,order_id,refunded_at,amount\n")
    load_landing(workspace)
    run_whole_night(workspace, date(2026, 3, 22))
    assert reopened(warehouse) == ["2026-02-03"]

    # A quiet night, until eva's 30 days end with 30 March: 1 March + 29.
    run_whole_night(workspace, date(2026, 3, 23))
    assert reopened(warehouse) == []
    run_whole_night(workspace, date(2026, 3, 30))
    assert reopened(warehouse) == ["2026-03-01"]
    with warehouse.connect("owner") as connection:
        matured = connection.execute(
            "select window_days from outcomes.out_recalled_users where person_id = 'eva' and is_matured order by 1"
        ).fetchall()
    assert matured == [(7,), (14,), (30,)]

    # A vendor tells late that it touched fay on 4 February.
    write(
        workspace,
        "landing/touches/b.csv",
        "t6,spring,fay,2026-02-04,A,false\n",
        head="touch_id,campaign_id,user_id,touched_at,arm_code,is_control\n",
    )
    load_landing(workspace)
    run_whole_night(workspace, date(2026, 3, 31))
    assert reopened(warehouse) == ["2026-02-04"]


def bobs_week(warehouse: Warehouse) -> tuple[int, int]:
    return bobs(warehouse, 7)


def bobs_fortnight(warehouse: Warehouse) -> tuple[int, int]:
    return bobs(warehouse, 14)


def bobs(warehouse: Warehouse, window: int) -> tuple[int, int]:
    """Orders and net amount of bob in a window."""
    with warehouse.connect("owner") as connection:
        row = connection.execute(
            "select order_count, net_amount from outcomes.out_recalled_users"
            " where person_id = 'bob' and window_days = %s",
            (window,),
        ).fetchone()
    assert row is not None
    return int(row[0]), int(row[1])


def write(workspace: Workspace, name: str, rows: str, head: str = "") -> None:
    header = head or "order_id,user_id,ordered_at,net_amount,updated_at\n"
    write_files(workspace.path, {name: header + rows})
