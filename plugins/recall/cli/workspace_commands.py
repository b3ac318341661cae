"""The command that makes a workspace: init."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Annotated

import typer

from recall.cli.options import EXIT_CODES
from recall.cli.terminal import output, show_next
from recall.domain.definition_files import SHIPPED_DIR
from recall.domain.errors import UsageError
from recall.domain.workspace import SETTINGS_FILE, load_workspace

EXAMPLE_CAMPAIGN_DIR = Path(__file__).parents[1] / "example_campaign"

_SETTINGS = """\
# One deployment's settings. Every instant and amount is read with them, so choose the zone and the currency first:
# they are fixed once something was loaded.

# The zone in which a business day is a day.
business_time_zone: {time_zone}

# The zone of instants that are delivered without an offset; default the business zone.
# source_time_zone: UTC

# The currency of all amounts; rows in another one need a rate in definitions/exchange_rates.csv.
currency_code: {currency}

# The share of persons whom no campaign ever addresses, so that the effect of all of them can be measured.
global_holdout_rate: 0.05

# Where the key of contact hashes comes from: env:NAME or file:PATH; default a random one in the home folder.
# pseudonym_key: env:RECALL_PSEUDONYM_KEY
"""


def register(app: typer.Typer) -> None:
    """Adds this module's commands."""
    app.command(epilog=EXIT_CODES)(init)


def init(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The new workspace's folder.")],
    time_zone: Annotated[str, typer.Option("--time-zone", help="Business zone, as Europe/Berlin.")] = "UTC",
    currency: Annotated[str, typer.Option("--currency", help="ISO code of all amounts, as EUR.")] = "EUR",
) -> None:
    """Make a new workspace with documented defaults: settings, definitions, an example campaign, a landing folder."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UsageError(f"{folder} is not empty; a workspace is made in a folder of its own")
    definitions = folder / "definitions"
    definitions.mkdir(parents=True)
    for shipped in sorted(SHIPPED_DIR.glob("*.csv")):
        shutil.copyfile(shipped, definitions / shipped.name)
    shutil.copytree(EXAMPLE_CAMPAIGN_DIR, folder / "campaigns")
    for table in ("users", "contacts", "products", "orders", "order_items", "visits", "consents"):
        (folder / "landing" / table).mkdir(parents=True)
    settings = folder / SETTINGS_FILE
    settings.write_text(_SETTINGS.format(time_zone=time_zone, currency=currency), encoding="utf-8")
    try:
        load_workspace(folder)
    except UsageError:
        shutil.rmtree(folder)
        raise
    console = output()
    console.print(f"{folder.resolve()} is a workspace.", soft_wrap=True)
    console.print(f"Put deliveries into {folder / 'landing'}/<table>/ and the lines of business into", soft_wrap=True)
    console.print(f"{definitions / 'business_lines.csv'}; a definition file that you delete takes its default.")
    console.print(f"{folder / 'campaigns' / 'welcome_back.yml.example'} shows what a campaign is.", soft_wrap=True)
    show_next(f"export RECALL_WORKSPACE={folder.resolve()}", "recall up", "recall load")
