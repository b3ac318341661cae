"""Commands around what was set aside: quarantine list and replay."""

from __future__ import annotations

from typing import Annotated

import typer

from recall.cli.night_commands import run_chain, show_load
from recall.cli.options import EXIT_CODES
from recall.cli.terminal import output, show_next, show_table
from recall.domain.errors import UsageError
from recall.ingest.quarantine import broken_rules, quarantined_records


def register(app: typer.Typer) -> None:
    """Adds this module's commands, below `quarantine`."""
    group = typer.Typer(help="See what was set aside, and judge it again.", no_args_is_help=True, epilog=EXIT_CODES)
    group.command("list", epilog=EXIT_CODES)(list_records)
    group.command(epilog=EXIT_CODES)(replay)
    app.add_typer(group, name="quarantine")


def list_records(
    file: Annotated[
        str | None, typer.Option("--file", help="Show the records of this file one by one; a path below landing/.")
    ] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, help="Records of a file to show at most.")] = 50,
) -> None:
    """Show what was set aside by file and rule, or record by record for one file; what they say is not shown."""
    rules = broken_rules()
    if file is None:
        if not rules:
            output().print("Nothing is set aside: every record of every loaded file is in.")
            return
        show_table(
            ("table", "file", "rule", "column", "records", "first record", "on line"),
            [
                (
                    rule.table_name,
                    rule.file_path,
                    rule.rule_code,
                    rule.column_name,
                    rule.record_count,
                    rule.first_record_number,
                    rule.first_line_number,
                )
                for rule in rules
            ],
        )
        show_next(f"recall quarantine list --file {rules[0].file_path}", "recall quarantine replay")
        return
    records = quarantined_records(file, limit)
    if not records:
        known = sorted({rule.file_path for rule in rules})
        raise UsageError(
            f"{file}: nothing of such a file is set aside" + (f"; there is {known[0]}" if known else ""),
            next_command="recall quarantine list",
        )
    show_table(
        ("record", "on line", "rule", "column", "replay id"),
        [(one.record_number, one.line_number, one.rule_code, one.column_name, str(one.replay_id)) for one in records],
    )
    show_next(
        'recall sql --role auditor "select raw_line from quarantine.rows where replay_id ='
        f" '{records[0].replay_id}'\"   (not for tables of personal data)",
        f"recall quarantine replay {file}",
    )


def replay(
    files: Annotated[
        list[str] | None,
        typer.Argument(metavar="[FILE]...", help="Paths below landing/; default every file with records set aside."),
    ] = None,
) -> None:
    """Judge files again that have records set aside, by the rules, rates and time of now; the rest of them stays."""
    before = {rule.file_path for rule in broken_rules()}
    for name in files or ():
        if name not in before:
            raise UsageError(f"{name}: nothing of such a file is set aside", next_command="recall quarantine list")
    wanted = sorted(files or before)
    if not wanted:
        output().print("Nothing is set aside, so there is nothing to judge again.")
        return
    show_load(run_chain(None, dag_ids=("ingest_raw",), conf={"replay": wanted}))
    left = sum(rule.record_count for rule in broken_rules() if rule.file_path in wanted)
    output().print(f"{left:,} records of these files are still set aside.")
    show_next("recall quarantine list" if left else "recall nightly")
