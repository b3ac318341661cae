"""The report page from given figures: what it says, and that it needs nothing beside itself."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from recall.report.page import QUERIES_DIR, Figures, render_page

NOTHING: dict[str, list[dict[str, Any]]] = {path.stem: [] for path in QUERIES_DIR.glob("*.sql")}
SUMMARY = {
    "user_count": 3,
    "customer_count": 2,
    "churned_customer_count": 1,
    "order_count": 4,
    "net_amount": Decimal("1234.50"),
    "first_date": date(2026, 1, 1),
    "last_date": date(2026, 3, 1),
    "episode_count": 2,
    "open_episode_count": 1,
    "currency_code": "EUR",
    "business_time_zone": "Europe/Berlin",
}
CAMPAIGN = {
    "campaign_id": "spring",
    "arm_code": "Type A",
    "first_date": date(2026, 2, 1),
    "member_count": Decimal(40),
    "redeemed_count": Decimal(10),
    "window_days": 30,
    "matured_count": 40,
    "immature_count": 0,
    "order_rate": Decimal("0.5"),
    "net_amount": Decimal("12.25"),
    "order_rate_lift": None,
    "order_rate_lift_low": None,
    "order_rate_lift_high": None,
    "is_estimable": False,
    "not_estimable_reason": "no control",
}


def render(**rows: Sequence[Mapping[str, Any]]) -> str:
    return render_page(
        Figures(
            as_of_date=date(2026, 3, 1),
            published_at=datetime(2026, 3, 2, 3, 31, tzinfo=UTC),
            rows={**NOTHING, "summary": [SUMMARY], **rows},
        )
    )


def text_of(page: str) -> str:
    """The English text of a page, tags and runs of blanks taken out."""
    without_chinese = re.sub(r'<span class="zh".*?</span>', "", page)
    without_style = re.sub(r"<style>.*?</style>", "", without_chinese, flags=re.DOTALL)
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", without_style))


def test_render_page_empty_warehouse_says_so_instead_of_failing() -> None:
    text = text_of(render())
    for sentence in (
        "No customer yet.",
        "Nobody has lapsed.",
        "No campaign has a candidate on this day.",
        "Nothing was sent yet.",
        "No cohort has come that far.",
        "Nobody did a step.",
        "No gate ran for this day.",
    ):
        assert sentence in text


def test_render_page_any_figures_needs_no_other_file() -> None:
    page = render(
        campaigns=[CAMPAIGN],
        lines=[line("groceries", customers=10, churned=4)],
        layers=[{"layer_code": "low", "layer_name": "Low"}],
        layer_sizes=[{"line_id": "groceries", "layer_code": "low", "episode_count": 4}],
    )
    for reference in ("<script", "<link", "<img", "<iframe", "@import", "src=", "url(http", "<!DOCTYPE svg"):
        assert reference not in page, reference
    # Links inside a plot, such as clip paths, stay inside the page.
    assert all(target.startswith("#") for target in re.findall(r'href="([^"]*)"', page))
    assert '<meta name="viewport"' in page


def test_render_page_campaign_without_control_states_no_effect() -> None:
    text = text_of(render(campaigns=[CAMPAIGN]))
    assert "10 (25.0%)" in text
    assert "50.0%" in text
    assert "not estimable : no control" in text


def test_render_page_estimable_campaign_shows_lift_with_its_interval() -> None:
    lift = {
        "is_estimable": True,
        "not_estimable_reason": None,
        "order_rate_lift": Decimal("0.042"),
        "order_rate_lift_low": Decimal("0.011"),
        "order_rate_lift_high": Decimal("0.073"),
    }
    text = text_of(render(campaigns=[CAMPAIGN | lift]))
    assert "4.2% (1.1% … 7.3%)" in text
    assert "not estimable" not in text


def test_render_page_waterfall_parts_add_up_to_the_candidates() -> None:
    text = text_of(
        render(
            members=[
                {
                    "campaign_id": "welcome_back",
                    "step_number": step,
                    "member_count": 60,
                    "global_holdout_count": 3,
                    "campaign_holdout_count": 6,
                    "treated_count": 51,
                }
                for step in (1, 2)
            ],
            exclusions=[
                {"campaign_id": "welcome_back", "reason_code": "no_consent", "candidate_count": 30},
                {"campaign_id": "welcome_back", "reason_code": "already_sent", "candidate_count": 50},
            ],
        )
    )
    # 2 x 60 members + 30 + 50 left out = 200 candidates, of whom 2 x 51 are written to.
    assert "candidates 200" in text
    assert "left out : no consent −30" in text
    assert "held out of every campaign 6" in text
    assert "held out of this campaign 12" in text
    assert "written to 102" in text


def test_render_page_reasons_and_returns_stand_beside_their_counts() -> None:
    days = [
        {"as_of_date": date(2026, 2, day), "reason_code": code, "episode_count": count}
        for day in (1, 2)
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
    assert "25% (10 of 40)" in text
    assert "Tea days since last order under 30 days 8 37.5%" in text
    assert "Open episodes per day, by primary reason" in page
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
    assert "may this come in? 1 of 2 passed failed order_id is never null (7 of 100)" in text


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


def line(name: str, *, customers: int, churned: int) -> dict[str, Any]:
    return {
        "line_id": name,
        "line_name": name,
        "frequency_class": "high",
        "lapse_days": 28,
        "customer_count": customers,
        "churned_count": churned,
        "episode_count": churned + 1,
        "returned_count": 1,
        "lapse_days_suggested": None,
        "is_drifting": False,
    }


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
    text = text_of(page)
    for label in ("stayed", "came back", "new", "lost", "2026-01", "2026-02"):
        assert label in text
    # 2 of 8 were there on the first day and nobody on the 30th; no registration was delivered.
    assert "25.0% of 8" in text
    assert "0.0% of 8" in text
    assert "D30" in text
    assert "No registration date was delivered." in text


def test_render_page_funnel_steps_are_shares_of_the_first() -> None:
    steps = (("visit", 40), ("put_into_cart", 10), ("order", 0))
    text = text_of(render(funnel=[{"step_number": 1, "step_code": code, "user_count": n} for code, n in steps]))
    assert "100% (40 of 40)" in text
    assert "put into cart" in text
    assert "25% (10 of 40)" in text
    assert "0% (0 of 40)" in text
