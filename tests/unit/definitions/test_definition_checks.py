"""The strict reading of definition files: what is accepted, and how each fault is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from recall.domain.definition_files import (
    DEFINITION_FILES,
    DIMENSIONS,
    RECENCY_DIMENSIONS,
    SHIPPED_DIR,
    parse_definition,
)
from recall.domain.workspace import Workspace
from recall.warehouse.definitions import validate_definitions

LINES = "line_id,line_name,frequency_class,lapse_days,returned_days,valid_from\n"
BINS = "dimension_code,layer_code,lower_edge,upper_edge,score,valid_from\n"
REASON_RULES = "reason_code,rule_number,signal_code,window_days,minimum,maximum,score,valid_from\n"
RULES = "rule_number,persona_code,measure_code,minimum,maximum,valid_from\n"


def faults(tmp_path: Path, **files: str | bytes) -> list[str]:
    """Writes definition files, named without `.csv`, and returns the faults as sentences."""
    folder = tmp_path / "definitions"
    folder.mkdir()
    for name, content in files.items():
        data = content.encode() if isinstance(content, str) else content
        (folder / f"{name}.csv").write_bytes(data)
    workspace = Workspace(path=tmp_path, business_time_zone="UTC", currency_code="EUR")
    return [str(problem) for problem in validate_definitions(workspace)]


def bins_file(**replaced: str) -> str:
    """A complete layer_bins.csv of two bins per dimension, some dimensions' rows replaced."""
    rows = {
        "days_since_last_visit": "days_since_last_visit,near,0,30,1,2020-01-01\n"
        "days_since_last_visit,far,30,,0,2020-01-01\n",
        "visit_count_7d_before_last_visit": "visit_count_7d_before_last_visit,few,0,3,0,2020-01-01\n"
        "visit_count_7d_before_last_visit,many,3,,1,2020-01-01\n",
        "days_since_last_order": "days_since_last_order,near,0,30,1,2020-01-01\n"
        "days_since_last_order,far,30,,0,2020-01-01\n",
        "order_count_30d_before_last_order": "order_count_30d_before_last_order,few,0,3,0,2020-01-01\n"
        "order_count_30d_before_last_order,many,3,,1,2020-01-01\n",
    }
    return BINS + "".join((rows | replaced).values())


def test_shipped_defaults_without_any_workspace_file_are_accepted(tmp_path: Path) -> None:
    assert faults(tmp_path) == []


def test_shipped_folder_holds_exactly_one_default_per_definition() -> None:
    assert sorted(path.name for path in SHIPPED_DIR.iterdir()) == sorted(
        definition.file_name for definition in DEFINITION_FILES
    )


def test_two_lines_with_categories_are_accepted(tmp_path: Path) -> None:
    assert (
        faults(
            tmp_path,
            business_lines=LINES + "all,All,high,30,14,2020-01-01\nwine,Wine,mid,90,30,2020-01-01\n",
            category_lines="category,line_id,valid_from\nRed wine,wine,2020-01-01\nGift,all,2020-01-01\n",
            layer_bins=bins_file(),
        )
        == []
    )


def test_a_misspelt_column_is_named_with_the_nearest_one(tmp_path: Path) -> None:
    found = faults(
        tmp_path, business_lines=LINES.replace("lapse_days", "lapse_day") + "all,All,high,30,14,2020-01-01\n"
    )
    assert found == [
        "definitions/business_lines.csv, row 1, column lapse_day: expected a known column (did you mean lapse_days?),"
        " found an unknown one",
        "definitions/business_lines.csv, row 1, column lapse_days: expected this column in the header,"
        " found no such column",
    ]


def test_an_unknown_file_is_named_with_the_nearest_one(tmp_path: Path) -> None:
    assert faults(tmp_path, busines_lines=LINES) == [
        "definitions/busines_lines.csv: expected a definition file (did you mean business_lines.csv?),"
        " found an unknown name"
    ]


def test_every_fault_of_every_file_is_listed_at_once(tmp_path: Path) -> None:
    found = faults(
        tmp_path,
        business_lines=LINES + "all,All,high,0,14,2020-01-01\nwine,,weekly,90,14,2020-02-30\n",
        load_rules="max_bad_rate,valid_from\n1.5,2020-01-01\n",
    )
    assert found == [
        "definitions/business_lines.csv, row 2, column lapse_days: expected a whole number of at least 1, found '0'",
        "definitions/business_lines.csv, row 3, column line_name: expected a text, found an empty cell",
        "definitions/business_lines.csv, row 3, column frequency_class: expected one of high, mid, low, found 'weekly'",
        "definitions/business_lines.csv, row 3, column valid_from: expected a date such as 2026-01-31,"
        " found '2020-02-30'",
        "definitions/load_rules.csv, row 2, column max_bad_rate: expected a number with a decimal point of at"
        " least 0 and of at most 1, found '1.5'",
    ]


def test_the_reserved_line_any_cannot_be_defined(tmp_path: Path) -> None:
    (found,) = faults(tmp_path, business_lines=LINES + "any,Any,high,30,14,2020-01-01\n")
    assert "row 2, column line_id: expected a code" in found
    assert "other than any, which is reserved" in found


def test_a_category_of_an_unknown_line_is_refused(tmp_path: Path) -> None:
    assert faults(
        tmp_path,
        business_lines=LINES + "wine,Wine,mid,90,30,2020-01-01\n",
        category_lines="category,line_id,valid_from\nRed,wine,2020-01-01\nWhite,wines,2020-01-01\n",
    ) == [
        "definitions/category_lines.csv, row 3, column line_id: expected a line of business_lines.csv"
        " (did you mean wine?), found 'wines'"
    ]


def test_two_rows_in_force_at_once_are_refused(tmp_path: Path) -> None:
    assert faults(
        tmp_path, business_lines=LINES + "all,All,high,30,14,2020-01-01\nall,All,high,60,14,2020-01-01\n"
    ) == [
        "definitions/business_lines.csv, row 3, column line_id: expected one row for line_id all,"
        " valid_from 2020-01-01, found a second one beside row 2"
    ]


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        (
            "days_since_last_visit,near,0,31,1,2020-01-01\ndays_since_last_visit,far,30,,0,2020-01-01\n",
            "row 2, column upper_edge: expected 30, where row 3 of days_since_last_visit from 2020-01-01 begins,"
            " found 31 (an overlap)",
        ),
        (
            "days_since_last_visit,near,0,29,1,2020-01-01\ndays_since_last_visit,far,30,,0,2020-01-01\n",
            "row 2, column upper_edge: expected 30, where row 3 of days_since_last_visit from 2020-01-01 begins,"
            " found 29 (a gap)",
        ),
        (
            "days_since_last_visit,near,1,30,1,2020-01-01\ndays_since_last_visit,far,30,,0,2020-01-01\n",
            "row 2, column lower_edge: expected 0, where days_since_last_visit from 2020-01-01 must begin, found 1",
        ),
        (
            "days_since_last_visit,near,0,30,1,2020-01-01\ndays_since_last_visit,far,30,60,0,2020-01-01\n",
            "row 3, column upper_edge: expected an empty cell, since days_since_last_visit from 2020-01-01"
            " must not end, found 60",
        ),
        (
            "days_since_last_visit,near,0,30,0.5,2020-01-01\ndays_since_last_visit,far,30,,0.6,2020-01-01\n",
            "row 3, column score: expected at most 0.5, the score of row 2, so that a longer quiet time never"
            " raises it, found 0.6",
        ),
    ],
)
def test_bins_that_overlap_gap_or_fall_back_are_refused(tmp_path: Path, rows: str, expected: str) -> None:
    assert faults(tmp_path, layer_bins=bins_file(days_since_last_visit=rows)) == [
        f"definitions/layer_bins.csv, {expected}"
    ]


def test_a_frequency_bin_that_scores_lower_than_a_rarer_one_is_refused(tmp_path: Path) -> None:
    rows = (
        "order_count_30d_before_last_order,few,0,3,1,2020-01-01\n"
        "order_count_30d_before_last_order,many,3,,0.9,2020-01-01\n"
    )
    (found,) = faults(tmp_path, layer_bins=bins_file(order_count_30d_before_last_order=rows))
    assert "row 9, column score: expected at least 1, the score of row 8" in found


def test_a_dimension_without_bins_is_refused(tmp_path: Path) -> None:
    assert faults(tmp_path, layer_bins=bins_file(days_since_last_order="")) == [
        "definitions/layer_bins.csv, column dimension_code: expected bins for days_since_last_order, found none"
    ]


def test_layers_with_a_gap_are_refused(tmp_path: Path) -> None:
    (found,) = faults(
        tmp_path,
        layers="layer_code,layer_name,lower_edge,upper_edge,valid_from\n"
        "low,Low,0,0.4,2020-01-01\nhigh,High,0.5,,2020-01-01\n",
    )
    assert found.endswith("found 0.4 (a gap)")


def test_persona_rules_whose_last_one_has_a_condition_are_refused(tmp_path: Path) -> None:
    assert faults(tmp_path, persona_rules=RULES + "1,loyal,order_count,5,,2020-01-01\n") == [
        "definitions/persona_rules.csv, row 2, column measure_code: expected an empty cell: the last rule from"
        " 2020-01-01 is for everyone whom no other rule took, found a condition"
    ]


def test_persona_conditions_that_bound_nothing_or_cross_are_refused(tmp_path: Path) -> None:
    found = faults(
        tmp_path,
        persona_rules=RULES
        + "1,loyal,order_count,,,2020-01-01\n2,big,net_amount,9,3,2020-01-01\n3,rest,,,,2020-01-01\n",
    )
    assert found == [
        "definitions/persona_rules.csv, row 2, column minimum: expected a minimum, a maximum or both, found neither",
        "definitions/persona_rules.csv, row 3, column maximum: expected a number above the minimum 9, found 3",
    ]


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ("pricey,1,order_count,,1,,0.5,2020-01-01", "column reason_code: expected one of never_activated,"),
        ("price,1,order_cuont,,1,,0.5,2020-01-01", "column signal_code: expected one of refund_count,"),
        ("price,1,order_count,,1,,1.5,2020-01-01", "column score: expected a number with a decimal point of at most 1"),
        ("price,1,order_count,,1,,0,2020-01-01", "column score: expected a number with a decimal point"),
        ("price,1,,,,,0.5,2020-01-01", "column signal_code: expected a signal, because only unknown is without"),
        (
            "price,1,order_count,,,,0.5,2020-01-01",
            "column minimum: expected a minimum, a maximum or both, found neither",
        ),
        ("price,1,order_count,,3,3,0.5,2020-01-01", "column maximum: expected a number above the minimum 3, found 3"),
        (
            "price,1,refund_count,,1,,0.5,2020-01-01",
            "column window_days: expected the days that refund_count looks back",
        ),
        ("price,1,order_count,9,1,,0.5,2020-01-01", "column window_days: expected an empty cell, since order_count"),
    ],
)
def test_reason_rules_with_an_unknown_code_or_a_bad_bound_are_refused(tmp_path: Path, rule: str, expected: str) -> None:
    (found,) = faults(tmp_path, reason_rules=f"{REASON_RULES}unknown,1,,,,,0.1,2020-01-01\n{rule}\n")
    assert found.startswith(f"definitions/reason_rules.csv, row 3, {expected}")


def test_a_signal_with_two_windows_and_a_rule_with_two_scores_are_refused(tmp_path: Path) -> None:
    found = faults(
        tmp_path,
        reason_rules=REASON_RULES
        + "unknown,1,,,,,0.1,2020-01-01\n"
        + "price,1,refund_count,30,1,,0.5,2020-01-01\n"
        + "price,1,order_count,,1,,0.4,2020-01-01\n"
        + "service,1,refund_count,60,1,,0.5,2020-01-01\n",
    )
    assert found == [
        "definitions/reason_rules.csv, row 4, column score: expected 0.5, as in row 3 of the same rule, found 0.4",
        "definitions/reason_rules.csv, row 5, column window_days: expected 30, as in row 3 for the same signal,"
        " found 60",
    ]


@pytest.mark.parametrize("rows", ["", "unknown,1,,,,,0.1,2020-01-01\nunknown,2,,,,,0.2,2020-01-01\n"])
def test_reason_rules_say_once_what_unknown_scores(tmp_path: Path, rows: str) -> None:
    (found,) = faults(tmp_path, reason_rules=f"{REASON_RULES}price,1,order_count,,1,,0.5,2020-01-01\n{rows}")
    assert "expected one row for unknown from 2020-01-01" in found


def test_figures_of_one_channel_must_have_one_window(tmp_path: Path) -> None:
    (found,) = faults(
        tmp_path,
        reason_rules=REASON_RULES
        + "unknown,1,,,,,0.1,2020-01-01\n"
        + "wrong_match,1,channel_retention_ratio,30,,0.7,0.5,2020-01-01\n"
        + "wrong_match,1,channel_user_count,60,100,,0.5,2020-01-01\n",
    )
    assert found.endswith("column window_days: expected 30, as in row 3: both describe the same channel, found 60")


def test_a_rate_for_the_workspaces_own_currency_is_refused(tmp_path: Path) -> None:
    (found,) = faults(tmp_path, exchange_rates="currency_code,rate_date,rate\nEUR,2020-01-01,1\n")
    assert "another currency than the workspace's own EUR" in found


def test_a_definition_that_needs_rows_refuses_a_bare_header(tmp_path: Path) -> None:
    assert faults(tmp_path, outcome_windows="window_days,valid_from\n") == [
        "definitions/outcome_windows.csv: expected at least one row below the header, found none"
    ]


def test_an_empty_file_names_the_header_that_it_needs(tmp_path: Path) -> None:
    assert faults(tmp_path, load_rules="") == [
        "definitions/load_rules.csv, row 1: expected the header max_bad_rate,valid_from, found an empty file"
    ]


def test_a_row_of_another_width_is_named(tmp_path: Path) -> None:
    assert faults(tmp_path, load_rules="max_bad_rate,valid_from\n0,05,2020-01-01\n") == [
        "definitions/load_rules.csv, row 2: expected 2 cells, found 3"
    ]


def test_a_file_in_another_encoding_names_the_row_and_byte(tmp_path: Path) -> None:
    content = (LINES + "all,Käufe,high,30,14,2020-01-01\n").encode("latin-1")
    assert faults(tmp_path, business_lines=content) == [
        "definitions/business_lines.csv, row 2: expected text in UTF-8, found byte 0xe4"
    ]


def test_a_byte_order_mark_and_blank_lines_are_accepted(tmp_path: Path) -> None:
    content = "\ufeff" + LINES + "\nall,All,high,30,14,2020-01-01\n\n"
    assert faults(tmp_path, business_lines=content) == []


def test_a_longer_quiet_time_or_a_rarer_habit_never_raises_a_shipped_score() -> None:
    definition = next(file for file in DEFINITION_FILES if file.name == "layer_bins")
    rows, problems = parse_definition(definition, (SHIPPED_DIR / "layer_bins.csv").read_bytes())
    assert problems == []
    for dimension in DIMENSIONS:
        bins = [row.values for row in rows if row.values["dimension_code"] == dimension]
        scores = [
            next(
                entry["score"]
                for entry in bins
                if entry["lower_edge"] <= value and (entry["upper_edge"] is None or value < entry["upper_edge"])
            )
            for value in range(400)
        ]
        assert scores == sorted(scores, reverse=dimension in RECENCY_DIMENSIONS)
        assert (min(scores), max(scores)) == (0, 1)


FUNNEL = "step_number,step_code,behaviour_code,action,object_type,valid_from\n"


def test_a_funnel_step_of_several_behaviours_is_accepted(tmp_path: Path) -> None:
    steps = (
        "1,visit,visit,,,2020-01-01\n2,cart,visit,cart,,2020-01-01\n"
        "2,cart,visit,favourite,product,2020-01-01\n3,order,order,,,2020-01-01\n"
    )
    assert faults(tmp_path, funnel_steps=FUNNEL + steps) == []


def test_funnel_steps_with_a_gap_two_codes_or_an_object_of_an_order_are_named(tmp_path: Path) -> None:
    found = faults(
        tmp_path,
        funnel_steps=FUNNEL
        + "1,visit,visit,,,2020-01-01\n1,look,visit,view,,2020-01-01\n2,visit,order,,product,2020-01-01\n"
        + "1,visit,visit,,,2021-01-01\n3,order,order,,,2021-01-01\n",
    )
    assert found == [
        "definitions/funnel_steps.csv, row 3, column step_code: expected visit, as in row 2 of the same step,"
        " found look",
        "definitions/funnel_steps.csv, row 4, column step_code: expected another code than that of step 1, found visit",
        "definitions/funnel_steps.csv, row 4, column object_type: expected an empty cell, because an order has none,"
        " found 'product'",
        "definitions/funnel_steps.csv, row 6, column step_number: expected 2, since the steps from 2021-01-01 are"
        " numbered without a gap, found 3",
    ]


def test_a_customer_cannot_decline_after_the_lapse_nor_be_mature_at_once(tmp_path: Path) -> None:
    assert faults(tmp_path, lifecycle_rules="decline_share,mature_order_days,valid_from\n1.5,1,2020-01-01\n") == [
        "definitions/lifecycle_rules.csv, row 2, column decline_share: expected a number with a decimal point"
        " of at most 1 and above 0, found '1.5'",
        "definitions/lifecycle_rules.csv, row 2, column mature_order_days: expected a whole number of at least 2,"
        " found '1'",
    ]


OFFERS = (
    "offer_code,offer_name,ladder_rank,is_reward,min_layer_score,threshold_amount,reward_amount,reward_cost_amount,"
    "contact_cost_amount,coupon_from_days,coupon_until_days,valid_from\n"
)
NO_REASON = "reason_code,offer_code,valid_from\n"
COUPON_PRIOR = "offer_code,channel,layer_code,prior_lift,valid_from\ncoupon,email,,0.01,1970-01-01\n"


def test_coupon_that_ends_before_it_begins_is_named(tmp_path: Path) -> None:
    (found,) = faults(
        tmp_path,
        offers=OFFERS + "coupon,Coupon,1,true,0,,2,1,0,5,4,1970-01-01\n",
        reason_offers=NO_REASON,
        action_priors=COUPON_PRIOR,
    )
    assert found == (
        "definitions/offers.csv, row 2, column coupon_until_days: expected at least 5, the row's coupon_from_days,"
        " found 4"
    )


def test_coupon_of_other_days_for_another_layer_is_named(tmp_path: Path) -> None:
    (found,) = faults(
        tmp_path,
        offers=OFFERS
        + "coupon,Coupon,1,true,0,,2,1,0,,30,1970-01-01\n"
        + "coupon,Coupon,1,true,0.5,,3,1,0,,14,1970-01-01\n",
        reason_offers=NO_REASON,
        action_priors=COUPON_PRIOR,
    )
    assert found == (
        "definitions/offers.csv, row 3, column coupon_until_days: expected 30, as in row 2 of the same offer, found 14"
    )


def test_offers_file_without_the_columns_of_coupons_has_none(tmp_path: Path) -> None:
    header = OFFERS.replace("coupon_from_days,coupon_until_days,", "")
    assert (
        faults(
            tmp_path,
            offers=header + "coupon,Coupon,1,true,0,,2,1,0,1970-01-01\n",
            reason_offers=NO_REASON,
            action_priors=COUPON_PRIOR,
        )
        == []
    )
