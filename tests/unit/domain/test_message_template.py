from __future__ import annotations

import pytest

from recall.domain.message_template import SAMPLE_VARIABLES, TemplateFault, parse_template


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


@pytest.mark.parametrize(
    ("copy", "text"),
    [
        # Shown as it is: the rest is rendered once, whoever the message goes to.
        ("{{ inactive_days }}: {{ unsubscribe_url }} or {{ unsubscribe_url }}\n", "45: {0} or {0}\n"),
        ("{% if inactive_days > 9 %}{{ unsubscribe_url }}{% endif %}!\n", "{0}!\n"),
        # Asked for or changed: rendered for each.
        ("{{ unsubscribe_url|upper }}\n", "{1}\n"),
        ("{% filter upper %}{{ unsubscribe_url }}{% endfilter %}\n", "{1}\n"),
        ("{% set all %}{{ unsubscribe_url }}{% endset %}{{ all|length }}\n", "{2}\n"),
        ("{% if unsubscribe_url.startswith('https') %}yes{% endif %}\n", "yes\n"),
    ],
)
def test_copies_for_many_differ_in_the_address_and_in_nothing_else(copy: str, text: str) -> None:
    template = parse_template(f"Subject: {{{{ inactive_days }}}} days\n\n{copy}", needs_subject=True)

    for name in ("one", "another"):
        url = f"https://shop.example/u/{name}"
        rendered = template.render({**SAMPLE_VARIABLES, "unsubscribe_url": url})
        assert (rendered.subject, rendered.text) == ("45 days", text.format(url, url.upper(), len(url)))
