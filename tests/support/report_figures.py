"""Figures for the report page without a database: an empty warehouse, and one in which every section has something."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from recall.report.page import QUERIES_DIR, Figures

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
    "treated_count": 0,
    "held_out_count": 0,
    "currency_code": "EUR",
    "business_time_zone": "Europe/Berlin",
}
CAMPAIGN = {
    "campaign_id": "spring",
    "kind_code": "own",
    "first_date": date(2026, 2, 1),
    "assigned_count": 9_000,
    "held_out_count": 1_000,
    "window_days": 14,
    "treated_count": 8_990,
    "control_count": 1_000,
    "immature_count": 10,
    "recalled_count": 1_170,
    "caused_count": Decimal("271.4"),
    "caused_low": Decimal("88.6"),
    "caused_high": Decimal("454.2"),
    "caused_not_estimable_reason": None,
    "last_touch_count": 1_012,
    "last_touch_amount": Decimal("40480.00"),
    "cost_amount": Decimal("1210.50"),
    "incremental_contribution_amount": Decimal("9410.25"),
    "incremental_profit_amount": Decimal("8199.75"),
    "incremental_profit_low": Decimal("-210.40"),
    "incremental_profit_high": Decimal("16609.90"),
    "roi": Decimal("6.77"),
    "roi_low": Decimal("-0.17"),
    "roi_high": Decimal("13.7"),
    "cost_per_caused_amount": Decimal("4.46"),
    "profit_not_estimable_reason": None,
    "is_approximate": False,
    "mismatch_p": Decimal("0.42"),
    "is_mismatched": False,
    "campaign_rank": 1,
}
NOT_ESTIMATED = {
    "caused_count": None,
    "caused_low": None,
    "caused_high": None,
    "incremental_contribution_amount": None,
    "incremental_profit_amount": None,
    "incremental_profit_low": None,
    "incremental_profit_high": None,
    "roi": None,
    "roi_low": None,
    "roi_high": None,
    "cost_per_caused_amount": None,
}


def without_estimates(campaign: Mapping[str, Any], reason: str, **other: Any) -> dict[str, Any]:
    """A campaign of which the marts state nothing, for a reason."""
    reasons = {"caused_not_estimable_reason": reason, "profit_not_estimable_reason": reason}
    return {**campaign, **NOT_ESTIMATED, **reasons, **other}


def lift(metric: str, arm: str = "warm", *, is_estimable: bool = True, **other: Any) -> dict[str, Any]:
    """An effect: shares of 13 against 10 in a hundred, amounts of 4.20 against 3.15."""
    is_rate, is_money = metric.endswith("_rate"), metric.endswith("_amount")
    treated, control = (Decimal("0.13"), Decimal("0.10")) if is_rate else (Decimal("4.20"), Decimal("3.15"))
    difference = treated - control
    row: dict[str, Any] = {
        "campaign_id": "spring",
        "arm_code": arm,
        "metric_code": metric,
        "window_days": 14,
        "treated_count": 8_990,
        "control_count": 1_000,
        "treated_mean": treated,
        "control_mean": control,
        "lift": difference,
        "lift_low": difference / 3,
        "lift_high": difference * 5 / 3,
        "sequential_low": -difference / 5,
        "sequential_high": difference * 11 / 5,
        "relative_lift": difference / control,
        "relative_lift_low": difference / control / 3,
        "relative_lift_high": difference / control * 5 / 3,
        "is_estimable": is_estimable,
        "not_estimable_reason": None,
        "is_approximate": False,
        "is_rate": is_rate,
        "is_money": is_money,
    }
    if not is_estimable:
        row |= {name: None for name in row if name.startswith(("lift", "sequential", "relative"))}
        row |= {"not_estimable_reason": "fewer than 10 users with an event in an arm"}
    return row | other


def funnel(campaign: str = "spring", step: int = 1, channel: str = "email", **other: Any) -> dict[str, Any]:
    """The way of 9,000 assigned."""
    return {
        "campaign_id": campaign,
        "step_number": step,
        "channel": channel,
        "member_count": 9_000,
        "sent_count": 8_950,
        "delivered_count": 8_800,
        "opened_count": 2_640,
        "clicked_count": 528,
        "redeemed_count": 96,
        "returned_count": 1_170,
        "cost_amount": Decimal("8.95"),
        "has_receipts": True,
        **other,
    }


def line(name: str, *, customers: int, churned: int, **other: Any) -> dict[str, Any]:
    """A line with its customers."""
    return {
        "line_id": name,
        "line_name": name,
        "frequency_class": "high",
        "lapse_days": 28,
        "customer_count": customers,
        "churned_count": churned,
        "episode_count": churned + 1,
        "returned_count": 1,
        "lapse_days_in_force": None,
        "lapse_days_suggested": None,
        "elbow_days": None,
        "is_drifting": False,
        **other,
    }


def figures(**rows: Sequence[Mapping[str, Any]]) -> Figures:
    """Figures of 1 March 2026; a query that is not given has no rows."""
    return Figures(
        as_of_date=date(2026, 3, 1),
        published_at=datetime(2026, 3, 2, 3, 31, tzinfo=UTC),
        rows={**NOTHING, "summary": [SUMMARY], **rows},
    )


def full_figures() -> Figures:
    """Figures in which every section has something, and names are as long and as many as real ones are."""
    lines = ["All purchases", "Groceries and household goods", "生鲜与日用百货", "Wine", "Garden furniture and tools"]
    layers = [("low", "Hardly reachable"), ("middle", "Cooling"), ("high", "Warm"), ("top", "Nearly here")]
    reasons = ["never_activated", "price", "service", "content_stale", "wrong_match", "unknown"]
    months = [date(2024 + (place + 3) // 12, (place + 3) % 12 + 1, 1) for place in range(23)]
    weeks = [date.fromordinal(date(2026, 3, 1).toordinal() - 7 * back) for back in reversed(range(60))]
    imported = {"campaign_id": "18", "kind_code": "imported", "mismatch_p": None, "first_date": date(2026, 1, 3)}
    hidden = {"campaign_id": "winter_welcome_back_with_a_long_name", "mismatch_p": Decimal("0.00004")}
    program = {"campaign_id": "all", "kind_code": "program"}
    return figures(
        summary=[SUMMARY | {"customer_count": 123_456, "order_count": 9_876_543, "net_amount": Decimal("98765432.1")}],
        campaigns=[
            without_estimates(CAMPAIGN | program, "no window has ended", recalled_count=0),
            CAMPAIGN,
            without_estimates(CAMPAIGN | hidden, "arms are not as large as they were drawn", is_mismatched=True),
            without_estimates(CAMPAIGN | imported, "no control"),
        ],
        lifts=[
            lift(metric, arm, is_estimable=metric != "visit_rate")
            for metric in (
                "return_rate",
                "order_rate",
                "visit_rate",
                "order_count",
                "net_amount",
                "contribution_amount",
            )
            for arm in ("warm", "brief and personal")
        ],
        segments=[
            {**lift("return_rate"), "segment_type": kind, "segment_code": code}
            for kind, code in (("layer", "low"), ("reason", "price"))
        ],
        funnels=[
            funnel(),
            funnel(
                step=2,
                channel="phone",
                member_count=812,
                sent_count=700,
                delivered_count=611,
                opened_count=420,
                clicked_count=101,
                redeemed_count=40,
                returned_count=66,
            ),
            funnel(hidden["campaign_id"], channel="welfare"),
            funnel("18", 0, "unknown", has_receipts=False, redeemed_count=0, sent_count=12_000),
        ],
        relapses=[
            {
                "campaign_id": "spring",
                "arm_code": arm,
                "offer_code": offer,
                "day_number": day,
                "returned_count": 400,
                "relapsed_count": 4 * share,
                "relapse_rate": Decimal(share) / 100,
                "second_lifetime_value_amount": Decimal("31.5"),
                "first_lifetime_value_amount": Decimal("44.25"),
                "is_lapsing_faster": arm == "warm" and day == 60,
            }
            for arm, offer, by_day in (
                ("brief and personal", "red_packet", (4, 11, 30, 41)),
                ("warm", "coupon", (9, 21, 44, 58)),
                ("control", "none", (5, 12, 28, 37)),
            )
            for day, share in zip((7, 14, 30, 60), by_day, strict=True)
        ],
        touches=[
            {
                "campaign_id": f"{place}",
                "arm_code": f"Type {'ABC'[place % 3]}",
                "first_date": months[place],
                "member_count": Decimal(40 + 61 * place),
                "redeemed_count": Decimal(3 + 4 * place),
            }
            for place in range(12)
        ],
        arms=[
            {"arm_code": arm, "campaign_count": 4, "member_count": Decimal(2_400), "redeemed_count": Decimal(160)}
            for arm in ("Type A", "Type B", None)
        ],
        candidates=[
            {
                "campaign_id": "spring",
                "way_code": way,
                "reason_code": reason,
                "candidate_count": count,
                "campaign_candidate_count": Decimal(12_000),
            }
            for way, reason, count in (
                ("left_out", "no_consent", 1_900),
                ("left_out", "not_worth_recalling", 600),
                ("global_holdout", None, 95),
                ("campaign_holdout", None, 905),
                ("treated", None, 8_500),
            )
        ],
        sends=[
            {
                "campaign_id": "spring",
                "channel": "email",
                "selected_date": date(2026, 3, 2),
                "send_count": 8_500,
                "sent_count": 8_000,
                "failed_count": 3,
                "suppressed_count": 490,
                "unknown_count": 7,
                "claimed_count": 0,
            }
        ],
        lines=[
            line(
                name,
                customers=20_000 - 3_000 * place,
                churned=7_000 - 900 * place,
                lapse_days_in_force=30,
                lapse_days_suggested=34 + 20 * place,
                elbow_days=32,
                is_drifting=place > 0,
            )
            for place, name in enumerate(lines)
        ],
        layers=[{"layer_code": code, "layer_name": name} for code, name in layers],
        layer_sizes=[
            {"line_id": name, "layer_code": code, "episode_count": 900 + 411 * place}
            for name in lines
            for place, (code, _) in enumerate(layers)
        ],
        curves=[
            {
                "line_id": name,
                "quiet_days": day,
                "survival_rate": Decimal(1) / (1 + Decimal(day) / 9),
                "return_rate": Decimal("0.2"),
                "fitted_date": date(2026, 3, 1),
            }
            for name in sorted(lines)
            for day in range(1, 121)
        ],
        transitions=[
            {
                "month": month,
                "new_count": 300 + 11 * place,
                "retained_count": 2_000 + 40 * place,
                "resurrected_count": 150,
                "lost_count": 420,
                "is_complete": month < date(2026, 2, 1),
            }
            for place, month in enumerate(months)
        ],
        stages=[
            {"stage_code": code, "customer_count": 10 ** (place % 5 + 1)}
            for place, code in enumerate(
                ("prospect", "introduced", "growing", "mature", "declining", "lapsed", "returned")
            )
        ],
        funnel=[
            {"step_number": place, "step_code": code, "user_count": Decimal(90_000 // 4**place)}
            for place, code in enumerate(("visit", "product", "cart", "order"))
        ],
        retention_months=[
            {
                "cohort_type": cohort_type,
                "month": month,
                "day_number": day,
                "cohort_count": Decimal(12_345),
                "retained_count": Decimal(12_345 * (40 - day) // 100),
            }
            for cohort_type in ("first_key_day", "registration")
            for month in months[-12:]
            for day in (1, 7, 30)
        ],
        layer_days=[
            {"as_of_date": day, "layer_code": code, "episode_count": 1_000 * (number + 1) + 13 * place}
            for place, day in enumerate(weeks)
            for number, (code, _) in enumerate(layers)
        ],
        layer_flows=[
            {"month": month, "layer_code": code, "episode_count": 1_000, "change_count": 150 - 77 * number}
            for month in months
            for number, (code, _) in enumerate(layers)
        ],
        episode_flows=[{"month": month, "lapsed_count": 800, "returned_count": 510} for month in months],
        layer_returns=[
            {"layer_code": code, "episode_count": 4_000, "returned_count": 400 * (number + 1), "return_days": 30}
            for number, (code, _) in enumerate(layers)
        ],
        bin_returns=[
            {
                "line_id": "Wine",
                "line_name": "Wine",
                "dimension_code": "visit_count_7d_before_last_visit",
                "layer_code": "2_to_3_times",
                "episode_count": 80,
                "returned_count": 30,
                "return_rate": Decimal("0.375"),
            }
        ],
        personas=[
            {"persona_code": code, "episode_count": count, "order_count": 3.2, "average_order_amount": 25.5}
            for code, count in (("occasional_buyer", 4_000), ("loyal_regular", 320))
        ],
        reasons=[
            {"reason_code": code, "primary_count": 900, "episode_count": 1_200, "mean_score": Decimal("0.43")}
            for code in reasons
        ],
        reason_days=[
            {"as_of_date": day, "reason_code": code, "episode_count": 500 + place}
            for place, day in enumerate(weeks)
            for code in reasons
        ],
        gates=[
            {
                "door": door,
                "suite_name": "orders",
                "table_name": "orders",
                "column_name": "net_amount",
                "description": "net_amount is at least 0",
                "status": status,
                "checked_count": 100_000,
                "failed_count": 0 if status == "passed" else 7,
            }
            for door in ("raw", "audiences")
            for status in ("failed", "passed")
        ],
        builds=[
            {"layer": layer, "model_count": 24, "test_count": 31, "passed_count": 31, "seconds": Decimal("12.4")}
            for layer in ("staging", "intermediate", "marts")
        ],
        files=[
            {
                "table_name": "order_items",
                "rejected_count": 1,
                "accepted_count": 1,
                "row_count": 1_469_307,
                "loaded_count": 1_469_300,
                "quarantined_count": 7,
                "repeated_count": 0,
                "superseded_count": 0,
            }
        ],
        quarantine=[
            {"table_name": "orders", "column_name": "net_amount", "rule_code": "not_a_number", "record_count": 7}
        ],
    )
