"""What a member is told: the frozen copy filled in, and the message that a channel hands over."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

from recall.channels.contract import Delivery, Message
from recall.domain.message_template import MessageTemplate, RenderedMessage, parse_template
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
    source = composition.template_source
    if source is None:
        return None
    coupon = composition.coupon
    variables = (
        ("campaign_id", composition.campaign_id),
        ("step_number", composition.step_number),
        ("arm_code", composition.arm_code),
        ("variant_code", composition.variant_code),
        ("offer_code", composition.offer_code),
        ("line_name", composition.line_name),
        ("inactive_days", composition.inactive_days),
        ("locale", composition.locale),
    )
    if coupon is None:
        return _copy(source, variables)(unsubscribe_url)
    return _template(source).render({**dict(variables), "unsubscribe_url": unsubscribe_url, **coupon.texts()})


@lru_cache(maxsize=4096)
def _copy(source: str, variables: tuple[tuple[str, str | int], ...]) -> Callable[[str], RenderedMessage]:
    """Returns what many members are told, but for the address at which each says no."""
    return _template(source).render_for_addresses(dict(variables))


def _message(composition: Composition, content: RenderedMessage | None) -> Message:
    return Message(
        idempotency_key=composition.idempotency_key,
        contact_value=composition.contact_value,
        content=content,
        campaign_id=composition.campaign_id,
        step_number=composition.step_number,
        arm_code=composition.arm_code,
        variant_code=composition.variant_code,
        offer_code=composition.offer_code,
        locale=composition.locale,
        selected_date=composition.selected_date,
        coupon=composition.coupon,
    )


@lru_cache(maxsize=256)
def _template(source: str) -> MessageTemplate:
    return parse_template(source, needs_subject=False)
