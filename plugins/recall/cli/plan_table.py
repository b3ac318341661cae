"""The tables of `recall plan`."""

from __future__ import annotations

from recall.cli.terminal import output, show_table
from recall.hooks.delivery import Plan

COLUMNS = ("campaign", "step", "channel", "add", "leave", "held out", "cost", "expected cost", "expected profit")


def show_plan(plan: Plan) -> None:
    """Prints what an export would do, and whom the audience leaves out.

    Args:
        plan: The plan.
    """
    console = output()
    if not plan.steps and not plan.exclusions:
        console.print(f"Nobody was looked at for {plan.selected_date}: no campaign's step is due.")
        return
    if plan.steps:
        show_table(
            COLUMNS,
            [
                (
                    step.campaign_id,
                    step.step_number,
                    step.channel,
                    step.add_count,
                    step.leave_count,
                    step.held_out_count,
                    step.cost_amount,
                    step.expected_cost_amount,
                    step.expected_profit_amount,
                )
                for step in plan.steps
            ],
            title=f"Audience of {plan.selected_date}",
        )
    if plan.exclusions:
        show_table(
            ("campaign", "step", "left out because", "candidates"),
            [(each.campaign_id, each.step_number, each.reason_code, each.candidate_count) for each in plan.exclusions],
            title="Left out",
        )
    console.print(
        f"An export would add {plan.add_count:,} messages at a cost of {plan.cost_amount:,}, leave"
        f" {plan.leave_count:,} members alone that were served before, and keep {plan.held_out_count:,} held out."
    )
