"""What must hold between the offers, the reasons that choose among them and what each is expected to bring."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from decimal import Decimal
from itertools import pairwise

from recall.domain.definition_files import Problem, Row, nearest


def check_offers(rows: Mapping[str, Sequence[Row]]) -> list[Problem]:
    """Checks the ladder of offers and whatever names an offer.

    Args:
        rows: The parsed rows of every definition, by its name; a faulty file has none.

    Returns:
        All faults, file by file.
    """
    offers = rows["offers"]
    return [
        *_check_tiers(offers),
        *_check_ranks(offers),
        *_check_coupon_days(offers),
        *_check_names("reason_offers.csv", rows["reason_offers"], "offer_code", offers),
        *_check_names("action_priors.csv", rows["action_priors"], "offer_code", offers),
        *_check_names("action_priors.csv", rows["action_priors"], "layer_code", rows["layers"]),
    ]


def _check_tiers(offers: Sequence[Row]) -> list[Problem]:
    """An offer's rows of a date differ in amounts only, and a nearer customer is never asked or given less."""
    tiers: dict[tuple[object, object], list[Row]] = defaultdict(list)
    for row in offers:
        tiers[row.values["valid_from"], row.values["offer_code"]].append(row)
    problems = []
    for members in tiers.values():
        ordered = sorted(members, key=lambda row: _number(row, "min_layer_score"))
        for before, row in pairwise(ordered):
            problems += [
                Problem(
                    "offers.csv",
                    row.number,
                    name,
                    f"{_shown(before, name)}, as in row {before.number} of the same offer",
                    _shown(row, name),
                )
                for name in ("offer_name", "ladder_rank", "is_reward", "coupon_from_days", "coupon_until_days")
                if row.values[name] != before.values[name]
            ]
            problems += [
                Problem(
                    "offers.csv",
                    row.number,
                    name,
                    f"at least {_shown(before, name)}, the {name} of row"
                    f" {before.number}, since its min_layer_score is greater",
                    _shown(row, name),
                )
                for name in ("threshold_amount", "reward_amount")
                if _number(row, name) < _number(before, name)
            ]
    return problems


def _check_ranks(offers: Sequence[Row]) -> list[Problem]:
    """Two offers do not stand on one rung of the ladder."""
    first_rows: dict[tuple[object, object], Row] = {}
    problems = []
    for row in offers:
        if row.values["ladder_rank"] is None:
            continue
        first = first_rows.setdefault((row.values["valid_from"], row.values["ladder_rank"]), row)
        if first.values["offer_code"] != row.values["offer_code"]:
            problems.append(
                Problem(
                    "offers.csv",
                    row.number,
                    "ladder_rank",
                    "a rank of its own",
                    f"{row.values['ladder_rank']}, the rank of {first.values['offer_code']} in row {first.number}",
                )
            )
    return problems


def _check_coupon_days(offers: Sequence[Row]) -> list[Problem]:
    """A coupon does not end before it begins."""
    return [
        Problem(
            "offers.csv",
            row.number,
            "coupon_until_days",
            f"at least {_shown(row, 'coupon_from_days')}, the row's coupon_from_days",
            _shown(row, "coupon_until_days"),
        )
        for row in offers
        if row.values["coupon_until_days"] is not None
        and _number(row, "coupon_until_days") < _number(row, "coupon_from_days")
    ]


def _check_names(file: str, rows: Sequence[Row], name: str, defined: Sequence[Row]) -> list[Problem]:
    """What is named must be defined; where the defining file is faulty itself nothing is said."""
    known = sorted({str(row.values[name]) for row in defined})
    source = "offers.csv" if name == "offer_code" else "layers.csv"
    return [
        Problem(file, row.number, name, f"one of {source} ({nearest(str(value), known)})", repr(value))
        for row in rows
        if known and (value := row.values[name]) is not None and value not in known
    ]


def _number(row: Row, name: str) -> Decimal:
    value = row.values[name]
    assert value is None or isinstance(value, int | Decimal)
    return Decimal(value or 0)


def _shown(row: Row, name: str) -> str:
    value = row.values[name]
    return "an empty cell" if value is None else str(value)
