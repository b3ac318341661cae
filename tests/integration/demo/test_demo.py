"""The demo as a newcomer runs it, twice: published figures, one message per key, nothing new the second time."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.conftest import keep_parsed
from tests.support.browser import look_at
from tests.support.server_folder import server_folder

from recall.domain.home import Home
from recall.warehouse import embedded_postgres
from recall.warehouse.connection import connect

REPORT = "recall_2017-12-31.html"
MODELS = Path(__file__).resolve().parents[3] / "dbt_project" / "models"
CATALOGUE = """
    select
        classes.relname,
        attributes.attname,
        format_type(attributes.atttypid, attributes.atttypmod),
        coalesce(col_description(classes.oid, attributes.attnum), '')
    from pg_class as classes
    inner join pg_attribute as attributes on classes.oid = attributes.attrelid
    where
        classes.relnamespace in ('marts'::regnamespace, 'outcomes'::regnamespace, 'audiences'::regnamespace)
        and attributes.attnum > 0
        and not attributes.attisdropped
"""
TYPE_NAMES = {"timestamptz": "timestamp with time zone", "int": "integer"}


@dataclass(frozen=True)
class Demo:
    """A home folder in which the demo ran twice, and what it printed each time."""

    home: Home
    first: str
    second: str

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        with connect("auditor", home=self.home) as connection:
            return connection.execute(query.encode()).fetchall()


@pytest.fixture(scope="module")
def demo(parsed_projects: Path) -> Iterator[Demo]:
    with server_folder("recall-demo-") as folder:
        home = Home(folder / "home")
        keep_parsed(home, parsed_projects)
        try:
            yield Demo(home, run_demo(home), run_demo(home))
        finally:
            embedded_postgres.stop(home)


def run_demo(home: Home) -> str:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("RECALL_", "AIRFLOW"))}
    finished = subprocess.run(
        [sys.executable, "-m", "recall.cli.app", "demo"],
        env={**environment, "RECALL_HOME": str(home.root)},
        capture_output=True,
        text=True,
        check=False,
        timeout=800,
    )
    assert finished.returncode == 0, finished.stdout[-3000:] + finished.stderr[-3000:]
    return finished.stdout


def test_demo_sample_loads_with_its_published_figures(demo: Demo) -> None:
    # The sample's own counts: 155,848 baskets of 2,469 households, 27 campaigns, 6,589 touches, 2,102 redemptions.
    assert "155,848 orders" in demo.first
    assert "2,469 households" in demo.first
    assert "6,589 touches of 27 campaigns, 2,102 redemptions" in demo.first
    assert demo.rows("select count(*), count(distinct user_id) from marts.fct_orders where is_valid") == [
        (155_848, 2_469)
    ]


def test_demo_every_record_of_every_file_is_accounted_for(demo: Demo) -> None:
    assert demo.rows(
        "select sum(row_count), sum(loaded_count + quarantined_count + repeated_count + superseded_count)"
        " from control.files where state = 'loaded'"
    ) == [(1_735_899, 1_735_899)]


def test_demo_order_after_midnight_utc_belongs_to_the_day_before_in_new_york(demo: Demo) -> None:
    # The last basket of the year was rung up at 04:01:20 UTC on 1 January 2018, 23:01:20 on 31 December in New York.
    assert demo.rows(
        "select cast(max(ordered_at) at time zone 'UTC' as text), cast(max(ordered_date) as text) from marts.fct_orders"
    ) == [("2018-01-01 04:01:20", "2017-12-31")]


def test_demo_touches_redeemed_by_type_are_the_real_ones(demo: Demo) -> None:
    redeemed = demo.rows(
        "select arm_code, sum(redeemed_count), sum(member_count) from outcomes.out_campaign_steps"
        " where step_number = 0 group by arm_code order by arm_code"
    )
    assert redeemed == [("Type A", 604, 3_647), ("Type B", 154, 2_368), ("Type C", 34, 574)]
    assert "792 of 6,589 touches redeemed" in demo.first


def test_demo_campaigns_without_control_state_no_lift(demo: Demo) -> None:
    imported = "campaign_id in (select campaign_id from outcomes.out_campaign_steps where step_number = 0)"
    assert demo.rows(
        "select count(distinct campaign_id), bool_or(is_estimable), count(lift), count(lift_low), count(relative_lift)"
        f" from outcomes.out_campaign_effects where {imported}"
    ) == [(27, False, 0, 0, 0)]
    assert demo.rows(
        "select distinct not_estimable_reason from outcomes.out_campaign_effects"
        f" where metric_code = 'order_rate' and {imported}"
    ) == [("no control",)]
    # The sample's own campaign began on the last evening: nobody's window has ended, and nothing is said of it.
    assert demo.rows(
        "select campaign_id, recalled_count, caused_not_estimable_reason from outcomes.out_campaign_profit"
        f" where not {imported} order by campaign_id"
    ) == [("all", 0, "no window has ended"), ("welcome_back", 0, "no window has ended")]


def test_demo_database_catalogue_says_what_the_contracts_say(demo: Demo) -> None:
    contracts = {
        (model["name"], column["name"]): (
            TYPE_NAMES.get(column["data_type"], column["data_type"]),
            column["description"].strip(),
        )
        for layer in ("marts", "outcomes", "audiences")
        for path in MODELS.glob(f"{layer}/**/*.yml")
        for model in yaml.safe_load(path.read_text(encoding="utf-8")).get("models") or []
        for column in model["columns"]
    }
    tables = {table for table, _ in contracts}
    catalogue = {
        (table, column): (kind, comment.strip())
        for table, column, kind, comment in demo.rows(CATALOGUE)
        if table in tables
    }

    assert catalogue == contracts


def test_demo_second_night_is_a_delta_of_fewer_than_all_users(demo: Demo) -> None:
    nights = demo.rows(
        "select cast(as_of_date as text), is_full_rebuild, state from control.builds order by build_id limit 2"
    )
    assert nights == [("2017-12-30", True, "complete"), ("2017-12-31", False, "complete")]


def test_demo_nobody_gets_a_message_twice_by_the_peers_own_log(demo: Demo) -> None:
    log = demo.home.root / "peer" / "accepted.jsonl"
    accepted = Counter(
        recipient
        for line in log.read_text(encoding="utf-8").splitlines()
        for recipient in json.loads(line)["recipients"]
    )
    sent = demo.rows(
        "select count(*), count(distinct contact_id) from ledger.sends where channel = 'email' and state = 'sent'"
    )
    assert sent[0][0] > 0
    assert (accepted.total(), len(accepted)) == sent[0]
    assert all(recipient.endswith("@example.invalid") for recipient in accepted)


def test_demo_nobody_held_out_or_opted_out_is_sent_to(demo: Demo) -> None:
    assert demo.rows(
        "select count(*) from ledger.sends as sends inner join ledger.assignments as assignments"
        " on sends.campaign_id = assignments.campaign_id and sends.person_id = assignments.person_id"
        " where assignments.is_held_out"
    ) == [(0,)]
    assert demo.rows(
        "select count(*) from ledger.sends as sends where sends.channel = 'email' and not exists"
        " (select 1 from raw.consents as consents where consents.user_id = sends.user_id"
        " and consents.channel = 'email' and consents.is_opted_in)"
    ) == [(0,)]


def test_demo_again_loads_nothing_and_sends_nothing_and_says_so(demo: Demo) -> None:
    assert "loaded 1,735,899 rows" in demo.first
    assert re.search(r"night of 2017-12-31: [\d.]+ s, loaded 0 rows, sent 0$", demo.second, flags=re.MULTILINE)
    assert "night of 2017-12-30:" not in demo.second


def test_demo_report_shows_the_figures_and_needs_no_other_file(demo: Demo) -> None:
    page = (demo.home.reports_dir / REPORT).read_text(encoding="utf-8")
    for figure in ("155,848", "2,469", "6,589", "792", "3,647", "604"):
        assert figure in page, figure
    assert "no control" in page
    assert "@example.invalid" not in page
    assert "src=" not in page


@pytest.mark.parametrize("width", [360, 1280])
def test_demo_report_in_a_browser_fits_the_screen(demo: Demo, tmp_path: Path, width: int) -> None:
    seen = look_at((demo.home.reports_dir / REPORT).read_text(encoding="utf-8"), tmp_path, width)
    assert seen.page_width <= seen.inner_width == width
    assert seen.sized > 20
    assert (seen.unsized, seen.cut, seen.overlapping, seen.complaints) == ([], [], [], [])
