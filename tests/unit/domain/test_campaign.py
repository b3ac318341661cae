from __future__ import annotations

from pathlib import Path

import pytest

from recall.domain.campaign import (
    HASH_RANGE,
    Campaign,
    HashSpan,
    arm_hash_spans,
    holdout_hash_end,
    parse_campaign,
    schema_text,
    treatments,
)

SCHEMA_FILE = Path(__file__).resolve().parents[3] / "docs" / "reference" / "campaign.schema.json"

GOOD = """\
campaign_id: welcome_back
lines: [groceries, fresh]
steps:
  - step_number: 1
    offset_days: 0
  - step_number: 2
    offset_days: 30
arms:
  - arm_code: content
    channel: email
    offer_code: content
    variant_code: warm
    weight: 3
    templates: {en: warm.en.txt, zh: warm.zh.txt}
  - arm_code: coupon
    channel: email
    offer_code: coupon_small
    variant_code: warm
    weight: 1
    templates: {en: coupon.en.txt}
holdout_share: 0.25
max_lapse_days: 90
"""


BEST = """\
campaign_id: welcome_back
lines: [groceries]
steps: [{step_number: 1, offset_days: 0}]
max_lapse_days: 90
arms:
  - arm_code: smart
    channel: best
    offer_code: best
    variant_code: warm
    templates: {en: warm.en.txt}
    choices:
      - {channel: email, offer_code: coupon, templates: {en: coupon.en.txt}}
      - {channel: sms, offer_code: coupon}
  - arm_code: copies
    channel: email
    offer_code: content
    variant_code: best
    choices:
      - {variant_code: warm, templates: {en: warm.en.txt}}
      - {variant_code: brief, templates: {en: brief.en.txt}}
"""


def parse(text: str) -> Campaign:
    campaign, problems = parse_campaign("welcome_back.yml", text)
    assert problems == []
    assert campaign is not None
    return campaign


def faults(text: str, file: str = "welcome_back.yml") -> list[str]:
    campaign, problems = parse_campaign(file, text)
    assert campaign is None
    return [str(problem) for problem in problems]


def test_campaign_with_two_arms_takes_documented_defaults() -> None:
    campaign = parse(GOOD)

    assert (campaign.outcome_window_days, campaign.cool_down_days, campaign.priority) == (30, 0, 100)
    assert campaign.layers is None


def test_hash_spans_of_weights_three_to_one_cut_at_three_quarters() -> None:
    # 3 of 4 parts of 4294967296 end at 3221225472.
    assert arm_hash_spans(parse(GOOD)) == [HashSpan(0, 3221225472), HashSpan(3221225472, HASH_RANGE)]


def test_hash_spans_of_a_retired_arm_draw_nobody_and_leave_no_gap() -> None:
    retired = GOOD.replace("weight: 3", "weight: 0")

    assert arm_hash_spans(parse(retired)) == [HashSpan(0, 0), HashSpan(0, HASH_RANGE)]


def test_holdout_of_a_quarter_takes_a_quarter_of_the_hashes() -> None:
    assert holdout_hash_end(parse(GOOD)) == 1073741824


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (
            ("offset_days: 30", "ofset_days: 30"),
            [
                "campaigns/welcome_back.yml, line 6, steps.2.offset_days: is missing",
                "campaigns/welcome_back.yml, line 7, steps.2.ofset_days: no such key; did you mean offset_days?",
            ],
        ),
        (
            ("max_lapse_days: 90", "max_lapse_days: 90\nqwxz: 100"),
            ["campaigns/welcome_back.yml, line 23, qwxz: no such key; known are campaign_id, description, lines, "],
        ),
        (
            ("max_lapse_days: 90", "max_lapse_days: 90\nbudget: {nightly_amount: 100}"),
            ["campaigns/welcome_back.yml, line 23, budget.nightly_amount: no such key; did you mean night_amount?"],
        ),
        (
            ("max_lapse_days: 90", "max_lapse_days: 90\nbudget: {}"),
            ["campaigns/welcome_back.yml, line 23, budget: names neither night_amount nor total_amount"],
        ),
        (
            ("max_lapse_days: 90", "max_lapse_days: 90\nbudget: {night_amount: 0}"),
            ["campaigns/welcome_back.yml, line 23, budget.night_amount: Input should be greater than 0"],
        ),
        (
            ("max_lapse_days: 90", "max_lapse_days: 90\ncaps: [{window_day: 7, max_count: 2}]"),
            [
                "campaigns/welcome_back.yml, line 23, caps.1.window_day: no such key; did you mean window_days?",
                "campaigns/welcome_back.yml, line 23, caps.1.window_days: is missing",
            ],
        ),
        (
            (
                "max_lapse_days: 90",
                "max_lapse_days: 90\ncaps: [{window_days: 7, max_count: 2}, {window_days: 7, max_count: 3}]",
            ),
            ["campaigns/welcome_back.yml, line 23, caps: a channel and window_days stand twice"],
        ),
        (
            ("max_lapse_days: 90", "max_lapse_days: 90\nrecall_regardles: true"),
            ["campaigns/welcome_back.yml, line 23, recall_regardles: no such key; did you mean recall_regardless?"],
        ),
        (
            ("channel: email", "channel: mail"),
            ["campaigns/welcome_back.yml, line 10, arms.1.channel: Input should be 'sms', 'email', "],
        ),
        (
            ("offset_days: 30", "offset_days: 0"),
            [
                "campaigns/welcome_back.yml, line 3, steps: step 2 must have a greater step_number and offset_days"
                " than step 1 before it"
            ],
        ),
        (
            ("max_lapse_days: 90", "max_lapse_days: 29"),
            [
                "campaigns/welcome_back.yml, line 22, max_lapse_days: 29 is before the last step's offset_days 30,"
                " which would never be due"
            ],
        ),
        (
            ("arm_code: coupon", "arm_code: content"),
            ["campaigns/welcome_back.yml, line 8, arms: arm_code content stands twice"],
        ),
        (
            ("en: warm.en.txt, ", ""),
            ["campaigns/welcome_back.yml, line 8, arms: arm content has no template for the default_locale en"],
        ),
        (("weight: 3", "weight: true"), ["campaigns/welcome_back.yml, line 13, arms.1.weight: "]),
        (
            ("holdout_share: 0.25", "holdout_share: 0.25\nholdout_share: 0"),
            ["campaigns/welcome_back.yml, line 22, holdout_share: stands a second time"],
        ),
        (("lines: [groceries, fresh]", "lines: [groceries"), ["campaigns/welcome_back.yml, line 3: not readable"]),
    ],
)
def test_parse_campaign_with_a_fault_names_line_field_and_cure(change: tuple[str, str], expected: list[str]) -> None:
    assert change[0] in GOOD

    found = faults(GOOD.replace(*change, 1))

    assert len(found) == len(expected)
    for message, beginning in zip(sorted(found), sorted(expected), strict=True):
        assert message.startswith(beginning)


def test_treatments_of_arms_with_choices_are_written_out_with_what_their_arm_says() -> None:
    # Copies of one offer and channel are one action, named by the first of them.
    found = [
        (each.arm_code, each.choice_number, each.action_number, each.channel, each.offer_code, each.variant_code)
        for each in treatments(parse(BEST))
    ]

    assert found == [
        ("smart", 1, 1, "email", "coupon", "warm"),
        ("smart", 2, 2, "sms", "coupon", "warm"),
        ("copies", 1, 1, "email", "content", "warm"),
        ("copies", 2, 1, "email", "content", "brief"),
    ]
    assert [dict(each.templates) for each in treatments(parse(BEST))][:2] == [
        {"en": "coupon.en.txt"},
        {"en": "warm.en.txt"},
    ]


def test_treatments_of_a_fixed_arm_are_the_arm_itself() -> None:
    (first, second) = treatments(parse(GOOD))

    assert (first.arm_code, first.choice_number, first.offer_code) == ("content", 1, "content")
    assert first.places["channel"] == ("arms", 0, "channel")
    assert second.variant_code == "warm"


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (
            ("      - {channel: sms, offer_code: coupon}", "      - {channel: sms}"),
            "line 11, arms.1.choices: choice 2 must name channel and offer_code, which the arm leaves open, and"
            " nothing else",
        ),
        (
            ("{channel: sms, offer_code: coupon}", "{channel: email, offer_code: coupon}"),
            "line 11, arms.1.choices: choice 2 stands twice",
        ),
        (
            ("{channel: sms, offer_code: coupon}", "{channel: sms, offer_code: best}"),
            "line 11, arms.1.choices: choice 2 is best itself",
        ),
        (
            ("{channel: sms, offer_code: coupon}", "{channel: sms, offfer_code: coupon}"),
            "line 13, arms.1.choices.2.offfer_code: no such key; did you mean offer_code?",
        ),
        (
            ("    variant_code: best\n", "    variant_code: warm\n"),
            "line 18, arms.2.choices: choices stand here, but none of channel, offer_code, variant_code is best",
        ),
        (
            ("{variant_code: brief, templates: {en: brief.en.txt}}", "{variant_code: brief, templates: {zh: a.txt}}"),
            "line 5, arms: arm copies has no template for the default_locale en",
        ),
    ],
)
def test_parse_campaign_with_a_fault_in_choices_names_line_field_and_cure(
    change: tuple[str, str], expected: str
) -> None:
    assert change[0] in BEST

    assert faults(BEST.replace(*change, 1)) == [f"campaigns/welcome_back.yml, {expected}"]


def test_parse_campaign_with_best_and_no_choices_says_that_they_are_missing() -> None:
    assert faults(GOOD.replace("channel: email", "channel: best", 1)) == [
        "campaigns/welcome_back.yml, line 9, arms.1.choices: channel is best, so choices must say among which"
    ]


def test_parse_campaign_under_another_file_name_is_refused() -> None:
    assert faults(GOOD, "autumn.yml") == [
        "campaigns/autumn.yml, line 1, campaign_id: welcome_back must be the file's name:"
        " call the file welcome_back.yml"
    ]


@pytest.mark.parametrize("text", ["", "- a\n- b\n", "just words\n"])
def test_parse_campaign_that_is_no_mapping_says_what_is_expected(text: str) -> None:
    assert faults(text) == ["campaigns/welcome_back.yml, line 1: expected a mapping that begins with campaign_id"]


def test_schema_in_the_reference_is_the_one_in_force() -> None:
    assert SCHEMA_FILE.read_text(encoding="utf-8") == schema_text(), (
        "the model of campaigns changed: write recall.domain.campaign.schema_text() to " + SCHEMA_FILE.name
    )
