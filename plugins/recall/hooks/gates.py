"""The two doors of the warehouse: may this come in, and may this leave?

Each door has suites of Great Expectations in `expectations/<door>/`. A suite is a JSON file that names its
table; the `.sql` file of the same name beside it says which rows of the table a night must look at. A door opens
only when every suite was found, could be run and holds: whatever goes wrong on the way keeps it shut.

What a check finds is kept as counts. No value of a row is asked of the database where it can be avoided, and
none is stored, logged or put into an error.
"""

from __future__ import annotations

import importlib
import importlib.util
import json
import logging
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from numbers import Real
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from psycopg.rows import class_row

from recall.domain.errors import GateBlocked, RecallError
from recall.domain.home import PROJECT_ROOT, Home
from recall.warehouse.connection import connect, dsn

if TYPE_CHECKING:
    from great_expectations.datasource.fluent.sql_datasource import SQLDatasource

Door = Literal["raw", "audiences"]
Status = Literal["passed", "failed", "allowed", "crashed"]

SUITES_DIR = PROJECT_ROOT / "expectations"
SUITES: Mapping[Door, frozenset[str]] = {
    "raw": frozenset({"deliveries", "orders", "order_items", "visits", "consents"}),
    "audiences": frozenset({"members", "audience_sizes"}),
}
"""The suites that each door must find; one that is lost must not be missed in silence."""

# The auditor sees every schema but pii, so that no check can come near a contact.
CHECKING_ROLE: Literal["auditor"] = "auditor"
RECORDING_ROLE: Literal["transformer"] = "transformer"
RESULT_FORMAT = {"result_format": "BASIC", "exclude_unexpected_values": True, "partial_unexpected_count": 0}


@dataclass(frozen=True)
class Check:
    """What became of one expectation.

    Attributes:
        suite_name: File of the suite, without `.json`.
        table_name: The table whose rows were checked; None where the suite could not be read.
        check_name: Type of the expectation; `suite` where the suite as a whole could not be run.
        column_name: The column checked; None for a check of whole rows.
        description: What must hold, as a sentence.
        status: passed, failed, allowed (failed, but a person said yes) or crashed.
        is_critical: Whether no person can allow it.
        checked_count: Rows looked at; None where the check compares one figure.
        failed_count: Rows that broke it; None where the check compares one figure.
        observed_value: The figure compared, where it is a count or a rate of many rows; else None.
    """

    suite_name: str
    table_name: str | None
    check_name: str
    column_name: str | None
    description: str
    status: Status
    is_critical: bool = True
    checked_count: int | None = None
    failed_count: int | None = None
    observed_value: float | None = None

    def __str__(self) -> str:
        """The check in one line, with counts only."""
        if self.status == "crashed":
            return f"{self.suite_name}: {self.description}"
        found = ""
        if self.failed_count is not None:
            found = f" (not so in {self.failed_count:,} of {self.checked_count or 0:,} rows)"
        elif self.observed_value is not None:
            found = f" (found {self.observed_value:,.4g})"
        return f"{self.suite_name}: {self.description}{found}"


@dataclass(frozen=True)
class GateResult:
    """What one run of a gate found.

    Attributes:
        gate_run_id: Number of the run in control.gate_results.
        door: Which door.
        as_of_date: The last business day that the night includes.
        build_id: The build behind the audiences; None at the raw door.
        checks: Every check, in the order of suites and expectations.
    """

    gate_run_id: int
    door: Door
    as_of_date: date
    build_id: int | None
    checks: tuple[Check, ...]

    @property
    def closed_by(self) -> tuple[Check, ...]:
        """The checks that keep the door shut; empty if it is open."""
        return tuple(check for check in self.checks if check.status in ("failed", "crashed"))


@dataclass(frozen=True)
class AudienceSize:
    """How many a step and its night write to, and how many they may before a person is asked.

    Attributes:
        campaign_id: The campaign.
        step_number: Its step.
        member_count: Members of the step, without those held out.
        usual_count: What it usually has; None while too few nights were built.
        largest_step_count: What it may have at most; None while nobody knows what is usual.
        night_count: Members of all steps.
        largest_night_count: What they may be at most; None without rules.
    """

    campaign_id: str
    step_number: int
    member_count: int
    usual_count: float | None
    largest_step_count: float | None
    night_count: int
    largest_night_count: float | None


class PersonNeeded(GateBlocked):
    """Nothing is broken, but what was found is unusual: a person may allow it with `approve`."""


def run_gate(
    door: Door,
    as_of_date: date,
    build_id: int | None = None,
    *,
    suites_dir: Path = SUITES_DIR,
    home: Home | None = None,
) -> GateResult:
    """Runs every suite of a door and stores what it found in control.gate_results.

    Args:
        door: `raw` looks at what was loaded since the served build, `audiences` at the members that the night
            selected.
        as_of_date: The last business day that the night includes.
        build_id: The build behind the audiences; None at the raw door.
        suites_dir: Folder with one folder of suites per door.
        home: The home folder; default the current one.

    Returns:
        The checks; every one of them passed or was allowed by a person.

    Raises:
        PersonNeeded: All that keeps the door shut is unusual and not wrong; a person may allow it.
        GateBlocked: A check failed or could not be made, a suite is missing, or the gate itself broke. Nothing
            after it may run; what was served before goes on serving. Mend what the message names, then run the
            same night again.
    """
    try:
        if door == "audiences":
            _require_night(as_of_date, build_id, home)
        checks = _run_suites(door, suites_dir / door, home)
        result = _record(door, as_of_date, build_id, checks, home)
    except Exception as error:
        # Whatever it is, an unanswered question is a no. A foreign text is left out: it may quote a row.
        detail = error.message if isinstance(error, RecallError) else type(error).__name__
        raise GateBlocked(
            f"The gate {door} for {as_of_date} could not be run and stays closed: {detail}",
            next_command=error.next_command if isinstance(error, RecallError) else "recall doctor",
        ) from error
    if result.closed_by:
        raise _blocked(result)
    return result


def audience_sizes(*, home: Home | None = None) -> tuple[AudienceSize, ...]:
    """Returns what the suite `audience_sizes` looks at, for the night that was built last.

    Args:
        home: The home folder; default the current one.
    """
    statement = (SUITES_DIR / "audiences" / "audience_sizes.sql").read_bytes()
    with (
        connect(CHECKING_ROLE, home=home) as connection,
        connection.cursor(row_factory=class_row(AudienceSize)) as cursor,
    ):
        cursor.execute(
            b"select campaign_id, step_number, member_count, usual_count, largest_step_count, night_count,"
            b" largest_night_count from (" + statement + b"\n) as sizes order by campaign_id, step_number"
        )
        return tuple(cursor.fetchall())


def approve(door: Door, as_of_date: date, approved_by: str, *, home: Home | None = None) -> None:
    """Lets a person accept what is unusual at a door for one day; the next run of the gate obeys it.

    Only checks of severity `warning` yield: nobody can allow a broken promise.

    Args:
        door: Which door.
        as_of_date: The day whose unusual figures were looked at and found right.
        approved_by: Who said so.
        home: The home folder; default the current one.
    """
    with connect(RECORDING_ROLE, home=home) as connection:
        connection.execute(
            "insert into control.gate_approvals (door, as_of_date, approved_by) values (%s, %s, %s)"
            " on conflict do nothing",
            (door, as_of_date, approved_by),
        )


def require_open(door: Door, build_id: int, *, home: Home | None = None) -> None:
    """Makes sure that the last gate of a build was run and found nothing that keeps the door shut.

    Args:
        door: Which door.
        build_id: The build.
        home: The home folder; default the current one.

    Raises:
        GateBlocked: It was not run, or stays closed.
    """
    with connect(CHECKING_ROLE, home=home) as connection:
        row = connection.execute(
            "select count(*), count(*) filter (where status in ('failed', 'crashed')) from control.gate_results"
            " where door = %(door)s and build_id = %(build)s and gate_run_id ="
            " (select max(gate_run_id) from control.gate_results where door = %(door)s and build_id = %(build)s)",
            {"door": door, "build": build_id},
        ).fetchone()
    assert row is not None
    if not row[0] or row[1]:
        why = f"{row[1]} checks keep it shut" if row[0] else "it was not run"
        raise GateBlocked(f"the gate {door} of build {build_id} is not open: {why}", next_command="recall status")


def _require_night(as_of_date: date, build_id: int | None, home: Home | None) -> None:
    """Refuses to judge the audiences of another night than the one asked about."""
    with connect(CHECKING_ROLE, home=home) as connection:
        night = connection.execute("select as_of_date, build_id from control.night").fetchone()
    if night is None or night[0] != as_of_date or build_id not in (None, night[1]):
        raise RecallError(
            f"the night under way is {night}, not {as_of_date} (build {build_id})", next_command="recall status"
        )


def load_engine() -> None:
    """Imports Great Expectations, which takes seconds.

    A third of them goes into scipy's distributions, for expectations that no suite of ours holds: they are loaded when
    somebody asks for one.
    """
    if "scipy.stats" not in sys.modules:
        spec = importlib.util.find_spec("scipy.stats")
        assert spec is not None, "Great Expectations needs it"
        assert spec.loader is not None
        spec.loader = importlib.util.LazyLoader(spec.loader)
        later = sys.modules["scipy.stats"] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(later)
        # An import that finds the name here does not look at the module, which would load it.
        vars(sys.modules["scipy"])["stats"] = later
    importlib.import_module("great_expectations")


def _run_suites(door: Door, folder: Path, home: Home | None) -> list[Check]:
    os.environ["GX_ANALYTICS_ENABLED"] = "false"
    load_engine()
    import great_expectations as gx
    from great_expectations.data_context.types.base import ProgressBarsConfig

    # It warns of every crash with the text of the exception, which may quote a row.
    logging.getLogger("great_expectations").setLevel(logging.CRITICAL)
    found = {path.stem for path in folder.glob("*.json")}
    checks = [_crashed(name, "the suite is missing from the expectations") for name in sorted(SUITES[door] - found)]
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = ProgressBarsConfig(globally=False)
    url = dsn(CHECKING_ROLE, home).replace("postgresql://", "postgresql+psycopg://", 1)
    datasource = context.data_sources.add_postgres(name="warehouse", connection_string=url)
    try:
        for name in sorted(found):
            checks.extend(_run_suite(datasource, folder / f"{name}.json"))
    finally:
        datasource.get_engine().dispose()
    return checks


def _run_suite(datasource: SQLDatasource, path: Path) -> list[Check]:
    """Runs one suite; a suite that cannot be run is one crashed check."""
    import great_expectations as gx

    name = path.stem
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        suite = gx.ExpectationSuite(**content)
        table = str(suite.meta["table"])
        if not suite.expectations:
            return [_crashed(name, "the suite expects nothing")]
        # A query asset has to begin with select, and a file may begin with a comment or with a CTE.
        query = f"select * from (\n{path.with_suffix('.sql').read_text(encoding='utf-8')}\n) as checked_rows"
        asset = datasource.add_query_asset(name, query=query)
        batch = asset.add_batch_definition_whole_table(name).get_batch()
        validation = batch.validate(suite, result_format=RESULT_FORMAT)
        checks = [_check(name, table, result) for result in validation.results]
    except Exception as error:
        # Fail closed: a suite that cannot answer counts as a refusal, and the door tries the others to tell all.
        return [_crashed(name, f"the suite could not be run ({type(error).__name__})")]
    if len(checks) != len(content["expectations"]):
        return [_crashed(name, "some of the suite's expectations gave no result")]
    return checks


def _check(suite_name: str, table: str, result: Any) -> Check:
    configuration = result.expectation_config
    column = configuration.kwargs.get("column")
    crashed = bool(result.exception_info and _raised(result.exception_info))
    figures = result.result or {}
    observed = figures.get("observed_value")
    is_row_count = configuration.type in ("unexpected_rows_expectation", "expect_table_row_count_to_be_between")
    is_figure = is_row_count or str(column).endswith(("_count", "_rate"))
    return Check(
        suite_name=suite_name,
        table_name=table,
        check_name=str(configuration.type),
        column_name=str(column) if column else None,
        description=str(configuration.description),
        status="crashed" if crashed else "passed" if result.success is True else "failed",
        is_critical=str(configuration.severity.value) != "warning",
        checked_count=figures.get("element_count"),
        failed_count=figures.get("unexpected_count"),
        observed_value=float(observed) if is_figure and isinstance(observed, Real) else None,
    )


def _raised(exception_info: Mapping[str, Any]) -> bool:
    """Whether an expectation, or one of the metrics below it, raised; the two are reported differently."""
    if "raised_exception" in exception_info:
        return bool(exception_info["raised_exception"])
    return any(bool(info.get("raised_exception")) for info in exception_info.values())


def _crashed(suite_name: str, description: str) -> Check:
    return Check(suite_name, None, "suite", None, description, "crashed")


def _record(
    door: Door, as_of_date: date, build_id: int | None, checks: Sequence[Check], home: Home | None
) -> GateResult:
    """Applies a person's approval and stores the checks, all or none of them."""
    with connect(RECORDING_ROLE, home=home) as connection, connection.cursor() as cursor:
        approved = cursor.execute(
            "select 1 from control.gate_approvals where door = %s and as_of_date = %s", (door, as_of_date)
        ).fetchone()
        if approved:
            checks = [
                replace(check, status="allowed") if check.status == "failed" and not check.is_critical else check
                for check in checks
            ]
        row = cursor.execute("select nextval('control.gate_runs')").fetchone()
        assert row is not None
        gate_run_id = int(row[0])
        cursor.executemany(
            "insert into control.gate_results (gate_run_id, door, as_of_date, build_id, suite_name, table_name,"
            " check_name, column_name, description, status, checked_count, failed_count, observed_value)"
            " values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
            [
                (
                    gate_run_id, door, as_of_date, build_id, check.suite_name, check.table_name,
                    check.check_name, check.column_name, check.description, check.status,
                    check.checked_count, check.failed_count, check.observed_value,
                )
                for check in checks
            ],
        )  # fmt: skip
    return GateResult(gate_run_id, door, as_of_date, build_id, tuple(checks))


def _blocked(result: GateResult) -> GateBlocked:
    """Says what keeps the door shut, and what to type next."""
    reasons = "\n".join(f"  {check}" for check in result.closed_by)
    question = "come in" if result.door == "raw" else "leave"
    # A check that crashed has no answer that a person could allow.
    can_be_allowed = not any(check.is_critical or check.status == "crashed" for check in result.closed_by)
    return (PersonNeeded if can_be_allowed else GateBlocked)(
        f"The gate {result.door} for {result.as_of_date} is closed; this may not {question}:\n{reasons}",
        next_command=(
            f"recall export --as-of {result.as_of_date} --approve"
            if can_be_allowed
            else 'recall sql --role auditor "select suite_name, column_name, description, failed_count'
            f" from control.gate_results where gate_run_id = {result.gate_run_id} and status <> 'passed'\""
        ),
    )
