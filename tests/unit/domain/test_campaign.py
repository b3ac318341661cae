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
            ("max_lapse_days: 90", "max_lapse_days: 90\nbudget: 100"),
            ["campaigns/welcome_back.yml, line 23, budget: no such key; known are campaign_id, description, lines, "],
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
