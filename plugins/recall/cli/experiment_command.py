"""The commands for experiments: experiment size, and experiment shares of experiment_shares.py."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Annotated

import psycopg
import typer
from psycopg.rows import class_row

from recall.cli.experiment_shares import shares
from recall.cli.options import EXIT_CODES, AsOf, served_day
from recall.cli.terminal import output, show_table
from recall.domain.errors import RecallError, UsageError
from recall.domain.experiment_size import Plan, detectable_lift, members_needed
from recall.warehouse.connection import connect

QUERY = Path(__file__).with_name("experiment_sizes.sql")
INTAKE_DAYS = 28
"""Days up to the as-of date whose new members say how fast they come."""


@dataclass(frozen=True)
class LayerMembers:
    """Who there is to experiment with in one layer.

    Attributes:
        layer_code: The layer; all for all layers together.
        lapsed_count: Open episodes in it.
        return_rate: Mean untouched chance 0..1 to return within the horizon of the curves; None without a fit.
        member_count: Members of the audience of the day after, the campaign's holdout included.
        members_per_day: New members a day lately; None where nobody came.
    """

    layer_code: str
    lapsed_count: int
    return_rate: float | None
    member_count: int
    members_per_day: float | None


def register(app: typer.Typer) -> None:
    """Adds the commands below `experiment`."""
    group = typer.Typer(help="Plan and judge experiments on recall.", no_args_is_help=True, epilog=EXIT_CODES)
    group.command(epilog=EXIT_CODES)(size)
    group.command(epilog=EXIT_CODES)(shares)
    app.add_typer(group, name="experiment")


def size(
    lift: Annotated[
        float, typer.Option("--lift", min=-1, max=1, help="Absolute lift of the return rate to be seen, as 0.02.")
    ] = 0.02,
    campaign: Annotated[
        str | None, typer.Option("--campaign", help="Count this campaign's members; default those of all.")
    ] = None,
    holdout: Annotated[
        float, typer.Option("--holdout", min=0.001, max=0.9, help="Share of the members that is held out.")
    ] = 0.1,
    power: Annotated[
        float, typer.Option("--power", min=0.5, max=0.999, help="Chance to see the lift if it is there.")
    ] = 0.8,
    as_of: AsOf = None,
) -> None:
    """Show by layer how many members and days a lift needs, and what the current audience can detect."""
    if lift == 0:
        raise UsageError("no number of members shows a lift of 0")
    day = as_of or served_day()
    with connect("auditor") as database:
        layers = read_layers(database, day, campaign)
        min_event_count = _min_event_count(database, day)
    rows = []
    for layer in [*layers, *_together(layers)]:
        plan = _plan(layer, holdout=holdout, power=power, min_event_count=min_event_count)
        needed = members_needed(plan, lift) if plan else None
        detectable = detectable_lift(plan, layer.member_count) if plan else None
        rows.append(
            (
                layer.layer_code,
                f"{layer.lapsed_count:,}",
                None if layer.return_rate is None else f"{layer.return_rate:.2%}",
                None if needed is None else f"{needed:,}",
                days_needed(layer, needed),
                f"{layer.member_count:,}",
                None if detectable is None else f"{detectable:.2%}",
            )
        )
    show_table(
        ("layer", "lapsed", "return untouched", "members needed", "days", "members now", "they can show"),
        rows,
        title=f"To see {lift:+.2%} returns with power {power:.0%}, {holdout:.0%} held out, as of {day}",
    )
    output().print(
        "days: until so many came in, at the rate of the last four weeks; each then has the campaign's window. A dash:"
        " no fit of return curves, nobody came lately, or too few returns to state any effect."
    )


def read_layers(database: psycopg.Connection, as_of_date: date, campaign_id: str | None) -> list[LayerMembers]:
    """Reads who there is to experiment with.

    Args:
        database: A connection that may read marts, audiences and outcomes.
        as_of_date: The served day.
        campaign_id: The campaign whose members are counted; None for all.

    Returns:
        One entry per layer with somebody in it, by layer code; empty if nobody has lapsed.

    Raises:
        RecallError: The tables are not there yet; run a night.
    """
    values = {"as_of_date": as_of_date, "campaign_id": campaign_id, "days": INTAKE_DAYS}
    try:
        with database.cursor(row_factory=class_row(LayerMembers)) as cursor:
            return cursor.execute(QUERY.read_text(encoding="utf-8").encode(), values).fetchall()
    except psycopg.errors.UndefinedTable as error:
        raise RecallError(
            "no night has built audiences and outcomes yet, so there is nothing to size", next_command="recall nightly"
        ) from error


def days_needed(layer: LayerMembers, needed: int | None) -> int | None:
    """Days until so many members have come in, the current audience first.

    Args:
        layer: The layer.
        needed: Members needed, or None.

    Returns:
        0 where the audience is enough; None where nobody comes, or no number is known.
    """
    if needed is None:
        return None
    missing = needed - layer.member_count
    if missing <= 0:
        return 0
    return math.ceil(missing / layer.members_per_day) if layer.members_per_day else None


def _plan(layer: LayerMembers, *, holdout: float, power: float, min_event_count: int) -> Plan | None:
    if layer.return_rate is None or not 0 < layer.return_rate < 1:
        return None
    return Plan(layer.return_rate, holdout, power=power, min_event_count=min_event_count)


def _together(layers: list[LayerMembers]) -> list[LayerMembers]:
    """All layers as one, its return rate weighted by the members, or by the lapsed where there is no member."""
    if len(layers) < 2:
        return []
    member_count = sum(layer.member_count for layer in layers)
    weights = [layer.member_count if member_count else layer.lapsed_count for layer in layers]
    known = [(weight, layer.return_rate) for weight, layer in zip(weights, layers, strict=True) if layer.return_rate]
    total = sum(weight for weight, _ in known)
    arriving = [layer.members_per_day for layer in layers if layer.members_per_day]
    return [
        LayerMembers(
            layer_code="all",
            lapsed_count=sum(layer.lapsed_count for layer in layers),
            return_rate=sum(weight * rate for weight, rate in known) / total if total else None,
            member_count=member_count,
            members_per_day=sum(arriving) if arriving else None,
        )
    ]


def _min_event_count(database: psycopg.Connection, as_of_date: date) -> int:
    """The dated limit in force; before its first date the first row holds."""
    row = database.execute(
        "select min_event_count from definitions.effect_rules"
        " order by valid_from > %(day)s, case when valid_from <= %(day)s then valid_from end desc, valid_from limit 1",
        {"day": as_of_date},
    ).fetchone()
    assert row is not None
    return int(row[0])
