"""Writes the report of a night: one HTML file in two languages that needs nothing beside it."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from itertools import groupby
from pathlib import Path
from typing import Any

import psycopg
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from psycopg.rows import dict_row

from recall.domain.errors import UsageError
from recall.domain.home import Home
from recall.report.plots import PICTURED_CAMPAIGNS, PICTURED_LINES, Plots
from recall.report.texts import LANGUAGES, Language, load_texts
from recall.warehouse.connection import connect

REPORT_DIR = Path(__file__).parent
QUERIES_DIR = REPORT_DIR / "queries"
TEMPLATES_DIR = REPORT_DIR / "templates"

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Figures:
    """Everything that the page shows, as the database gave it.

    Attributes:
        as_of_date: The last business day that the served build includes.
        published_at: When that build was published, in UTC.
        rows: Per query of the folder `queries` its rows.
    """

    as_of_date: date
    published_at: datetime
    rows: Mapping[str, Sequence[Row]]

    @property
    def selected_date(self) -> date:
        """The day for which the served build selected its audiences."""
        return self.as_of_date + timedelta(days=1)


def write_report(as_of_date: date, home: Home, language: Language = "en") -> Path:
    """Writes the report page of the night that is served.

    The page holds counts, rates and codes, never a contact, a user's id or a value of a set-aside row.

    Args:
        as_of_date: The day that the marts must serve.
        home: The home folder; the page goes into its `reports`.
        language: In which the page opens; it holds both.

    Returns:
        Path of the page.

    Raises:
        UsageError: No night was built yet, or the marts serve another day.
        RecallError: The database does not answer.
    """
    with connect("auditor", home=home) as connection:
        figures = read_figures(connection, as_of_date)
    home.reports_dir.mkdir(parents=True, exist_ok=True)
    path = home.reports_dir / f"recall_{as_of_date.isoformat()}.html"
    part = path.with_name(f".{path.name}.part")
    part.write_text(render_page(figures, language), encoding="utf-8")
    os.replace(part, path)
    return path


def read_figures(connection: psycopg.Connection, as_of_date: date) -> Figures:
    """Reads everything that the page shows, in one snapshot.

    Args:
        connection: As auditor, with no transaction open.
        as_of_date: The day that the marts must serve.

    Raises:
        UsageError: No night was built yet, or the marts serve another day.
    """
    connection.execute("set transaction isolation level repeatable read, read only")
    served = connection.execute("select as_of_date, published_at from control.published").fetchone()
    if served is None:
        raise UsageError(
            "no night was built yet, so there is nothing to report",
            next_command=f"recall nightly --as-of {as_of_date}",
        )
    if served[0] != as_of_date:
        raise UsageError(
            f"the marts serve {served[0]}, not {as_of_date}", next_command=f"recall report --as-of {served[0]}"
        )
    values = {"as_of_date": as_of_date, "selected_date": as_of_date + timedelta(days=1)}
    rows = {}
    with connection.cursor(row_factory=dict_row) as cursor:
        for path in sorted(QUERIES_DIR.glob("*.sql")):
            cursor.execute(path.read_bytes(), values)
            rows[path.stem] = cursor.fetchall()
    return Figures(as_of_date=as_of_date, published_at=served[1], rows=rows)


def render_page(figures: Figures, language: Language = "en") -> str:
    """Renders the page.

    Args:
        figures: What to show.
        language: In which the page opens.

    Returns:
        HTML without a reference to any other file.
    """
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES_DIR),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "number": _number,
        "share": _share,
        "mean": _mean,
        "signed_share": _signed_share,
        "signed": _signed,
    }
    texts = {each: load_texts(each) for each in LANGUAGES}
    body = environment.get_template("body.html.j2")
    shown = _shown(figures, Plots(figures.rows, texts))
    bodies = {each: Markup(body.render(shown, t=texts[each])) for each in LANGUAGES}
    return environment.get_template("page.html.j2").render(
        bodies=bodies, language=language, texts=texts, figures=figures
    )


def _shown(figures: Figures, plots: Plots) -> dict[str, Any]:
    """Hands rows and plots over to the template."""
    rows = figures.rows
    campaigns = rows["campaigns"][:PICTURED_CAMPAIGNS]
    return {
        **rows,
        "as_of_date": figures.as_of_date,
        "selected_date": figures.selected_date,
        "published_at": figures.published_at,
        "summary": rows["summary"][0],
        "plots": plots,
        "pictured_campaigns": [(campaign, plots.campaign(campaign)) for campaign in campaigns],
        "pictured_line_count": PICTURED_LINES,
        "candidates": _grouped(rows["candidates"], "campaign_id"),
        "gates": _grouped(rows["gates"], "door"),
        "lifts": _grouped(rows["lifts"], "campaign_id"),
        "segments": _grouped(rows["segments"], "campaign_id"),
        "relapses": _grouped(rows["relapses"], "campaign_id"),
    }


def _grouped(rows: Sequence[Row], column: str) -> dict[str, list[Row]]:
    """Groups sorted rows by one of their columns."""
    return {key: list(group) for key, group in groupby(rows, lambda row: row[column])}


def _number(value: Decimal | float | None) -> str:
    """1234567.8 as 1,234,568; nothing as a dash."""
    return "–" if value is None else f"{value:,.0f}"


def _mean(value: Decimal | float | None) -> str:
    """A mean with one decimal; nothing as a dash."""
    return "–" if value is None else f"{value:,.1f}"


def _share(part: Decimal | float | None, whole: Decimal | float | None = 1) -> str:
    """A share in per cent with one decimal; nothing as a dash."""
    return "–" if part is None or not whole else f"{float(part) / float(whole):.1%}"


def _signed_share(value: Decimal | float | None) -> str:
    """A difference of shares in per cent with its sign; nothing as a dash."""
    return "–" if value is None else f"{value:+.1%}"


def _signed(value: Decimal | float | None) -> str:
    """A difference with two decimals and its sign; nothing as a dash."""
    return "–" if value is None else f"{value:+,.2f}"
