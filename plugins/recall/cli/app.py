"""The entry point: commands by group, errors as messages, exit codes as documented."""

from __future__ import annotations

import sys
import traceback

import typer

from recall.cli import (
    backup_commands,
    database_commands,
    demo_command,
    doctor_command,
    erase_command,
    experiment_command,
    night_commands,
    quarantine_commands,
    why_command,
    workspace_commands,
)
from recall.cli.options import EXIT_CODES
from recall.cli.terminal import show_error
from recall.domain.errors import RecallError

app = typer.Typer(
    name="recall",
    help="Wins back lapsed customers, and proves that it did: one warehouse from delivered files to measured effects.",
    epilog=EXIT_CODES,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)
for group in (
    demo_command,
    workspace_commands,
    database_commands,
    night_commands,
    quarantine_commands,
    why_command,
    backup_commands,
    erase_command,
    experiment_command,
    doctor_command,
):
    group.register(app)


def main() -> None:
    """Runs the command line and exits with its code: 0 done, 1 failed, 2 wrong use, 3 blocked by a gate."""
    try:
        app()
    except RecallError as error:
        show_error(error)
        sys.exit(error.exit_code)
    except BrokenPipeError:
        # Whoever read our output, `head` for example, has seen enough.
        sys.stderr.close()
        sys.exit(0)
    except Exception as error:
        show_error(_unexpected(error))
        sys.exit(1)


def _unexpected(error: Exception) -> RecallError:
    """Puts the whole story into a log file and says where it is; a message of unknown origin is not shown whole."""
    from recall.domain.home import current_home
    from recall.hooks.dbt import scrub

    path = current_home().logs_dir / "recall.log"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8") as log:
        log.writelines(traceback.format_tb(error.__traceback__))
        log.write(f"{type(error).__name__}: {scrub(str(error))}\n")
    first_line = scrub(str(error).splitlines()[0]) if str(error) else "no message"
    return RecallError(f"{type(error).__name__}: {first_line}; see {path}", next_command="recall doctor")


if __name__ == "__main__":
    main()
