"""Shows what some members of a night would be told, before anybody is registered or claimed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from recall.domain.contact import masked
from recall.domain.coupon import Coupon
from recall.domain.message_template import SAMPLE_VARIABLES, RenderedMessage, TemplateFault
from recall.hooks.messages import rendered
from recall.warehouse import ledger
from recall.warehouse.connection import connect
from recall.warehouse.ledger import Composition


@dataclass(frozen=True)
class PreviewedMessage:
    """A message as one member would get it, without its contact.

    Attributes:
        campaign_id: The campaign.
        step_number: Its step.
        arm_code: The arm.
        offer_code: The offer.
        locale: Language of the copy.
        receiver: The contact, so masked that nobody is reached by what is left of it.
        content: Subject and text; None where the arm has no copy or the copy fails.
        fault: Why the copy fails; empty if it does not.
        coupon: What a coupon would promise, with a sample of a code; None where the offer has none.
    """

    campaign_id: str
    step_number: int
    arm_code: str
    offer_code: str
    locale: str
    receiver: str
    content: RenderedMessage | None
    fault: str
    coupon: Coupon | None


def preview_messages(as_of_date: date, member_count: int) -> Mapping[str, list[PreviewedMessage]]:
    """Renders the frozen copies for members that an export would send to; writes and sends nothing.

    The address at which a receiver says no stands for itself: the real one belongs to the receiver alone.

    Args:
        as_of_date: The day whose audience is served.
        member_count: Members per channel at most: the first in the order of the sends' keys, which are hashes, so that
            they are the same each time and come from anywhere in the audience.

    Returns:
        By channel, in the order of their names; a channel to which nobody would be added is left out.

    Raises:
        GateBlocked: That audience is not served or did not get through its gate.
    """
    selected_date = ledger.selected_date_of(as_of_date)
    with connect("exporter") as connection:
        connection.read_only = True
        ledger.require_complete_build(connection, as_of_date)
        channels = connection.execute(
            "select distinct channel from audiences.aud_recall_members where selected_date = %s order by channel",
            (selected_date,),
        ).fetchall()
        members = {
            str(channel): ledger.preview(connection, selected_date, str(channel), row_limit=member_count)
            for (channel,) in channels
        }
    return {channel: [_previewed(one) for one in found] for channel, found in members.items() if found}


def _previewed(member: Composition) -> PreviewedMessage:
    fault = ""
    content: RenderedMessage | None = None
    try:
        content = rendered(member, str(SAMPLE_VARIABLES["unsubscribe_url"]))
    except TemplateFault as error:
        fault = str(error)
    return PreviewedMessage(
        campaign_id=member.campaign_id,
        step_number=member.step_number,
        arm_code=member.arm_code,
        offer_code=member.offer_code,
        locale=member.locale,
        receiver=masked(member.contact_value),
        content=content,
        fault=fault,
        coupon=member.coupon,
    )
