"""The command that checks everything a night needs: doctor."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import typer

from recall.cli.options import EXIT_CODES
from recall.cli.terminal import show_table
from recall.domain.errors import GateBlocked, RecallError
from recall.domain.home import Home, current_home
from recall.domain.workspace import load_workspace

CURRENT_CHANNELS = Path(__file__).with_name("current_channels.sql")
LEAST_FREE_BYTES = 2 * 2**30
BLOCKED = GateBlocked.exit_code


@dataclass(frozen=True)
class Finding:
    """What one check found.

    Attributes:
        check: What was looked at.
        is_good: Whether a night may go on.
        detail: What was found, in words.
        next_command: What to type to mend it; empty if nothing is to be mended.
        exit_code: What doctor ends with because of it: that of the night that would stop there.
    """

    check: str
    is_good: bool
    detail: str
    next_command: str = ""
    exit_code: int = RecallError.exit_code


def register(app: typer.Typer) -> None:
    """Adds this module's command."""
    app.command(epilog=EXIT_CODES)(doctor)


def doctor() -> None:
    """Check machine, database, workspace, definitions, campaigns, channels and sources, and say what to do."""
    findings = list(examine(current_home()))
    show_table(
        ("check", "state", "detail", "next"),
        [
            (finding.check, "ok" if finding.is_good else "problem", finding.detail, finding.next_command)
            for finding in findings
        ],
    )
    problems = [finding for finding in findings if not finding.is_good]
    if problems:
        raise typer.Exit(max(finding.exit_code for finding in problems))


def examine(home: Home) -> Iterator[Finding]:
    """Makes each check in turn; one that cannot be made is a problem, not an error.

    Args:
        home: The home folder.
    """
    checks: tuple[tuple[str, Callable[[Home], Finding]], ...] = (
        ("Python", _python),
        ("disk", _disk),
        ("database", _database),
        ("schemas", _schemas),
        ("workspace", _workspace),
        ("definitions", _definitions),
        ("campaigns", _campaigns),
        ("channels", _channels),
        ("sources", _sources),
        ("nights", _nights),
    )
    for name, check in checks:
        try:
            yield check(home)
        except RecallError as error:
            yield Finding(name, False, error.message, error.next_command or "")
        except Exception as error:
            yield Finding(name, False, f"could not be checked ({type(error).__name__})")


def _python(home: Home) -> Finding:
    """The interpreter that runs us is one that the lock was made for."""
    version = ".".join(str(part) for part in sys.version_info[:3])
    return Finding("Python", (3, 11) <= sys.version_info[:2] < (3, 14), version)


def _disk(home: Home) -> Finding:
    """There is room for a night."""
    folder = next(path for path in (home.root, *home.root.parents) if path.exists())
    free = shutil.disk_usage(folder).free
    detail = f"{free / 2**30:.1f} GB free for {home.root}"
    return Finding("disk", free >= LEAST_FREE_BYTES, detail, "" if free >= LEAST_FREE_BYTES else "df -h")


def _database(home: Home) -> Finding:
    """The database answers."""
    from recall.warehouse.connection import connect

    with connect("owner", home=home) as database:
        row = database.execute("select current_setting('server_version'), pg_is_in_recovery()").fetchone()
    assert row is not None
    return Finding("database", not row[1], f"PostgreSQL {row[0]}" + (", read-only standby" if row[1] else ""))


def _schemas(home: Home) -> Finding:
    """The migrations are those of this release."""
    from alembic.script import ScriptDirectory

    from recall.warehouse.connection import connect, dsn
    from recall.warehouse.schema import alembic_config

    newest = ScriptDirectory.from_config(alembic_config(dsn("owner", home))).get_current_head()
    with connect("owner", home=home) as database:
        row = database.execute("select version_num from control.schema_version").fetchone()
    current = row[0] if row else "none"
    if current != newest:
        return Finding("schemas", False, f"migration {current} of {newest}", "recall up")
    return Finding("schemas", True, f"migration {current}")


def _workspace(home: Home) -> Finding:
    """A workspace is chosen and its settings are right."""
    workspace = load_workspace(home=home)
    return Finding("workspace", True, f"{workspace.path}, {workspace.business_time_zone}, {workspace.currency_code}")


def _definitions(home: Home) -> Finding:
    """The definition files would be accepted."""
    from recall.warehouse.definitions import validate_definitions

    problems = validate_definitions(load_workspace(home=home))
    if problems:
        return Finding("definitions", False, "; ".join(str(problem) for problem in problems), "recall doctor", BLOCKED)
    return Finding("definitions", True, "all files are right")


def _campaigns(home: Home) -> Finding:
    """The campaign files would be accepted."""
    from recall.warehouse.campaigns import validate_campaigns

    problems = validate_campaigns(load_workspace(home=home))
    if problems:
        return Finding("campaigns", False, "; ".join(str(problem) for problem in problems), "recall doctor", BLOCKED)
    return Finding("campaigns", True, "all files are right")


def _channels(home: Home) -> Finding:
    """Each channel that a campaign uses can be reached."""
    from recall.channels.contract import ChannelUnavailable, Settings
    from recall.channels.registry import open_delivery
    from recall.warehouse.connection import connect

    with connect("auditor", home=home) as database:
        channels = database.execute(CURRENT_CHANNELS.read_bytes()).fetchall()
    problems: list[str] = []
    for channel, delivery_code in channels:
        try:
            with open_delivery(delivery_code, Settings(channel, os.environ, home.outbox_dir)):
                pass
        except ChannelUnavailable as error:
            problems.append(f"{channel}: {error.detail}")
        except RecallError as error:
            problems.append(error.message)
    if problems:
        return Finding("channels", False, "; ".join(problems), "recall doctor")
    names = ", ".join(channel for channel, _ in channels)
    return Finding("channels", True, f"{names} reachable" if names else "no loaded campaign uses any")


def _sources(home: Home) -> Finding:
    """No expected delivery is missing on the served day."""
    from recall.hooks.night_status import read_status
    from recall.ingest.sources import require_sources

    served = read_status(home).served
    if served is None:
        return Finding("sources", True, "not looked at before the first night")
    require_sources(load_workspace(home=home), served.as_of_date)
    return Finding("sources", True, f"all delivered as of {served.as_of_date}")


def _nights(home: Home) -> Finding:
    """The last night tried ended well."""
    from recall.hooks.night_status import read_status

    status = read_status(home)
    if status.last is None:
        return Finding("nights", True, "none yet", "recall nightly")
    if status.last.state == "failed":
        return Finding(
            "nights",
            False,
            f"the last one, for {status.last.as_of_date}, failed; the marts serve"
            f" {status.served.as_of_date if status.served else 'nothing'}",
            f"recall nightly --as-of {status.last.as_of_date}",
        )
    return Finding("nights", True, f"{status.last.as_of_date} is {status.last.state}")
