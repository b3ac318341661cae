"""The command that shows what the arms of campaigns earn and which shares follow from it: experiment shares."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated

import psycopg
import typer
from psycopg.rows import class_row

from recall.cli.options import served_day
from recall.cli.terminal import output, show_table
from recall.domain.errors import RecallError, UsageError
from recall.warehouse.connection import connect

WEIGHT_TOTAL = 1_000
"""What the suggested weights of a campaign's arms add up to, rounding aside."""


@dataclass(frozen=True)
class ArmShare:
    """A row of outcomes.out_arm_suggestions, as far as it is shown; amounts in the workspace's currency.

    Attributes:
        campaign_id: The campaign.
        arm_code: The arm.
        treated_count: Persons assigned under the current shares whose window has ended.
        immature_count: Persons assigned under the current shares whose window has not.
        profit_per_person_amount: Mean contribution less cost of those whose window has ended; None where unknown.
        profit_per_person_low: Lower end of its 95 % interval; None where none may be stated.
        profit_per_person_high: Upper end.
        probability_best: Chance 0..1 to be the best of the arms of the same treatments; None where not compared.
        share_now: Share 0..1 that the current version draws.
        suggested_share: Share 0..1 that is suggested.
        reason_code: Why.
    """

    campaign_id: str
    arm_code: str
    treated_count: int
    immature_count: int
    profit_per_person_amount: Decimal | None
    profit_per_person_low: Decimal | None
    profit_per_person_high: Decimal | None
    probability_best: Decimal | None
    share_now: Decimal
    suggested_share: Decimal
    reason_code: str


def shares(
    campaign: Annotated[
        str | None, typer.Option("--campaign", help="Show this campaign's arms; default those of all.")
    ] = None,
) -> None:
    """Show what the arms of our campaigns earn, and the shares that are suggested; changes nothing."""
    day = served_day()
    with connect("auditor") as database:
        arms = read_arm_shares(database, campaign)
    if campaign is not None and not arms:
        raise UsageError(f"{campaign} is no campaign with a current file; recall doctor lists what is wrong with files")
    moving = {arm.campaign_id for arm in arms if arm.suggested_share != arm.share_now}
    show_table(
        ("campaign", "arm", "assigned", "profit per person", "best", "share now", "suggested", "weight", "why"),
        [
            (
                arm.campaign_id,
                arm.arm_code,
                f"{arm.treated_count + arm.immature_count:,}",
                _profit(arm),
                None if arm.probability_best is None else f"{arm.probability_best:.1%}",
                f"{arm.share_now:.1%}",
                f"{arm.suggested_share:.1%}",
                round(WEIGHT_TOTAL * arm.suggested_share) if arm.campaign_id in moving else None,
                arm.reason_code,
            )
            for arm in arms
        ],
        title=f"Arms by profit, of persons assigned under the current shares, as of {day}",
    )
    output().print(
        "Nothing moves by itself: to follow a suggestion, write the weights into the campaign's file. Who was assigned"
        " keeps the arm; arms are then compared anew, among those who come from that day on."
    )


def read_arm_shares(database: psycopg.Connection, campaign_id: str | None) -> list[ArmShare]:
    """Reads what the last night suggested.

    Args:
        database: A connection that may read outcomes.
        campaign_id: The campaign; None for all.

    Returns:
        One entry per arm that is drawn, by campaign, treatments and arm; empty if there is no such campaign.

    Raises:
        RecallError: The table is not there yet; run a night.
    """
    try:
        with database.cursor(row_factory=class_row(ArmShare)) as cursor:
            return cursor.execute(
                "select campaign_id, arm_code, treated_count, immature_count, profit_per_person_amount,"
                " profit_per_person_low, profit_per_person_high, probability_best, share_now, suggested_share,"
                " reason_code"
                " from outcomes.out_arm_suggestions"
                " where cast(%(campaign_id)s as text) is null or campaign_id = %(campaign_id)s"
                " order by campaign_id, comparison_code, arm_code",
                {"campaign_id": campaign_id},
            ).fetchall()
    except psycopg.errors.UndefinedTable as error:
        raise RecallError(
            "no night has built outcomes yet, so no arm was measured", next_command="recall nightly"
        ) from error


def _profit(arm: ArmShare) -> str | None:
    if arm.profit_per_person_amount is None:
        return None
    if arm.profit_per_person_low is None or arm.profit_per_person_high is None:
        return f"{arm.profit_per_person_amount:.3f}"
    return f"{arm.profit_per_person_amount:.3f} ({arm.profit_per_person_low:.3f} to {arm.profit_per_person_high:.3f})"
