"""What must hold between the rows and files of the definitions, beyond each cell by itself."""

from __future__ import annotations

import operator
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from itertools import pairwise

from recall.domain.definition_files import (
    DIMENSIONS,
    FREQUENCY_DIMENSIONS,
    RECENCY_DIMENSIONS,
    UNKNOWN_REASON,
    WINDOWED_SIGNALS,
    Problem,
    Row,
    nearest,
)
from recall.domain.offer_checks import check_offers

DEFAULT_LINE = "all"


def check_definitions(rows: Mapping[str, Sequence[Row]], *, currency_code: str) -> list[Problem]:
    """Checks every rule that spans rows or files.

    Args:
        rows: The parsed rows of every definition, by its name.
        currency_code: The workspace's own currency, which needs no rate.

    Returns:
        All faults, file by file.
    """
    return [
        *_check_lines_exist(rows["category_lines"], rows["business_lines"]),
        *_check_bins(rows["layer_bins"]),
        *_check_layers(rows["layers"]),
        *_check_persona_rules(rows["persona_rules"]),
        *_check_reason_rules(rows["reason_rules"]),
        *_check_age_bands(rows["age_bands"]),
        *_check_funnel_steps(rows["funnel_steps"]),
        *_check_channels(rows["channels"]),
        *_check_exchange_rates(rows["exchange_rates"], currency_code),
        *check_offers(rows),
    ]


def _check_lines_exist(categories: Sequence[Row], lines: Sequence[Row]) -> list[Problem]:
    known = sorted({str(row.values["line_id"]) for row in lines} | {DEFAULT_LINE})
    return [
        Problem(
            "category_lines.csv",
            row.number,
            "line_id",
            f"a line of business_lines.csv ({nearest(line_id, known)})",
            repr(line_id),
        )
        for row in categories
        if (line_id := str(row.values["line_id"])) not in known
    ]


def _check_bins(bins: Sequence[Row]) -> list[Problem]:
    problems: list[Problem] = []
    for (dimension, valid_from), members in _grouped(bins, "dimension_code", "valid_from"):
        what = f"{dimension} from {valid_from}"
        problems.extend(_check_edges("layer_bins.csv", members, lower="lower_edge", upper="upper_edge", what=what))
        problems.extend(_check_monotone(str(dimension), members))
        if not any(_number(row, "score") > 0 for row in members):
            problems.append(
                Problem("layer_bins.csv", members[0].number, "score", f"a score above 0 in a bin of {what}", "only 0")
            )
    missing = [name for name in DIMENSIONS if name not in {row.values["dimension_code"] for row in bins}]
    if bins:
        problems.extend(
            Problem("layer_bins.csv", None, "dimension_code", f"bins for {name}", "none") for name in missing
        )
    return problems


def _check_monotone(dimension: str, members: Sequence[Row]) -> list[Problem]:
    """Shorter recency or higher frequency must never lower a score."""
    ordered = sorted(members, key=lambda row: _number(row, "lower_edge"))
    is_wrong: Callable[[Decimal, Decimal], bool]
    if dimension in RECENCY_DIMENSIONS:
        is_wrong, rule = operator.gt, "at most"
    else:
        assert dimension in FREQUENCY_DIMENSIONS
        is_wrong, rule = operator.lt, "at least"
    return [
        Problem(
            "layer_bins.csv",
            row.number,
            "score",
            f"{rule} {before.values['score']}, the score of row {before.number}, so that"
            f" {'a longer quiet time never raises' if rule == 'at most' else 'a higher frequency never lowers'} it",
            str(row.values["score"]),
        )
        for before, row in pairwise(ordered)
        if is_wrong(_number(row, "score"), _number(before, "score"))
    ]


def _check_layers(layers: Sequence[Row]) -> list[Problem]:
    problems: list[Problem] = []
    for (valid_from,), members in _grouped(layers, "valid_from"):
        problems.extend(
            _check_edges(
                "layers.csv", members, lower="lower_edge", upper="upper_edge", what=f"the layers from {valid_from}"
            )
        )
    return problems


def _check_age_bands(bands: Sequence[Row]) -> list[Problem]:
    problems: list[Problem] = []
    for (valid_from,), members in _grouped(bands, "valid_from"):
        problems.extend(
            _check_edges(
                "age_bands.csv", members, lower="lower_age", upper="upper_age", what=f"the ages from {valid_from}"
            )
        )
    return problems


def _check_edges(file: str, members: Sequence[Row], *, lower: str, upper: str, what: str) -> list[Problem]:
    """The half-open ranges [lower, upper) must start at 0, meet each other and end open."""
    ordered = sorted(members, key=lambda row: _number(row, lower))
    problems = []
    if _number(ordered[0], lower) != 0:
        problems.append(
            Problem(
                file,
                ordered[0].number,
                lower,
                f"0, where {what} must begin",
                str(ordered[0].values[lower]),
            )
        )
    for row, following in zip(ordered, [*ordered[1:], None], strict=True):
        edge = row.values[upper]
        if following is None:
            if edge is not None:
                problems.append(
                    Problem(file, row.number, upper, f"an empty cell, since {what} must not end", str(edge))
                )
            continue
        start = following.values[lower]
        if edge == start:
            continue
        if edge is None:
            found = "an empty cell (no end)"
        else:
            found = f"{edge} ({'an overlap' if _number(row, upper) > _number(following, lower) else 'a gap'})"
        problems.append(
            Problem(file, row.number, upper, f"{start}, where row {following.number} of {what} begins", found)
        )
    return problems


def _check_persona_rules(rules: Sequence[Row]) -> list[Problem]:
    problems: list[Problem] = []
    for (valid_from,), members in _grouped(rules, "valid_from"):
        last_number = max(_number(row, "rule_number") for row in members)
        codes: dict[Decimal, Row] = {}
        for row in members:
            rule_number = _number(row, "rule_number")
            first = codes.setdefault(rule_number, row)
            problems.extend(_check_condition(row, is_last=rule_number == last_number))
            if row.values["persona_code"] != first.values["persona_code"]:
                problems.append(
                    Problem(
                        "persona_rules.csv",
                        row.number,
                        "persona_code",
                        f"{first.values['persona_code']}, as in row {first.number} of the same rule",
                        str(row.values["persona_code"]),
                    )
                )
        if not any(
            _number(row, "rule_number") == last_number and row.values["measure_code"] is None for row in members
        ):
            problems.append(
                Problem(
                    "persona_rules.csv",
                    max(row.number for row in members if _number(row, "rule_number") == last_number),
                    "measure_code",
                    f"an empty cell: the last rule from {valid_from} is for everyone whom no other rule took",
                    "a condition",
                )
            )
    return problems


def _check_condition(row: Row, *, is_last: bool) -> list[Problem]:
    file = "persona_rules.csv"
    minimum, maximum = row.values["minimum"], row.values["maximum"]
    if row.values["measure_code"] is None:
        if minimum is not None or maximum is not None:
            return [Problem(file, row.number, "measure_code", "the measure that is bounded", "an empty cell")]
        if not is_last:
            return [
                Problem(
                    file,
                    row.number,
                    "measure_code",
                    "a measure, because only the last rule is without a condition",
                    "an empty cell",
                )
            ]
        return []
    return _check_bounds(file, row)


def _check_bounds(file: str, row: Row) -> list[Problem]:
    """A condition has a minimum, a greater maximum, or both."""
    minimum, maximum = row.values["minimum"], row.values["maximum"]
    if minimum is None and maximum is None:
        return [Problem(file, row.number, "minimum", "a minimum, a maximum or both", "neither")]
    if minimum is not None and maximum is not None and _number(row, "minimum") >= _number(row, "maximum"):
        return [Problem(file, row.number, "maximum", f"a number above the minimum {minimum}", str(maximum))]
    return []


def _check_funnel_steps(steps: Sequence[Row]) -> list[Problem]:
    """Steps must be numbered 1, 2, ... with one code each; an order has neither an action nor an object."""
    file = "funnel_steps.csv"
    problems: list[Problem] = []
    for (valid_from,), members in _grouped(steps, "valid_from"):
        first_rows: dict[Decimal, Row] = {}
        numbers_of_codes: dict[object, Decimal] = {}
        for row in sorted(members, key=lambda row: (_number(row, "step_number"), row.number)):
            number, step_code = _number(row, "step_number"), row.values["step_code"]
            first = first_rows.setdefault(number, row)
            if number != len(first_rows):
                expected = f"{len(first_rows)}, since the steps from {valid_from} are numbered without a gap"
                problems.append(Problem(file, row.number, "step_number", expected, str(number)))
                break
            if step_code != first.values["step_code"]:
                expected = f"{first.values['step_code']}, as in row {first.number} of the same step"
                problems.append(Problem(file, row.number, "step_code", expected, str(step_code)))
            elif numbers_of_codes.setdefault(step_code, number) != number:
                expected = f"another code than that of step {numbers_of_codes[step_code]}"
                problems.append(Problem(file, row.number, "step_code", expected, str(step_code)))
            problems.extend(
                Problem(file, row.number, name, "an empty cell, because an order has none", repr(row.values[name]))
                for name in ("action", "object_type")
                if row.values["behaviour_code"] == "order" and row.values[name] is not None
            )
    return problems


def _check_reason_rules(rules: Sequence[Row]) -> list[Problem]:
    file = "reason_rules.csv"
    problems: list[Problem] = []
    for (valid_from,), members in _grouped(rules, "valid_from"):
        first_rows: dict[tuple[object, object], Row] = {}
        first_windows: dict[object, Row] = {}
        for row in members:
            problems.extend(_check_reason_condition(row))
            first = first_rows.setdefault((row.values["reason_code"], row.values["rule_number"]), row)
            if row.values["score"] != first.values["score"]:
                expected = f"{first.values['score']}, as in row {first.number} of the same rule"
                problems.append(Problem(file, row.number, "score", expected, str(row.values["score"])))
            same_signal = first_windows.setdefault(row.values["signal_code"], row)
            if row.values["window_days"] != same_signal.values["window_days"]:
                expected = f"{same_signal.values['window_days']}, as in row {same_signal.number} for the same signal"
                problems.append(Problem(file, row.number, "window_days", expected, str(row.values["window_days"])))
        windows = {name: first_windows.get(name) for name in ("channel_retention_ratio", "channel_user_count")}
        ratio, count = windows["channel_retention_ratio"], windows["channel_user_count"]
        if ratio and count and ratio.values["window_days"] != count.values["window_days"]:
            expected = f"{ratio.values['window_days']}, as in row {ratio.number}: both describe the same channel"
            problems.append(Problem(file, count.number, "window_days", expected, str(count.values["window_days"])))
        unknown_count = sum(row.values["reason_code"] == UNKNOWN_REASON for row in members)
        if unknown_count != 1:
            expected = f"one row for {UNKNOWN_REASON} from {valid_from}: its score where no reason speaks"
            problems.append(Problem(file, None, "reason_code", expected, str(unknown_count)))
    return problems


def _check_reason_condition(row: Row) -> list[Problem]:
    file = "reason_rules.csv"
    signal, window = row.values["signal_code"], row.values["window_days"]
    if row.values["reason_code"] == UNKNOWN_REASON:
        return [
            Problem(file, row.number, name, f"an empty cell: {UNKNOWN_REASON} has no condition", str(row.values[name]))
            for name in ("signal_code", "window_days", "minimum", "maximum")
            if row.values[name] is not None
        ]
    if signal is None:
        return [
            Problem(
                file,
                row.number,
                "signal_code",
                f"a signal, because only {UNKNOWN_REASON} is without a condition",
                "an empty cell",
            )
        ]
    if signal in WINDOWED_SIGNALS and window is None:
        return [Problem(file, row.number, "window_days", f"the days that {signal} looks back", "an empty cell")]
    if signal not in WINDOWED_SIGNALS and window is not None:
        return [
            Problem(file, row.number, "window_days", f"an empty cell, since {signal} looks at all days", str(window))
        ]
    return _check_bounds(file, row)


def _check_channels(channels: Sequence[Row]) -> list[Problem]:
    """Quiet hours need both their ends, and two of them."""
    problems = []
    for row in channels:
        begin, end = row.values["quiet_from"], row.values["quiet_until"]
        if (begin is None) != (end is None):
            missing = "quiet_from" if begin is None else "quiet_until"
            problems.append(
                Problem("channels.csv", row.number, missing, "both ends of the quiet hours, or neither", "one end only")
            )
        elif begin is not None and begin == end:
            problems.append(
                Problem("channels.csv", row.number, "quiet_until", f"another time than quiet_from {begin}", "it")
            )
    return problems


def _check_exchange_rates(rates: Sequence[Row], currency_code: str) -> list[Problem]:
    return [
        Problem(
            "exchange_rates.csv",
            row.number,
            "currency_code",
            f"another currency than the workspace's own {currency_code}",
            currency_code,
        )
        for row in rates
        if row.values["currency_code"] == currency_code
    ]


def _grouped(rows: Iterable[Row], *names: str) -> list[tuple[tuple[object, ...], list[Row]]]:
    groups: dict[tuple[object, ...], list[Row]] = defaultdict(list)
    for row in rows:
        groups[tuple(row.values[name] for name in names)].append(row)
    return list(groups.items())


def _number(row: Row, name: str) -> Decimal:
    value = row.values[name]
    assert isinstance(value, int | Decimal)
    return Decimal(value)
