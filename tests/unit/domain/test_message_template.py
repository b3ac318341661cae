from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recall.domain.message_template import (
    OWN_NAMES,
    SAMPLE_VARIABLES,
    MessageTemplate,
    RenderedMessage,
    TemplateFault,
    parse_template,
)


def test_parse_template_with_a_subject_splits_and_renders_both() -> None:
    template = parse_template("Subject: {{ inactive_days }} 天没见了\n\n你好，{{ line_name }}。\n", needs_subject=True)

    rendered = template.render({**SAMPLE_VARIABLES, "inactive_days": 45, "line_name": "生鲜"})

    assert (rendered.subject, rendered.text) == ("45 天没见了", "你好，生鲜。\n")


@pytest.mark.parametrize(
    ("source", "fault"),
    [
        ("Hello\n", "the first line must be `Subject: ...`"),
        ("Subject: hi\n\n{{ inactive_day }}\n", "inactive_day: no such variable; did you mean inactive_days?"),
        ("Subject: hi\n\n{{ offer_code \n", "not valid Jinja"),
        ("Subject: hi\n\n   \n", "the text is empty"),
        ("Subject: hi\n\n{{ ''.__class__.__mro__ }}\n", "SecurityError"),
        ("Subject: hi\n\n{{ 1 // 0 }}\n", "ZeroDivisionError"),
        ("Subject: hi\n\n{% include '/etc/passwd' %}\n", "the template fails with TypeError"),
    ],
)
def test_parse_template_with_a_fault_names_it(source: str, fault: str) -> None:
    with pytest.raises(TemplateFault, match=fault.replace("(", r"\(").replace("?", r"\?")):
        parse_template(source, needs_subject=True)


def test_render_of_a_subject_with_a_line_break_is_refused() -> None:
    # A line break in a subject would let a value add headers, for example Bcc.
    template = parse_template("Subject: {{ line_name }}\n\nHello\n", needs_subject=True)

    with pytest.raises(TemplateFault, match="line break"):
        template.render({**SAMPLE_VARIABLES, "line_name": "Fresh\nBcc: all@shop.example"})


def test_fault_of_a_render_does_not_quote_the_value() -> None:
    template = parse_template("{{ offer_code }} {{ 1 // inactive_days }}", needs_subject=False)

    with pytest.raises(TemplateFault) as caught:
        template.render({**SAMPLE_VARIABLES, "inactive_days": 0, "offer_code": "secret_offer"})

    assert "secret_offer" not in str(caught.value)


def test_template_that_names_a_coupon_is_not_rendered_without_one() -> None:
    template = parse_template("Your code: {{ coupon_code }}", needs_subject=False)
    without = {name: value for name, value in SAMPLE_VARIABLES.items() if not name.startswith("coupon_")}

    assert template.render(SAMPLE_VARIABLES).text == "Your code: SAMPLE-CODE"
    with pytest.raises(TemplateFault, match="UndefinedError"):
        template.render(without)


@pytest.mark.parametrize(
    ("source", "names_coupon", "names_code"),
    [
        ("Come back", False, False),
        ("Subject: {{ coupon_reward_amount }} off\n\nCome back", True, False),
        ("{% if inactive_days > 9 %}{{ coupon_code }}{% endif %}", True, True),
    ],
)
def test_template_knows_whether_it_speaks_of_a_coupon(source: str, names_coupon: bool, names_code: bool) -> None:
    template = parse_template(source, needs_subject=False)

    assert (template.names_coupon, template.names_coupon_code) == (names_coupon, names_code)


# Shown as it is: the rest is rendered once, whoever the message goes to.
SHOWN = (
    "{{ inactive_days }}: {{ unsubscribe_url }} or {{ unsubscribe_url }}\n",
    "{% if inactive_days > 9 %}{{ unsubscribe_url }}{% endif %}!\n",
    "{% for _ in 'ab' %}{{ coupon_code }}{% endfor %} {{ coupon_until_date }}前有效\n",
)
# Asked for or changed: rendered for each.
CHANGED = (
    "{{ unsubscribe_url|upper }}\n",
    "{{ coupon_code ~ '!' }}{{ coupon_code[:2] }}\n",
    "{% filter upper %}{{ unsubscribe_url }}{% endfilter %}\n",
    "{% set all %}{{ unsubscribe_url }}{% endset %}{{ all|length }}\n",
    "{% if unsubscribe_url.startswith('https') %}yes{% endif %}\n",
    "{% block a %}{{ unsubscribe_url }}{% endblock %}{{ self.a()|upper }}\n",
    "{% macro a() %}{{ coupon_code }}{% endmacro %}{{ a()|length }}\n",
    "{% if coupon_code is defined %}{{ coupon_code }}{% endif %}\n",
)
OTHERS = (
    "Come back to {{ line_name }}.\n",
    "您已经 {{ inactive_days }} 天没来了。\n",
    "<b>&amp; \"'\\x\n",
    "{# no #}\n",
)


def outcome(fill: Callable[[], RenderedMessage]) -> RenderedMessage | str:
    """The message, or the fault that kept it from being one."""
    try:
        return fill()
    except TemplateFault as fault:
        return str(fault)


@given(
    subject=st.sampled_from(["", "{{ inactive_days }} 天", "{{ coupon_code }} ", "{{ unsubscribe_url|lower }}"]),
    pieces=st.lists(st.sampled_from(SHOWN + CHANGED + OTHERS), min_size=1, max_size=4, unique=True),
    line_name=st.sampled_from(["Groceries", "生鲜 & <Co>", "{{ x }}"]),
    own=st.lists(
        st.fixed_dictionaries(
            {"unsubscribe_url": st.text(alphabet="h:/{}<&'\"\\\n天", max_size=8)},
            optional={"coupon_code": st.text(alphabet="A9{}%<\n", max_size=5)},
        ),
        min_size=2,
        max_size=3,
    ),
)
@settings(max_examples=60, deadline=None)
def test_copies_for_many_are_what_each_would_be_by_itself(
    subject: str, pieces: list[str], line_name: str, own: list[dict[str, str]]
) -> None:
    template = MessageTemplate(subject, "".join(pieces))
    shared = {name: value for name, value in SAMPLE_VARIABLES.items() if name not in OWN_NAMES}
    shared["line_name"] = line_name

    def fill(values: dict[str, str]) -> RenderedMessage:
        return template.render_for_members(shared)(values)

    for values in own:
        alone = outcome(lambda values=values: template.render({**shared, **values}))  # type: ignore[misc]
        assert outcome(lambda values=values: fill(values)) == alone  # type: ignore[misc]


@pytest.mark.parametrize("source", SHOWN)
def test_copy_that_only_shows_what_is_a_members_own_is_rendered_once_for_all(
    source: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    template = MessageTemplate("", source)
    fill = template.render_for_members(SAMPLE_VARIABLES)
    expected = template.render({**SAMPLE_VARIABLES, "unsubscribe_url": "here", "coupon_code": "A1"})
    monkeypatch.delattr(MessageTemplate, "render")

    assert fill({"unsubscribe_url": "here", "coupon_code": "A1"}) == expected
