"""`recall experiment size` on a handful of lapsed customers whose layers and chances are known."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest
from tests.conftest import Warehouse
from typer.testing import CliRunner

from recall.cli.app import app
from recall.cli.experiment_command import LayerMembers, days_needed, read_layers
from recall.domain.errors import RecallError
from recall.warehouse.definitions import load_definitions

DAY = date(2026, 3, 10)

TABLES = """
    create table marts.fct_worth_anchors (
        user_id text, line_id text, last_key_date date, layer_code text, return_rate_untouched numeric
    );
    create table audiences.aud_recall_members (
        user_id text, line_id text, last_key_date date, selected_date date, campaign_id text, is_global_holdout boolean
    );
    create table outcomes.out_recalled_users (
        campaign_id text, layer_code text, is_control boolean, assigned_date date, window_days integer
    );
    grant select on marts.fct_worth_anchors, audiences.aud_recall_members, outcomes.out_recalled_users
        to recall_auditor;
"""


@pytest.fixture
def planned(warehouse: Warehouse, workspace_factory: Any) -> Warehouse:
    """2,000 lapsed in two layers; of the top ones 1,000 are members tomorrow, and 28 days brought 10 a day."""
    load_definitions(workspace_factory({}))
    with warehouse.connect("owner", autocommit=True) as connection:
        connection.execute(TABLES.encode())
        with connection.cursor() as cursor:
            cursor.executemany(
                "insert into marts.fct_worth_anchors values (%s, 'all', '2026-01-01', %s, %s)",
                [
                    (f"u{n}", "top" if n < 1_200 else "low", 0.1 if n < 1_000 else 0.3 if n < 1_200 else None)
                    for n in range(2_000)
                ],
            )
            cursor.executemany(
                "insert into audiences.aud_recall_members values (%s, 'all', '2026-01-01', %s, %s, %s)",
                [(f"u{n}", DAY + timedelta(days=1), "spring", False) for n in range(1_000)]
                + [("u1000", DAY + timedelta(days=1), "spring", True), ("u1001", DAY, "spring", False)],
            )
            cursor.executemany(
                "insert into outcomes.out_recalled_users values (%s, %s, %s, %s, %s)",
                [
                    (campaign, "top", is_control, DAY - timedelta(days=n % 28), window)
                    for n in range(280)
                    for campaign, is_control in (("spring", n % 2 == 0), ("all", False))
                    for window in (7, 30)
                ]
                + [("all", "top", True, DAY, 7), ("spring", "top", False, DAY - timedelta(days=28), 7)],
            )
    return warehouse


def test_layers_are_counted_with_members_chances_and_intake(planned: Warehouse) -> None:
    with planned.connect("auditor") as connection:
        for campaign in (None, "spring"):
            assert read_layers(connection, DAY, campaign) == [
                LayerMembers("low", 800, None, 0, None),
                LayerMembers("top", 1_200, 0.1, 1_000, 10.0),
            ]
        # Of a campaign without members the layer's own chance: (1,000 x 0.1 + 200 x 0.3) / 1,200.
        assert read_layers(connection, DAY, "autumn") == [
            LayerMembers("low", 800, None, 0, None),
            LayerMembers("top", 1_200, pytest.approx(160 / 1_200), 0, None),
        ]


def test_command_says_members_days_and_what_the_audience_can_show(planned: Warehouse) -> None:
    shown = CliRunner().invoke(
        app, ["experiment", "size", "--as-of", "2026-03-10", "--lift", "0.05", "--holdout", "0.5"]
    )
    assert shown.exit_code == 0, shown.output
    # 1,366 members (worked by hand beside the formula), 1,000 are there, the others take 36.6 days.
    row = next(line.split() for line in shown.output.splitlines() if line.strip().startswith("top"))
    assert row[:6] == ["top", "1,200", "10.00%", "1,366", "37", "1,000"]
    assert 5.5 < float(row[6].rstrip("%")) < 6.5
    low = next(line.split() for line in shown.output.splitlines() if line.strip().startswith("low"))
    assert low == ["low", "800", "-", "-", "-", "0", "-"]


def test_command_before_the_first_night_says_what_to_run(warehouse: Warehouse) -> None:
    with warehouse.connect("auditor") as connection, pytest.raises(RecallError, match="no night has built"):
        read_layers(connection, DAY, None)


def test_days_needed_without_anybody_coming_is_unknown() -> None:
    assert days_needed(LayerMembers("top", 10, 0.1, 10, None), 11) is None
    assert days_needed(LayerMembers("top", 10, 0.1, 11, None), 11) == 0
