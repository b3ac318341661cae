"""The report page from given figures: what it says, and that it needs nothing beside itself."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

from tests.support.report_figures import (
    CAMPAIGN,
    figures,
    full_figures,
    funnel,
    lift,
    line,
    without_estimates,
)

from recall.report.page import render_page


def render(**rows: Sequence[Mapping[str, Any]]) -> str:
    return render_page(figures(**rows))


def text_of(page: str, language: str = "en") -> str:
    """The text of a page in one language, tags and runs of blanks taken out."""
    begin, end = {
        "en": ('<div class="en" lang="en">', '<div class="zh" lang="zh-CN">'),
        "zh": ('<div class="zh" lang="zh-CN">', "</main>"),
    }[language]
    body = page[page.index(begin) : page.index(end)]
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", body))


def test_render_page_empty_warehouse_says_so_instead_of_failing() -> None:
    page = render()
    for sentence in (
        "No campaign has touched anybody yet.",
        "No customer yet.",
        "Nobody has lapsed.",
        "No fit was made yet",
        "No campaign has a candidate on this day.",
        "Nothing was sent yet.",
        "No cohort has come that far.",
        "Nobody did a step.",
        "No gate ran for this day.",
        "No file was delivered.",
        "No record was set aside.",
    ):
        assert sentence in text_of(page)
    assert "尚无客户。" in text_of(page, "zh")
    assert "<svg" not in page


def test_render_page_holds_both_languages_and_opens_in_the_wanted_one() -> None:
    english, chinese = (render_page(figures(), language) for language in ("en", "zh"))
    assert '<input type="radio" name="language" id="en" checked>' in english
    assert '<input type="radio" name="language" id="zh" checked>' in chinese
    assert (text_of(english), text_of(english, "zh")) == (text_of(chinese), text_of(chinese, "zh"))
    assert "Lapsed customers and their recall" in text_of(english)
    assert "流失用户与召回" in text_of(english, "zh")


def test_render_page_every_campaign_is_recalled_caused_and_earned_with_intervals() -> None:
    page = render(campaigns=[CAMPAIGN], lifts=[lift("return_rate"), lift("net_amount")], funnels=[funnel()])
    text = text_of(page)
    assert "recalled 1,170" in text
    assert "caused 271 (89 … 454)" in text
    assert "earned 8,200 EUR (-210 … 16,610)" in text
    assert "召回 1,170" in text_of(page, "zh")
    # The profit's way: 9,410.25 - 1,210.50 = 8,199.75.
    for amount in ("+9,410", "−1,210".replace("−", "-"), "+8,200"):
        assert f">{amount}<" in page
    # 13 % of the treated and 10 % of the held out returned: 3 points, from 1 to 5.
    assert "return rate warm 13.0% n=8,990 10.0% n=1,000 +3.0% (+1.0% … +5.0%)" in text
    assert "+1.05 (+0.35 … +1.75)" in text


def test_render_page_campaign_without_control_gives_the_reason_in_both_languages() -> None:
    imported = without_estimates(CAMPAIGN, "no control", kind_code="imported", mismatch_p=None)
    page = render(campaigns=[imported])
    assert "caused not estimable: no control" in text_of(page)
    assert "earned not estimable: no control" in text_of(page)
    assert "无法估计：没有对照组" in text_of(page, "zh")


def test_render_page_reason_with_a_number_is_translated_with_its_number() -> None:
    few = without_estimates(CAMPAIGN, "fewer than 25 users with an event in an arm")
    assert "无法估计：某组发生事件的用户少于 25 人" in text_of(render(campaigns=[few]), "zh")


def test_render_page_arms_not_as_drawn_hide_results_and_keep_counts() -> None:
    hidden = without_estimates(
        CAMPAIGN, "arms are not as large as they were drawn", is_mismatched=True, mismatch_p=Decimal("0.00004")
    )
    relapse = full_figures().rows["relapses"]
    page = render(
        campaigns=[hidden], lifts=[lift("return_rate", is_estimable=False)], funnels=[funnel()], relapses=relapse
    )
    text = text_of(page)
    assert "Results are hidden: the arms are not as large as they were drawn (p = 4e-05)" in text
    assert "8,950 / 9,000" in page
    for figure in ("13.0%", "Do they stay?", "return on cost", "last-touch"):
        assert figure not in text, figure
    # Not hidden, the same rows are shown.
    assert "Do they stay?" in text_of(render(campaigns=[CAMPAIGN], relapses=relapse))


def test_render_page_funnel_without_receipts_shows_no_deliveries() -> None:
    page = render(campaigns=[CAMPAIGN], funnels=[funnel(has_receipts=False, delivered_count=0, opened_count=0)])
    assert "no receipts came" in text_of(page)
    assert ">delivered<" not in page
    assert ">returned<" in page
    # 1,170 of 9,000 assigned came back.
    assert "13%  (1,170 / 9,000)" in page


def test_render_page_offer_whose_returned_lapse_faster_is_named() -> None:
    text = text_of(render(campaigns=[CAMPAIGN], relapses=full_figures().rows["relapses"]))
    assert "Returned on coupon, they lapse faster" in text


def test_render_page_way_of_candidates_adds_up() -> None:
    ways = (("left_out", "no_consent", 30), ("left_out", "already_sent", 50), ("global_holdout", None, 6),
            ("campaign_holdout", None, 12), ("treated", None, 102))  # fmt: skip
    text = text_of(
        render(
            candidates=[
                {
                    "campaign_id": "welcome_back",
                    "way_code": way,
                    "reason_code": reason,
                    "candidate_count": count,
                    "campaign_candidate_count": Decimal(200),
                }
                for way, reason, count in ways
            ]
        )
    )
    assert "candidates 200" in text
    assert "left out: no consent −30" in text
    assert "held out of every campaign 6" in text
    assert "held out of this campaign 12" in text
    assert "written to 102" in text


def test_render_page_reasons_and_returns_stand_beside_their_counts() -> None:
    days = [
        {"as_of_date": date(2026, 2, day), "reason_code": code, "episode_count": count}
        for day in (1, 8)
        for code, count in (("price", 3), ("unknown", 0))
    ]
    page = render(
        layers=[{"layer_code": "low", "layer_name": "Hardly reachable"}],
        layer_returns=[{"layer_code": "low", "episode_count": 40, "returned_count": 10, "return_days": 21}],
        bin_returns=[
            {
                "line_id": "tea",
                "line_name": "Tea",
                "dimension_code": "days_since_last_order",
                "layer_code": "under_30_days",
                "episode_count": 8,
                "returned_count": 3,
                "return_rate": Decimal("0.375"),
            }
        ],
        reasons=[
            {"reason_code": "never_activated", "primary_count": 5, "episode_count": 7, "mean_score": Decimal("0.4")}
        ],
        reason_days=days,
    )
    text = text_of(page)
    assert "never activated 5 7 0.40" in text
    assert "returned within 21 days" in text
    # 10 of 40 came back from the layer.
    assert "25%  (10 / 40)" in page
    assert "Tea days since last order under 30 days 8 37.5%" in text
    assert "Open lapses per week, by primary reason" in page
    # A reason that nobody ever had is not in the legend.
    assert ">price<" in page
    assert ">unknown<" not in page


def test_render_page_failed_check_is_shown_above_the_passed_ones() -> None:
    check = {
        "door": "raw",
        "suite_name": "orders",
        "table_name": "orders",
        "column_name": "net_amount",
        "description": "net_amount is at least 0",
        "status": "passed",
        "checked_count": 100,
        "failed_count": 0,
    }
    broken = check | {"status": "failed", "description": "order_id is never null", "failed_count": 7}
    text = text_of(render(gates=[broken, check]))
    assert "May this come in? 1 of 2 passed failed order_id is never null (7 of 100)" in text


def test_render_page_names_from_the_workspace_are_escaped() -> None:
    page = render(lines=[line("<b>groceries</b>", customers=10, churned=4)])
    assert "<b>groceries</b>" not in page
    assert "&lt;b&gt;groceries&lt;/b&gt;" in page


def test_render_page_dollar_signs_in_a_name_are_no_formula() -> None:
    assert "from $5 to $6\\x" in render(lines=[line("from $5 to $6\\x", customers=10, churned=4)])


def test_render_page_drifting_limit_is_named_beside_what_the_data_suggest() -> None:
    wine = line("wine", customers=10, churned=4)
    alert = "A limit in force is far from what the data suggest"
    text = text_of(render(lines=[wine | {"lapse_days_suggested": 41, "is_drifting": True}]))
    assert "28 41 drifting" in text
    assert alert in text
    assert alert not in text_of(render(lines=[wine]))


def test_render_page_churn_curve_names_each_limit_that_there_is() -> None:
    tea = line("tea", customers=10, churned=4, lapse_days_in_force=28, elbow_days=19)
    curve = [
        {"line_id": "tea", "quiet_days": day, "survival_rate": 1 / Decimal(day), "return_rate": None} for day in (1, 9)
    ]
    page = render(lines=[tea], curves=curve)
    assert ">in force: 28<" in page
    assert ">elbow: 19<" in page
    assert "suggested:" not in page


def test_render_page_months_and_cohorts_are_drawn_with_their_numbers() -> None:
    month = {"new_count": 5, "retained_count": 7, "resurrected_count": 2, "lost_count": 4, "is_complete": True}
    cohort = {"cohort_type": "first_key_day", "month": date(2026, 1, 1), "cohort_count": 8}
    page = render(
        transitions=[month | {"month": date(2026, 1, 1)}, month | {"month": date(2026, 2, 1), "is_complete": False}],
        retention_months=[
            cohort | {"day_number": 1, "retained_count": 2},
            cohort | {"day_number": 30, "retained_count": 0},
        ],
    )
    for label in ("stayed", "came back", "new", "lost", "留存", "2026-01", "2026-02"):
        assert f">{label}<" in page
    # 2 of 8 were there on the first day and nobody on the 30th; no registration was delivered.
    assert "25.0% n=8" in page
    assert "0.0% n=8" in page
    assert "D30" in page
    assert "No registration date was delivered." in text_of(page)


def test_render_page_funnel_steps_are_shares_of_the_first() -> None:
    steps = (("visit", 40), ("put_into_cart", 10), ("order", 0))
    page = render(funnel=[{"step_number": 1, "step_code": code, "user_count": n} for code, n in steps])
    assert "100%  (40 / 40)" in page
    assert "put into cart" in page
    assert "25%  (10 / 40)" in page
    assert "0%  (0 / 40)" in page
