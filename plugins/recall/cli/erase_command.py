"""The command that removes a person: erase."""

from __future__ import annotations

from typing import Annotated

import typer

from recall.cli.night_commands import run_chain
from recall.cli.options import EXIT_CODES
from recall.cli.terminal import output, show_next


def register(app: typer.Typer) -> None:
    """Adds this module's command."""
    app.command(epilog=EXIT_CODES)(erase)


def erase(
    user_id: Annotated[str, typer.Argument(metavar="USER", help="The user's id as the source writes it.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask: nothing brings the person back.")] = False,
) -> None:
    """Remove a person everywhere, for ever, and tell the channels; whoever comes again stays erased."""
    if not yes:
        typer.confirm(f"Erase user {user_id} and whoever was merged with them, for ever?", abort=True)
    results = run_chain(None, dag_ids=("erase_users",), conf={"erased_user_id": user_id})
    console = output()
    for counts in results.get("erase_users", []):
        console.print(
            f"Erased: {counts['user_count']:,} users, {counts['row_count']:,} rows, {counts['contact_count']:,}"
            " contacts (of each a keyed hash stays, so that it is known if it comes again)."
        )
    for told in results.get("tell_channels", []):
        console.print(f"Taken back out of advertising audiences: {told['removed_count']:,}.")
        if told["waiting_count"]:
            console.print(f"{told['waiting_count']:,} contacts are kept until their audience has been told.")
    show_next("recall nightly   (the marts are built without the person)")
