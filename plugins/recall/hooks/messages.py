"""What a member is told: the frozen copy filled in, and the message that a channel hands over."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

from recall.channels.contract import Delivery, Message
from recall.domain.message_template import OWN_NAMES, MessageTemplate, RenderedMessage, parse_template
from recall.warehouse.ledger import Composition


def message_of(composition: Composition, delivery: Delivery) -> Message:
    """Returns the message as it is handed over.

    Args:
        composition: What it is made of.
        delivery: Knows where its receiver says no.

    Raises:
        TemplateFault: As `rendered`.
    """
    return _message(composition, rendered(composition, delivery.unsubscribe_url(composition.idempotency_key)))


def bare_message(composition: Composition) -> Message:
    """Names a message that was delivered, without what it said.

    Args:
        composition: What it was made of.
    """
    return _message(composition._replace(coupon_code=None), None)


def rendered(composition: Composition, unsubscribe_url: str) -> RenderedMessage | None:
    """Returns what a member is told; None where the arm has no copy.

    Args:
        composition: What the message is made of.
        unsubscribe_url: Where the receiver says no.

    Raises:
        TemplateFault: The copy fails, or it names a code and there is no coupon: it must not be sent like that.
    """
    if composition.template_source is None:
        return None
    own = {"unsubscribe_url": unsubscribe_url}
    if (coupon := composition.coupon) is not None:
        own["coupon_code"] = coupon.code
    return _copy(composition.shared, None if coupon is None else "")(own)


@lru_cache(maxsize=4096)
def _copy(values: tuple[Any, ...], code: str | None) -> Callable[[Mapping[str, str]], RenderedMessage]:
    """Returns what many members are told, but for what is a member's own; a code stands for theirs."""
    shared = Composition.of_nobody(values, code)
    assert shared.template_source is not None
    variables: dict[str, str | int] = {
        "campaign_id": shared.campaign_id,
        "step_number": shared.step_number,
        "arm_code": shared.arm_code,
        "variant_code": shared.variant_code,
        "offer_code": shared.offer_code,
        "line_name": shared.line_name,
        "inactive_days": shared.inactive_days,
        "locale": shared.locale,
    }
    if (coupon := shared.coupon) is not None:
        variables |= {name: text for name, text in coupon.texts().items() if name not in OWN_NAMES}
    return _template(shared.template_source).render_for_members(variables)


def _message(composition: Composition, content: RenderedMessage | None) -> Message:
    # In the order of the fields: by keyword a hundred thousand of them take twice as long.
    return Message(
        composition.idempotency_key,
        composition.contact_value,
        content,
        composition.campaign_id,
        composition.step_number,
        composition.arm_code,
        composition.variant_code,
        composition.offer_code,
        composition.locale,
        composition.selected_date,
        composition.coupon,
    )


@lru_cache(maxsize=256)
def _template(source: str) -> MessageTemplate:
    return parse_template(source, needs_subject=False)
