"""Commands around the database: up, down, status, dsn, sql."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_args

import typer

from recall.cli.options import EXIT_CODES
from recall.cli.terminal import RichProgress, output, show_next, show_table
from recall.domain.errors import RecallError, UsageError
from recall.domain.home import Home, current_home
from recall.warehouse.connection import Role, connect, dsn

if TYPE_CHECKING:
    import psycopg

    from recall.hooks.supervisor import Server

RoleOption = Annotated[str, typer.Option("--role", help=f"Who connects: {', '.join(get_args(Role))}.")]


def register(app: typer.Typer) -> None:
    """Adds this module's commands."""
    for command in (up, down, status):
        app.command(epilog=EXIT_CODES)(command)
    app.command("dsn", epilog=EXIT_CODES)(show_dsn)
    app.command("sql", epilog=EXIT_CODES)(run_sql)


def up(
    airflow: Annotated[bool, typer.Option("--airflow", help="Start Airflow too, and keep it running.")] = False,
) -> None:
    """Start the database, bring its schemas up to date, and with --airflow start the scheduler."""
    home = current_home()
    progress = RichProgress()
    ensure_database(home, progress)
    if not airflow:
        show_next("recall load", "recall doctor")
        return
    from recall.hooks import supervisor

    server = supervisor.start(home, progress=progress)
    _show_server(server, home)
    show_next("recall nightly --as-of 2026-01-31", "recall down")


def down(
    purge: Annotated[bool, typer.Option("--purge", help="Delete the home folder's data too: all of it.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before deleting.")] = False,
) -> None:
    """Stop Airflow and the database, and with --purge delete what they hold."""
    from recall.hooks import supervisor
    from recall.warehouse import embedded_postgres

    home = current_home()
    console = output()
    if purge and not yes:
        typer.confirm(f"Delete everything below {home.root}, the ledger of sends included?", abort=True)
    if supervisor.stop(home):
        console.print("Airflow stopped.")
    if embedded_postgres.is_running(home):
        embedded_postgres.stop(home)
        console.print("PostgreSQL stopped.")
    if purge:
        _purge(home)
        console.print(f"{home.root} deleted.", soft_wrap=True)
        if os.environ.get("RECALL_DATABASE_URL"):
            console.print("The database of RECALL_DATABASE_URL was left as it is.")


def status() -> None:
    """Show what is running, which day the marts serve, and who is at work."""
    from recall.cli.status_table import status_rows

    show_table(("part", "state", "detail"), status_rows(current_home()))


def show_dsn(role: RoleOption = "bi_reader") -> None:
    """Print the connection string for psql or a BI tool; it holds the role's password."""
    sys.stdout.write(f"{dsn(_role(role))}\n")


def run_sql(
    query: Annotated[str | None, typer.Argument(help="One query; without it a prompt opens.")] = None,
    role: RoleOption = "bi_reader",
) -> None:
    """Run one query and show it as a table, or open a prompt."""
    with connect(_role(role), autocommit=True) as database:
        if query is not None:
            _execute(database, query)
        elif sys.stdin.isatty():
            _prompt(database, current_home())
        else:
            _execute(database, sys.stdin.read())


def ensure_database(home: Home, progress: RichProgress) -> None:
    """Starts the embedded PostgreSQL unless another server is configured, and brings the schemas up to date.

    Args:
        home: The home folder.
        progress: Whoever looks at it.
    """
    from recall.warehouse import embedded_postgres
    from recall.warehouse.schema import upgrade

    if not os.environ.get("RECALL_DATABASE_URL"):
        with progress.stage("PostgreSQL") as stage:
            embedded_postgres.start(home)
            stage.note(str(home.postgres_dir))
    with progress.stage("schemas and roles"):
        upgrade(home)


def _role(name: str) -> Role:
    """Checks a role's name."""
    for role in get_args(Role):
        if role == name:
            found: Role = role
            return found
    raise UsageError(f"{name!r} is no role; known are {', '.join(get_args(Role))}")


def _show_server(server: Server, home: Home) -> None:
    """Prints where Airflow is and how to log in."""
    console = output()
    console.print(f"Airflow    {server.address}", soft_wrap=True)
    console.print(f"login      {server.user} / {server.password}", soft_wrap=True, markup=False)
    console.print(f"logs       {home.logs_dir / 'airflow'}", soft_wrap=True)


def _purge(home: Home) -> None:
    """Deletes what recall has made in its home folder, and the folder itself if nothing else is left in it.

    The folder is not deleted whole: RECALL_HOME may have been pointed at one that holds other things.
    """
    for folder in (
        home.postgres_dir,
        home.airflow_dir,
        home.dbt_target_dir,
        home.reports_dir,
        home.logs_dir,
        home.outbox_dir,
        home.workspaces_dir,
    ):
        shutil.rmtree(folder, ignore_errors=True)
    for file in (home.secrets_file, home.workspace_pointer, _history_file(home)):
        file.unlink(missing_ok=True)
    if home.root.is_dir() and not any(home.root.iterdir()):
        home.root.rmdir()


def _execute(database: psycopg.Connection, query: str) -> None:
    """Runs one query and shows its rows, or how many it touched."""
    import psycopg

    try:
        # The query is the user's own, typed for the rights of the role that he chose.
        cursor = database.execute(query.encode())
    except psycopg.Error as error:
        message = error.diag.message_primary or str(error).strip()
        hint = f" ({error.diag.message_hint})" if error.diag.message_hint else ""
        raise RecallError(
            f"the database refused the query: {message}{hint}",
            next_command=(
                "recall sql --role auditor, which reads everything but contacts"
                if isinstance(error, psycopg.errors.InsufficientPrivilege)
                else None
            ),
        ) from error
    if cursor.description is None:
        output().print(cursor.statusmessage or "done")
        return
    rows: list[tuple[Any, ...]] = cursor.fetchall()
    show_table([column.name for column in cursor.description], rows)
    output().print(f"{len(rows):,} row{'' if len(rows) == 1 else 's'}")


def _prompt(database: psycopg.Connection, home: Home) -> None:
    """Reads queries that end with a semicolon until the end of the input."""
    import readline

    from recall.cli.terminal import show_error

    history = _history_file(home)
    if history.is_file():
        readline.read_history_file(history)
    output().print("End a query with a semicolon; \\d lists the tables, \\q or Ctrl-D leaves.", markup=False)
    lines: list[str] = []
    try:
        while True:
            try:
                line = input("recall> " if not lines else "     -> ")
            except KeyboardInterrupt:
                sys.stdout.write("\n")
                lines.clear()
                continue
            if line.strip() in ("\\q", "exit", "quit") and not lines:
                break
            if line.strip() == "\\d" and not lines:
                lines = [_LIST_TABLES]
            elif line.strip():
                lines.append(line)
            if lines and lines[-1].rstrip().endswith(";"):
                query = "\n".join(lines)
                lines.clear()
                try:
                    _execute(database, query)
                except RecallError as error:
                    show_error(error)
    except EOFError:
        sys.stdout.write("\n")
    finally:
        readline.set_history_length(1000)
        readline.write_history_file(history)


_LIST_TABLES = """
select table_schema, table_name
from information_schema.tables
where table_schema not in ('pg_catalog', 'information_schema')
order by table_schema, table_name;
"""


def _history_file(home: Home) -> Path:
    """Returns the file that remembers the prompt's queries."""
    return home.root / "sql_history"
