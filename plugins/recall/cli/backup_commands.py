"""Commands around what cannot be computed again: backup and restore."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from recall.cli.database_commands import ensure_database
from recall.cli.options import EXIT_CODES
from recall.cli.terminal import RichProgress, output, show_next
from recall.domain.home import current_home
from recall.hooks import night_lock

BackupFile = Annotated[Path, typer.Argument(metavar="FILE", help="The backup, such as recall-2026-01-31.zip.")]

RELEASE = 'recall sql --role exporter "update ledger.kill_switches set is_stopped = false, changed_at = now()"'


def register(app: typer.Typer) -> None:
    """Adds this module's commands."""
    for command in (backup, restore):
        app.command(epilog=EXIT_CODES)(command)


def backup(file: BackupFile) -> None:
    """Write what nothing could bring back to a file: ledger, persons, contacts, consents, definitions, campaigns."""
    from recall.warehouse.backup import write_backup

    with night_lock.hold(night_lock.this_process("recall backup")):
        manifest = write_backup(file, progress=RichProgress())
    output().print(
        f"{file}: {manifest.row_count:,} rows of {len(manifest.tables)} tables as of {manifest.taken_at:%F %T} UTC."
        " It holds contacts of people; only you can read it.",
        soft_wrap=True,
    )
    show_next(f"recall restore {file}   (into an empty warehouse)")


def restore(
    file: BackupFile,
    complete: Annotated[
        bool,
        typer.Option("--complete", help="Nothing was sent after the backup was taken, so sending is not stopped."),
    ] = False,
) -> None:
    """Restore a backup into an empty warehouse; sending stays stopped until you say that the backup knows all sends."""
    from recall.warehouse.backup import restore_backup

    home = current_home()
    progress = RichProgress()
    ensure_database(home, progress)
    with night_lock.hold(night_lock.this_process("recall restore")):
        manifest = restore_backup(file, is_complete=complete, progress=progress)
    console = output()
    console.print(
        f"{manifest.row_count:,} rows of {len(manifest.tables)} tables restored, as of {manifest.taken_at:%F %T} UTC."
    )
    if complete:
        show_next("recall load", "recall nightly")
        return
    console.print(
        "Sending is stopped: whatever was sent later is not in this backup and would be sent again. When you know that"
        " nothing was, release it; else see docs/runbooks/database_lost.md.",
        soft_wrap=True,
    )
    show_next("recall load", "recall nightly --no-export", RELEASE)
