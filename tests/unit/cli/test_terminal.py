"""What the terminal shows is whole, also in a pipe."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from recall.cli.options import last_complete_day
from recall.cli.terminal import RichProgress, show_error, show_table
from recall.domain.errors import RecallError
from recall.domain.workspace import Workspace


def test_show_error_prints_message_and_next_command_to_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    show_error(RecallError("orders.csv: [bold] is no column", next_command="recall load --accept orders.csv"))
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err == "error: orders.csv: [bold] is no column\nnext:  recall load --accept orders.csv\n"


def test_show_table_in_a_pipe_cuts_nothing_and_takes_text_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    long = "x" * 300
    show_table(("name", "rows", "amount"), [(f"[red]{long}", 12, Decimal("1.50")), (None, 3, None)])
    shown = capsys.readouterr().out
    assert f"[red]{long}" in shown
    assert "1.50" in shown
    assert "-" in shown.splitlines()[-2]


def test_progress_in_a_pipe_prints_one_line_per_stage_with_rows_and_a_remark(
    capsys: pytest.CaptureFixture[str],
) -> None:
    progress = RichProgress()
    with progress.stage("night"), progress.stage("load orders") as stage:
        stage.advance(1_000)
        stage.advance(234)
        stage.note("orders.csv")
    inner, outer = capsys.readouterr().out.splitlines()
    assert inner.startswith("✓ load orders")
    assert "1,234 rows" in inner
    assert inner.endswith("orders.csv")
    assert outer.startswith("✓ night")


def test_progress_of_two_threads_prints_a_whole_line_for_each_stage(capsys: pytest.CaptureFixture[str]) -> None:
    progress = RichProgress()
    both_open = threading.Barrier(2)

    def run(name: str) -> None:
        with progress.stage(name) as stage:
            both_open.wait(timeout=30)
            stage.advance(7)

    with ThreadPoolExecutor(max_workers=2) as threads:
        list(threads.map(run, ("convert", "PostgreSQL")))
    shown = sorted(line.split()[:4] for line in capsys.readouterr().out.splitlines())
    assert shown == [["✓", "PostgreSQL", "7", "rows"], ["✓", "convert", "7", "rows"]]


def test_progress_of_a_stage_that_fails_is_marked_and_lets_the_error_through(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(RecallError), RichProgress().stage("load orders"):
        raise RecallError("cut")
    assert capsys.readouterr().out.startswith("✗ load orders")


@pytest.mark.parametrize(
    ("zone", "now", "expected"),
    [
        ("UTC", datetime(2024, 3, 1, 0, 0, tzinfo=UTC), date(2024, 2, 29)),
        # 23:30 UTC is already the next morning in Shanghai, and still the afternoon in New York.
        ("Asia/Shanghai", datetime(2024, 2, 29, 23, 30, tzinfo=UTC), date(2024, 2, 29)),
        ("America/New_York", datetime(2024, 2, 29, 23, 30, tzinfo=UTC), date(2024, 2, 28)),
    ],
)
def test_last_complete_day_is_yesterday_in_the_business_zone(
    zone: str, now: datetime, expected: date, tmp_path_factory: pytest.TempPathFactory
) -> None:
    workspace = Workspace(path=tmp_path_factory.mktemp("w"), business_time_zone=zone, currency_code="EUR")
    assert last_complete_day(workspace, now=now) == expected
