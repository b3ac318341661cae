"""The command that explains one customer: why."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from recall.cli.options import EXIT_CODES, served_day
from recall.cli.terminal import output, show_table
from recall.domain.errors import UsageError
from recall.warehouse.connection import connect

QUERIES_DIR = Path(__file__).with_name("why")
"""One query per part, in the order of their names; the first line of each says which table it needs."""

_TITLES = {
    "user": "User",
    "lines": "Lines: how long without the key behaviour, and is that churn?",
    "episodes": "Lapses, newest first",
    "layers": "Layer of each open lapse",
    "personas": "Persona of each open lapse",
    "reasons": "Why each open lapse may have come, and what speaks for it",
    "worth": "Worth of each open lapse: the best action against doing nothing",
    "arms": "Drawn into",
    "memberships": "Selected for, and what became of it",
    "exclusions": "Not selected, because",
    "consents": "Last word on each channel",
    "sends": "Sends",
    "receipts": "What became of the sends",
    "outcomes": "Since then",
}
_EMPTY = {
    "lines": "no customer of any line: no valid order up to that day",
    "episodes": "never lapsed",
    "layers": "no open lapse, hence no layer",
    "personas": "no open lapse, hence no persona",
    "reasons": "no open lapse, hence no reason",
    "worth": "no open lapse, hence nobody to recall",
    "arms": "never drawn into an arm or a holdout",
    "memberships": "never selected by a campaign",
    "exclusions": "no campaign has looked at this user and left it out",
    "consents": "never said yes or no; a channel's default_consent holds",
    "sends": "nothing was ever sent",
    "receipts": "no peer has told anything",
    "outcomes": "in no campaign that is measured",
}


def register(app: typer.Typer) -> None:
    """Adds this module's command."""
    app.command(epilog=EXIT_CODES)(why)


def why(user_id: Annotated[str, typer.Argument(metavar="USER", help="The user's id as the source writes it.")]) -> None:
    """Explain one customer, from lapse and worth to arm, exclusion, sends, receipts and outcome; never a contact."""
    day = served_day()
    console = output()
    with connect("auditor") as database:
        for path in sorted(QUERIES_DIR.glob("*.sql")):
            part = path.stem.partition("_")[2]
            query = path.read_text(encoding="utf-8")
            needed = query.splitlines()[0].removeprefix("-- needs ")
            exists = database.execute("select to_regclass(%s) is not null", (needed,)).fetchone()
            if exists is None or not exists[0]:
                continue
            cursor = database.execute(query.encode(), {"user_id": user_id})
            rows = cursor.fetchall()
            if part == "user":
                if not rows:
                    raise UsageError(f"{user_id!r} is no user that the marts of {day} know")
                console.print(f"[bold]As of {day}[/bold]")
            if rows:
                show_table([column.name for column in cursor.description or []], rows, title=_TITLES[part])
            else:
                console.print(f"[bold]{_TITLES[part]}[/bold]\n{_EMPTY[part]}\n")
