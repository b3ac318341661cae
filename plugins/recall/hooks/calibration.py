"""The weekly fit: what the data suggest and how often people return, as dated rows that nights read and never refit."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

import psycopg

from recall.domain.errors import GateBlocked
from recall.domain.home import Home
from recall.hooks import dbt
from recall.warehouse.connection import connect

FITS_EXIST = "select to_regclass('marts.fct_churn_limits') is not null"
LATEST_FIT = "select max(fitted_date) from marts.fct_churn_limits where fitted_date <= %s"
IS_OLD = """
    select cast(%(fitted_date)s as date) + rules.fit_interval_days <= %(as_of_date)s
    from definitions.churn_limit_rules as rules
    order by rules.valid_from <= %(as_of_date)s desc,
        case when rules.valid_from <= %(as_of_date)s then rules.valid_from end desc,
        rules.valid_from
    limit 1
"""
DRIFTING = """
    select line_id, lapse_days_in_force, lapse_days_suggested
    from marts.fct_churn_limits
    where fitted_date = %s and is_drifting
    order by line_id
"""


GATES = (
    "select line_id, model_code from intermediate.int_survival_gates__judged where reason_code is null order by line_id"
)
PATTERNS = """
    select repeat_order_count, recency_days, age_days, customer_count
    from intermediate.int_order_patterns__counted
    where line_id = %s
    order by repeat_order_count, recency_days, age_days
"""
COPY_TERMS = """
    copy control.survival_terms (fitted_date, line_id, repeat_order_count, term_number, coefficient) from stdin
"""
EXPECTED_DAYS = 90
"""What fct_customer_survival looks ahead; part of its columns' names."""
NEW_REPEATS = 366
"""More repeat orders than the busiest buyer may reach before the next fit: one a day for a year."""


@dataclass(frozen=True)
class Drift:
    """A line whose limit is far from what its data suggest.

    Attributes:
        line_id: The line.
        lapse_days_in_force: Its limit in days.
        lapse_days_suggested: The limit in days that the data suggest.
    """

    line_id: str
    lapse_days_in_force: int
    lapse_days_suggested: int


@dataclass(frozen=True)
class Fit:
    """What a fit has found.

    Attributes:
        fitted_date: The last business day that it has seen.
        drifts: Lines whose limit a person should look at, by line.
    """

    fitted_date: date
    drifts: tuple[Drift, ...]


def is_first_fit(as_of_date: date) -> bool:
    """Tells whether a night has no fit that it could read.

    Args:
        as_of_date: The last business day of the night.
    """
    with connect("transformer") as connection:
        return _latest_fit(connection, as_of_date) is None


def is_fit_due(as_of_date: date) -> bool:
    """Tells whether the latest fit is as old as the dated interval says, or missing.

    Args:
        as_of_date: The last business day of the night.
    """
    with connect("transformer") as connection:
        fitted_date = _latest_fit(connection, as_of_date)
        if fitted_date is None:
            return True
        row = connection.execute(IS_OLD, {"fitted_date": fitted_date, "as_of_date": as_of_date}).fetchone()
        return row is not None and bool(row[0])


def calibrate(as_of_date: date, *, on_node_done: dbt.OnNodeDone | None = None) -> Fit:
    """Fits what the marts serve and adds its dated rows; a fit of the same day is replaced, older ones stay.

    The caller holds the night lock. Nothing is adopted: limits change when a person changes the definitions.

    Args:
        as_of_date: The last business day to include, which must be the day that the marts serve.
        on_node_done: Called after each model or test with those done and those in all.

    Returns:
        What was found.

    Raises:
        GateBlocked: The marts serve another day, or a later night was begun and not published; run it first.
        RecallError: A model or a test failed; the fits that were there stay.
    """
    with connect("transformer") as connection:
        _require_served(connection, as_of_date)
        _fit_survival(connection, as_of_date)
    dbt.build_layer("calibration", on_node_done=on_node_done)
    dbt.run_operation("publish", {"layer": "calibration"})
    with connect("transformer") as connection:
        return Fit(as_of_date, _drifts(connection, as_of_date))


def latest_fit(home: Home | None = None) -> Fit | None:
    """Reads the latest fit; None before the first one.

    Args:
        home: The home folder; default the current one.
    """
    with connect("auditor", home=home) as connection:
        fitted_date = _latest_fit(connection, date.max)
        return None if fitted_date is None else Fit(fitted_date, _drifts(connection, fitted_date))


def _drifts(connection: psycopg.Connection[Any], fitted_date: date) -> tuple[Drift, ...]:
    return tuple(Drift(*row) for row in connection.execute(DRIFTING, (fitted_date,)).fetchall())


def _latest_fit(connection: psycopg.Connection[Any], as_of_date: date) -> date | None:
    exists = connection.execute(FITS_EXIST).fetchone()
    if exists is None or not exists[0]:
        return None
    row = connection.execute(LATEST_FIT, (as_of_date,)).fetchone()
    found: date | None = row[0] if row else None
    return found


def _require_served(connection: psycopg.Connection[Any], as_of_date: date) -> None:
    """Refuses to fit what is not the published build of that day, which is what the models would read."""
    served = connection.execute(
        "select published.as_of_date, night.build_id = published.build_id"
        " from control.published as published left join control.night as night on true"
    ).fetchone()
    if served is None:
        raise GateBlocked("no night was built yet", next_command=f"recall nightly --as-of {as_of_date}")
    if served[0] != as_of_date:
        raise GateBlocked(
            f"the marts serve {served[0]}; only what they serve can be fitted",
            next_command=f"recall calibrate --as-of {served[0]}",
        )
    if not served[1]:
        raise GateBlocked(
            "a night was begun after the one that is served, and was not published",
            next_command=f"recall nightly --as-of {as_of_date}",
        )


def _fit_survival(connection: psycopg.Connection[Any], as_of_date: date) -> None:
    """Fits the model of buyers of every line whose gate is open, and stores parameters and series for the models."""
    # The command line reads fits without making any, and need not wait for scipy.
    from recall.domain.buyer_models import Buyers, fit_buyers, order_series

    connection.execute("delete from control.survival_fits where fitted_date = %s", (as_of_date,))
    for line_id, model_code in connection.execute(GATES).fetchall():
        rows = connection.execute(PATTERNS, (line_id,)).fetchall()
        fit = fit_buyers(Buyers.from_rows(rows), model_code)
        if not fit.has_converged:
            continue
        found = fit.parameters
        try:
            repeat_counts = range(max(row[0] for row in rows) + NEW_REPEATS + 1)
            series = [order_series(found, repeats, EXPECTED_DAYS) for repeats in repeat_counts]
        except ArithmeticError:
            continue
        connection.execute(
            "insert into control.survival_fits (fitted_date, line_id, model_code, r, alpha_days, a, b, log_likelihood)"
            " values (%s, %s, %s, %s, %s, %s, %s, %s)",
            (as_of_date, line_id, model_code, found.r, found.alpha, found.a, found.b, fit.log_likelihood),
        )
        with connection.cursor().copy(COPY_TERMS) as copy:
            for repeat_count, coefficients in enumerate(series):
                for number, coefficient in enumerate(coefficients):
                    copy.write_row((as_of_date, line_id, repeat_count, number, coefficient))
