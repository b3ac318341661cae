"""The command that shows it all: demo."""

from __future__ import annotations

import typer

from recall.cli.night_commands import interruptible
from recall.cli.options import EXIT_CODES
from recall.cli.terminal import RichProgress


def register(app: typer.Typer) -> None:
    """Adds this module's command."""
    app.command(epilog=EXIT_CODES)(demo)


def demo() -> None:
    """Go from a fresh machine to a recalled audience on real data: load, two nights, export, outcomes, report."""
    from recall.hooks.demo import run_demo

    with interruptible():
        run_demo(progress=RichProgress())
