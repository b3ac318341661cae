"""What `recall plan` prints."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rich.text import Text

from recall.cli.terminal import output, show_table
from recall.hooks.delivery import Plan
from recall.hooks.preview import PreviewedMessage

COLUMNS = (
    "campaign",
    "step",
    "channel",
    "add",
    "again",
    "drop",
    "leave",
    "held out",
    "cost",
    "expected cost",
    "expected profit",
)


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
                    step.retry_count,
                    step.drop_count,
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
    if plan.drops:
        show_table(
            ("campaign", "step", "channel", "dropped because", "members"),
            [
                (each.campaign_id, each.step_number, each.channel, each.reason_code, each.drop_count)
                for each in plan.drops
            ],
            title="Dropped",
        )
    if plan.sizes:
        show_table(
            ("campaign", "step", "members", "usually", "at most", "room"),
            [
                (
                    each.campaign_id,
                    each.step_number,
                    each.member_count,
                    each.usual_count,
                    _whole(each.largest_step_count),
                    _room(each.largest_step_count, each.member_count),
                )
                for each in plan.sizes
            ],
            title="Before a person is asked",
        )
        night = plan.sizes[0]
        console.print(
            f"The night writes to {night.night_count:,} of at most {_whole(night.largest_night_count):,}"
            f" (room for {_room(night.largest_night_count, night.night_count):,})."
            if night.largest_night_count is not None
            else f"The night writes to {night.night_count:,}."
        )
    if plan.exclusions:
        show_table(
            ("campaign", "step", "left out because", "candidates"),
            [(each.campaign_id, each.step_number, each.reason_code, each.candidate_count) for each in plan.exclusions],
            title="Left out",
        )
    console.print(
        f"An export would add {plan.add_count:,} messages at a cost of {plan.cost_amount:,}, drop {plan.drop_count:,},"
        f" leave {plan.leave_count:,} members alone that were served before, and keep {plan.held_out_count:,} held out."
    )


def _whole(limit: float | None) -> int | None:
    return None if limit is None else int(limit)


def _room(limit: float | None, count: int) -> int | None:
    return None if limit is None else int(limit) - count


def show_preview(messages: Mapping[str, Sequence[PreviewedMessage]]) -> None:
    """Prints messages as members would get them, channel by channel; text is taken as it is, never as markup.

    Args:
        messages: By channel.
    """
    console = output()
    if not messages:
        console.print("Nobody would be sent anything, so there is no message to show.")
    for channel, found in messages.items():
        for message in found:
            console.print()
            console.print(
                Text(
                    f"{channel}: {message.campaign_id} step {message.step_number}, arm {message.arm_code}, offer"
                    f" {message.offer_code}, {message.locale}, to {message.receiver}",
                    style="bold",
                )
            )
            console.print(Text(_shown(message)))
    console.print("Contacts are masked, and the address to unsubscribe at is an example.")


def _shown(message: PreviewedMessage) -> str:
    lines = []
    if message.fault:
        lines.append(f"would not be sent: {message.fault}")
    elif message.content is None:
        lines.append("no copy of its own: whoever gets the list says it")
    else:
        if message.content.subject:
            lines += [f"Subject: {message.content.subject}", ""]
        lines.append(message.content.text.rstrip("\n"))
    if message.coupon is not None:
        texts = message.coupon.texts()
        lines.append(
            f"[coupon {texts['coupon_code']}: {texts['coupon_reward_amount']} off from"
            f" {texts['coupon_threshold_amount']}, {texts['coupon_from_date']} to {texts['coupon_until_date']}; the"
            " code is made when the member is registered]"
        )
    return "\n".join(lines)
