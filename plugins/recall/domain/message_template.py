"""The copy of a message: a subject line and a text, written in sandboxed Jinja."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import lru_cache
from typing import NamedTuple

from jinja2 import StrictUndefined, Template, TemplateError, meta, nodes
from jinja2.sandbox import ImmutableSandboxedEnvironment

from recall.domain.campaign import did_you_mean
from recall.domain.coupon import COUPON_TEXTS, SAMPLE_COUPON_CODE, Coupon

SUBJECT_PREFIX = "Subject:"
OWN_NAMES = ("unsubscribe_url", "coupon_code")
"""What differs from member to member; all else that a template may name is the same for many."""
_PLACE = "\x00"
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
SAMPLE_VARIABLES: Mapping[str, str | int] = {
    "campaign_id": "welcome_back",
    "step_number": 1,
    "arm_code": "email_content",
    "variant_code": "warm",
    "offer_code": "content",
    "line_name": "Groceries",
    "inactive_days": 45,
    "locale": "en",
    "unsubscribe_url": "https://shop.example/unsubscribe/1",
    **Coupon(SAMPLE_COUPON_CODE, date(2026, 1, 1), date(2026, 1, 31), Decimal(3), Decimal(30)).texts(),
}
"""Everything that a template may name, with values to try it out. No contact and no name is among them. What begins
with `coupon_` is there only where the offer has a coupon."""


class TemplateFault(ValueError):
    """The template is wrong or gave no usable message; the text names no person."""


class RenderedMessage(NamedTuple):
    """What one person is told.

    Attributes:
        subject: One line; empty where the template has no subject.
        text: Plain text.
    """

    subject: str
    text: str


@dataclass(frozen=True)
class MessageTemplate:
    """A template's source; `parse_template` checks it.

    Attributes:
        subject: Jinja source of the subject; empty where the template has none.
        text: Jinja source of the text.
    """

    subject: str
    text: str

    @property
    def names_coupon(self) -> bool:
        """Whether it says anything of a coupon, so that it can be rendered for offers with one only."""
        return not _names_of(self).isdisjoint(COUPON_TEXTS)

    @property
    def names_coupon_code(self) -> bool:
        """Whether it tells the coupon's code."""
        return "coupon_code" in _names_of(self)

    def render(self, variables: Mapping[str, str | int]) -> RenderedMessage:
        """Fills in the variables.

        Args:
            variables: A value for each name of SAMPLE_VARIABLES that the template uses.

        Returns:
            The message.

        Raises:
            TemplateFault: The template fails with these values, or its subject is not one line.
        """
        return _checked(_filled(self.subject, variables), _filled(self.text, variables))

    def render_for_members(self, variables: Mapping[str, str | int]) -> Callable[[Mapping[str, str]], RenderedMessage]:
        """Fills in what is the same for many messages once.

        Args:
            variables: As for `render`, without OWN_NAMES.

        Returns:
            What fills in a message's own values, those of OWN_NAMES that it has, with the result of `render`; it raises
            as `render`.

        Raises:
            TemplateFault: As `render`.
        """
        names = [name for name in OWN_NAMES if name in _names_of(self)]
        if not all(_only_shows(source, name) for source in (self.subject, self.text) for name in names):
            return lambda values: self.render({**variables, **values})
        placed = {**variables, **{name: f"{_PLACE}{name}{_PLACE}" for name in names}}
        # At odd places stand the names.
        subject, text = (_filled(source, placed).split(_PLACE) for source in (self.subject, self.text))
        if len(subject) == 1:
            line = _checked(subject[0], "").subject
            return lambda values: RenderedMessage(line, _joined(text, values))
        return lambda values: _checked(_joined(subject, values), _joined(text, values))


def parse_template(source: str, *, needs_subject: bool) -> MessageTemplate:
    """Splits a template file into subject and text, and tries both out.

    A file begins with `Subject: ...` and an empty line, or has no subject at all.

    Args:
        source: The file's text.
        needs_subject: Whether the channel shows a subject.

    Returns:
        The template.

    Raises:
        TemplateFault: A syntax fault, an unknown variable, or no subject where one is needed.
    """
    template = _split(source)
    if needs_subject and not template.subject:
        raise TemplateFault(f"the first line must be `{SUBJECT_PREFIX} ...` and the second one empty")
    for name in sorted(_names_of(template)):
        if name not in SAMPLE_VARIABLES:
            raise TemplateFault(f"{name}: no such variable; {did_you_mean(name, list(SAMPLE_VARIABLES))}")
    rendered = template.render(SAMPLE_VARIABLES)
    if not rendered.text.strip():
        raise TemplateFault("the text is empty")
    if needs_subject and not rendered.subject:
        raise TemplateFault("the subject is empty")
    return template


def _names_of(template: MessageTemplate) -> set[str]:
    environment = _environment()
    names: set[str] = set()
    for part in (template.subject, template.text):
        try:
            names |= meta.find_undeclared_variables(environment.parse(part))
        except TemplateError as error:
            line = getattr(error, "lineno", None)
            raise TemplateFault(f"not valid Jinja{f' (line {line})' if line else ''}: {error.message}") from error
    return names


def _split(source: str) -> MessageTemplate:
    first, _, rest = source.removeprefix("\ufeff").replace("\r\n", "\n").partition("\n")
    if first.startswith(SUBJECT_PREFIX):
        return MessageTemplate(subject=first.removeprefix(SUBJECT_PREFIX).strip(), text=rest.lstrip("\n"))
    return MessageTemplate(subject="", text=source)


def _filled(source: str, variables: Mapping[str, str | int]) -> str:
    try:
        return _compiled(source).render(variables)
    except (TemplateError, ArithmeticError, TypeError, ValueError, LookupError, AttributeError) as error:
        # The exception's text may quote values, so only its kind is passed on.
        raise TemplateFault(f"the template fails with {type(error).__name__}") from None


def _checked(subject: str, text: str) -> RenderedMessage:
    stripped = subject.strip()
    if _CONTROL.search(stripped):
        raise TemplateFault("the subject has a line break or another control character")
    return RenderedMessage(subject=stripped, text=text)


def _joined(parts: Sequence[str], values: Mapping[str, str]) -> str:
    """Puts a member's own values between the parts; one that is missing is as undefined as in Jinja."""
    if len(parts) == 1:
        return parts[0]
    try:
        return "".join([values[part] if number % 2 else part for number, part in enumerate(parts)])
    except KeyError:
        raise TemplateFault("the template fails with UndefinedError") from None


_CHANGES_OUTPUT = (nodes.FilterBlock, nodes.AssignBlock, nodes.CallBlock, nodes.Macro, nodes.Block)


@lru_cache(maxsize=256)
def _only_shows(source: str, name: str) -> bool:
    """Whether a template shows a variable as it is wherever it names it, and neither asks for it nor changes it."""
    tree = _environment().parse(source)
    if any(tree.find(kind) for kind in _CHANGES_OUTPUT):
        return False
    shown = [node for output in tree.find_all(nodes.Output) for node in output.nodes if _is_name(node, name)]
    return len(shown) == sum(_is_name(node, name) for node in tree.find_all(nodes.Name))


def _is_name(node: nodes.Node, name: str) -> bool:
    return isinstance(node, nodes.Name) and node.name == name


@lru_cache(maxsize=256)
def _compiled(source: str) -> Template:
    return _environment().from_string(source)


def _environment() -> ImmutableSandboxedEnvironment:
    # Plain text is neither HTML nor a command line, so there is nothing to escape; channels quote what they write.
    return ImmutableSandboxedEnvironment(
        undefined=StrictUndefined, autoescape=False, keep_trailing_newline=True, loader=None
    )
