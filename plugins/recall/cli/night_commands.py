"""Commands of the night: load, nightly, plan, export, report."""

from __future__ import annotations

import getpass
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path
from typing import Annotated, Any

import typer

from recall.cli.database_commands import ensure_database
from recall.cli.options import EXIT_CODES, AsOf, DryRun, FromDate, ToDate, last_complete_day, require_date, served_day
from recall.cli.terminal import RichProgress, errors, output, show_next, show_table
from recall.domain.errors import UsageError
from recall.domain.home import current_home
from recall.domain.workspace import load_workspace
from recall.hooks import foreground
from recall.report.texts import Language
from recall.warehouse.connection import connect

INTERRUPTED = 130


def register(app: typer.Typer) -> None:
    """Adds this module's commands."""
    for command in (load, nightly, calibrate, plan, export, receipts, backfill, report):
        app.command(epilog=EXIT_CODES)(command)


def load(
    landing: Annotated[
        Path | None, typer.Option("--landing", help="Folder of delivered files; default the workspace's own.")
    ] = None,
    accept: Annotated[
        list[str] | None, typer.Option("--accept", help="Go on without this rejected file; may be given several times.")
    ] = None,
) -> None:
    """Load what was delivered: definitions, campaigns and landing files, with progress; rejected files end with 3."""
    if landing is not None and not landing.is_dir():
        raise UsageError(f"{landing} is not a folder")
    conf = {"landing": str(landing.resolve()) if landing else None, "accept": list(accept or [])}
    results = run_chain(None, dag_ids=("ingest_raw",), conf=conf)
    show_load(results)
    last_day = _last_order_day()
    show_next(f"recall nightly --as-of {last_day}" if last_day else "recall status")


def nightly(
    as_of: AsOf = None,
    full_refresh: Annotated[bool, typer.Option("--full-refresh", help="Rebuild every user.")] = False,
    export_too: Annotated[
        bool | None, typer.Option("--export/--no-export", help="Send what the night selected, or stop before that.")
    ] = None,
    scratch: Annotated[
        bool, typer.Option("--scratch", help="Build a past day apart, in schemas scratch_*; nothing is loaded or sent.")
    ] = False,
    drop: Annotated[bool, typer.Option("--drop", help="With --scratch: drop what was built apart.")] = False,
) -> None:
    """Run the night: load, build, gates, export, report; by default for the last complete business day."""
    if scratch or drop:
        _run_scratch(as_of, scratch=scratch, drop=drop, other=full_refresh or export_too is not None)
        return
    day = as_of or last_complete_day(load_workspace())
    export_too = export_too is not False
    dag_ids = foreground.CHAIN if export_too else foreground.CHAIN[:2]
    results = run_chain(day, dag_ids=dag_ids, conf={"full_refresh": full_refresh})
    show_load(results)
    show_exports(results)
    show_report(results)
    show_next("recall status", f"recall plan --as-of {day}" if not export_too else f"recall report --as-of {day}")


def calibrate(as_of: AsOf = None) -> None:
    """Fit return curves and churn limits for the served day now; suggestions are shown and never adopted."""
    day = as_of or served_day()
    results = run_chain(day, dag_ids=("calibrate_definitions",), conf={"is_fit_forced": True})
    show_fit(results)


def plan(
    as_of: AsOf = None,
    preview: Annotated[
        int | None,
        typer.Option("--preview", metavar="N", min=1, max=100, help="Show the messages of N members of each channel."),
    ] = None,
) -> None:
    """Show what an export would add, drop, leave and cost; nothing is sent."""
    from recall.cli.plan_table import show_plan, show_preview
    from recall.hooks import delivery
    from recall.hooks.preview import preview_messages

    day = as_of or served_day()
    show_plan(delivery.plan(day))
    if preview:
        show_preview(preview_messages(day, preview))
    show_next(f"recall export --as-of {day}")


def export(
    as_of: AsOf = None,
    dry_run: DryRun = False,
    approve: Annotated[
        bool, typer.Option("--approve", help="Accept what a gate found unusual for that day, build again and send.")
    ] = False,
) -> None:
    """Send what the night selected; the same day twice sends nothing more."""
    day = require_date(as_of, "recall export --as-of 2026-01-31")
    results = _approve(day) if approve and not dry_run else None
    if results is None:
        dag_ids = foreground.CHAIN if approve else ("export_audiences",)
        results = run_chain(day, dag_ids=dag_ids, conf={"dry_run": dry_run})
    show_exports(results)
    show_report(results)


def receipts() -> None:
    """Take in what became of messages: delivered receipts, outcomes of calls, acknowledgements; a no counts at once."""
    show_receipts(run_chain(None, dag_ids=("collect_receipts",), conf={}))


def backfill(
    from_date: FromDate,
    to_date: ToDate,
    parallel: Annotated[
        int, typer.Option("--parallel", min=1, max=16, help="How many assignment days are worked on at once.")
    ] = 2,
) -> None:
    """Compute the outcomes of assignment days and the effects again; nothing is sent, and a run that died goes on."""
    conf = {"from_date": str(from_date), "to_date": str(to_date), "parallel_days": parallel}
    results = run_chain(None, dag_ids=("backfill_effects",), conf=conf)
    show_backfill(results)
    show_next('recall sql "select * from outcomes.out_campaign_profit"')


def report(
    as_of: AsOf = None,
    language: Annotated[
        Language, typer.Option("--language", help="In which the page opens; it holds both, with a switch.")
    ] = "en",
) -> None:
    """Write the report page for a day, in English and Chinese, and print its path."""
    from recall.report.page import write_report

    path = write_report(as_of or served_day(), current_home(), language)
    output().print(str(path), soft_wrap=True)


def run_chain(
    as_of_date: date | None, *, dag_ids: Sequence[str], conf: Mapping[str, Any]
) -> dict[str, list[dict[str, Any]]]:
    """Runs DAGs with progress on the terminal, the database started first if it is down.

    Args:
        as_of_date: The last business day included; None for a load alone.
        dag_ids: Which DAGs.
        conf: More of the run's order.

    Returns:
        What each task returned, by task id.
    """
    load_workspace()
    home = current_home()
    progress = RichProgress()
    with interruptible():
        ensure_database(home, progress)
        return foreground.run_chain(as_of_date, dag_ids=dag_ids, conf=conf, progress=progress, home=home)


def _run_scratch(as_of: date | None, *, scratch: bool, drop: bool, other: bool) -> None:
    """Builds a past day apart and says how to read it, or drops what was built apart.

    Args:
        as_of: The day.
        scratch: Whether --scratch was given.
        drop: Whether --drop was given.
        other: Whether an option was given that has no meaning for a scratch build.
    """
    from recall.hooks.scratch import build_scratch, drop_scratch

    if not scratch:
        raise UsageError("--drop drops what --scratch built", next_command="recall nightly --scratch --drop")
    if other:
        raise UsageError("a scratch build is always a whole one and never sent: leave out --full-refresh and --export")
    workspace = load_workspace()
    home = current_home()
    progress = RichProgress()
    with interruptible():
        ensure_database(home, progress)
        if drop:
            output().print(f"{drop_scratch()} tables and views of the scratch build dropped.")
            return
        day = require_date(as_of, "recall nightly --as-of 2026-01-31 --scratch")
        built = build_scratch(workspace, day, progress=progress)
    output().print(f"{day} stands apart, as if it were that night; what is served was not touched:")
    for schema, name in built.tables:
        output().print(f"  {schema}.{name}")
    example = next(f"{schema}.{name}" for schema, name in built.tables)
    show_next(f'recall sql "select * from {example} limit 10"', "recall nightly --scratch --drop")


@contextmanager
def interruptible() -> Iterator[None]:
    """Turns an interruption into a plain message and exit code 130."""
    try:
        yield
    except KeyboardInterrupt as error:
        if isinstance(error, foreground.Detached):
            errors().print(f"no longer followed: the run goes on at {error.address}", soft_wrap=True)
        else:
            errors().print("interrupted: nothing half-done is served; the same command starts again where it must.")
        raise typer.Exit(INTERRUPTED) from None


def show_load(results: Mapping[str, Sequence[Mapping[str, Any]]]) -> None:
    """Prints the sums of the load.

    Args:
        results: What the tasks returned.
    """
    for summary in results.get("load_files", []):
        console = output()
        console.print(
            f"Loaded {summary['loaded_count']:,} of {summary['row_count']:,} rows from {summary['file_count']:,} new"
            f" files; {summary['quarantined_count']:,} set aside, {summary['repeated_count']:,} repeated,"
            f" {summary['superseded_count']:,} superseded; {summary['unchanged_count']:,} files unchanged."
        )
        for path in summary["ignored"]:
            console.print(f"Ignored, no data file: {path}", markup=False)
        for hint in summary["hints"]:
            console.print(f"Hint: {hint}", markup=False)


def show_exports(results: Mapping[str, Sequence[Mapping[str, Any]]]) -> None:
    """Prints one row per channel that was exported.

    Args:
        results: What the tasks returned.
    """
    summaries = results.get("export_channel", [])
    if summaries and summaries[0]["is_dry_run"]:
        show_table(
            ("channel", "selected for", "would be sent", "written to"),
            [
                (each["channel"], each["selected_date"], each["member_count"], each["preview_path"])
                for each in summaries
            ],
        )
    elif summaries:
        counts = ("newly_sent", "removed", "sent", "failed", "suppressed", "unknown", "waiting", "held_out")
        show_table(
            ("channel", "selected for", *(count.replace("_", " ") for count in counts)),
            [
                (each["channel"], each["selected_date"], *(each[f"{count}_count"] for count in counts))
                for each in summaries
            ],
        )
        resumes_at = min((str(each["resumes_at"]) for each in summaries if each["resumes_at"]), default=None)
        if resumes_at:
            output().print(
                f"Quiet hours: who waits for them may be written to from {resumes_at} on. Airflow goes on by itself"
                f" (resume_exports); without it type: recall export --as-of {_day_before(summaries[0])}",
                soft_wrap=True,
            )
    elif "list_channels" in results:
        output().print("Export: no channel has anything to send.")


def _day_before(summary: Mapping[str, Any]) -> date:
    """Returns the as-of date of an export."""
    return date.fromisoformat(str(summary["selected_date"])) - timedelta(days=1)


def show_receipts(results: Mapping[str, Sequence[Mapping[str, Any]]]) -> None:
    """Prints one row per source of receipts.

    Args:
        results: What the tasks returned.
    """
    counts = ("new", "unmatched", "settled", "refusal")
    show_table(
        ("source", "new", "without a send", "sends settled", "said no"),
        [
            (each["source_code"], *(each[f"{count}_count"] for count in counts))
            for each in results.get("collect_source", [])
        ],
    )


def show_backfill(results: Mapping[str, Sequence[Mapping[str, Any]]]) -> None:
    """Prints what a backfill did.

    Args:
        results: What the tasks returned.
    """
    for summary in results.get("backfill_days", []):
        before = summary["finished_before_count"]
        output().print(
            f"{summary['day_count']:,} assignment days from {summary['from_date']} to {summary['to_date']}"
            + (f" ({before:,} were finished before)" if before else "")
            + f": {summary['entry_count']:,} entries, {summary['row_count']:,} rows, as known on"
            f" {summary['as_of_date']}; {summary['seconds']:,.1f} s, and the effects are made anew.",
            soft_wrap=True,
        )


def show_fit(results: Mapping[str, Sequence[Mapping[str, Any]]]) -> None:
    """Prints the limits that are far from what a fit suggests.

    Args:
        results: What the tasks returned.
    """
    for fit in results.get("fit_marts", []):
        output().print(f"Fitted as of {fit['fitted_date']}: marts.fct_churn_limits, marts.fct_return_curves.")
        if fit["drifts"]:
            columns = ("line_id", "lapse_days_in_force", "lapse_days_suggested")
            show_table(
                ("drifting line", "limit in force", "suggested"),
                [tuple(drift[column] for column in columns) for drift in fit["drifts"]],
            )


def show_report(results: Mapping[str, Sequence[Mapping[str, Any]]]) -> None:
    """Prints where the report is.

    Args:
        results: What the tasks returned.
    """
    for summary in results.get("write_report", []):
        output().print(f"Report: {summary['path']}", soft_wrap=True)


def _last_order_day() -> date | None:
    """Returns the business day of the newest order, which is the latest day that a night makes sense for."""
    with connect("auditor") as database:
        row = database.execute(
            "select cast(max(ordered_at) at time zone %s as date) from raw.orders",
            (load_workspace().business_time_zone,),
        ).fetchone()
    day: date | None = row[0] if row else None
    return day


def _approve(day: date) -> dict[str, list[dict[str, Any]]] | None:
    """Stores that a person accepts the unusual figures of the doors that are closed for a day.

    Args:
        day: The day.

    Returns:
        What the tasks returned of a night on Airflow that had waited for it; None where none did, so that the night
        has to be run again.
    """
    from recall.hooks.gates import approve
    from recall.hooks.night_status import closed_doors

    doors = closed_doors(day)
    if not doors:
        raise UsageError(f"no gate is closed for {day}, so there is nothing to approve")
    for door in doors:
        approve(door, day, getpass.getuser())
    with interruptible():
        return foreground.answer_waiting(day, progress=RichProgress(), home=current_home())
