"""Writes the report of a night: one HTML file that needs nothing beside it."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from psycopg.rows import dict_row

from recall.domain.errors import UsageError
from recall.domain.home import Home
from recall.report import charts
from recall.warehouse.connection import connect

REPORT_DIR = Path(__file__).parent
QUERIES_DIR = REPORT_DIR / "queries"
TEMPLATE = "page.html.j2"

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


def write_report(as_of_date: date, home: Home) -> Path:
    """Writes the report page of the night that is served.

    The page holds counts, rates and codes, never a contact, a user's id or a value of a set-aside row.

    Args:
        as_of_date: The day that the marts must serve.
        home: The home folder; the page goes into its `reports`.

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
    part.write_text(render_page(figures), encoding="utf-8")
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


def render_page(figures: Figures) -> str:
    """Renders the page.

    Args:
        figures: What to show.

    Returns:
        HTML without a reference to any other file.
    """
    environment = Environment(
        loader=FileSystemLoader(REPORT_DIR),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"number": _number, "share": _share, "words": _words, "mean": _mean}
    rows = figures.rows
    return environment.get_template(TEMPLATE).render(
        as_of_date=figures.as_of_date,
        selected_date=figures.selected_date,
        published_at=figures.published_at,
        summary=rows["summary"][0],
        plots=_plots(figures),
        waterfalls=_waterfalls(rows["members"], rows["exclusions"]),
        arm_totals=_arm_totals(rows["campaigns"]),
        gate_doors=_gate_doors(rows["gates"]),
        **{name: rows[name] for name in rows if name != "summary"},
    )


def _plots(figures: Figures) -> dict[str, Markup]:
    """Draws every plot that has something to show."""
    rows = figures.rows
    plots: dict[str, str] = {}
    lines, layers = rows["lines"], rows["layers"]
    names = {layer["layer_code"]: layer["layer_name"] for layer in layers}
    if lines:
        plots["churn"] = charts.shares(
            [charts.Share(line["line_name"], line["churned_count"], line["customer_count"]) for line in lines],
            description="Share of each line's customers who have lapsed",
        )
    days = sorted({row["as_of_date"] for row in rows["layer_days"]})
    if len(days) > 1:
        by_day = {(row["as_of_date"], row["layer_code"]): row["episode_count"] for row in rows["layer_days"]}
        plots["layer_days"] = charts.stacked_days(
            days,
            {code: [charts.as_int(by_day.get((day, code))) for day in days] for code in names},
            names,
            description="Open episodes per day, by layer",
        )
    if rows["layer_sizes"]:
        sizes = {(row["line_id"], row["layer_code"]): row["episode_count"] for row in rows["layer_sizes"]}
        plots["layer_sizes"] = charts.stacked_bars(
            [line["line_name"] for line in lines],
            {code: [charts.as_int(sizes.get((line["line_id"], code))) for line in lines] for code in names},
            names,
            description="Open episodes per line on the as-of date, by layer",
        )
    returns = {row["layer_code"]: row for row in rows["layer_returns"]}
    bars = [
        charts.Share(
            name, charts.as_int(returns[code]["returned_count"]), charts.as_int(returns[code]["episode_count"])
        )
        for code, name in names.items()
        if code in returns and returns[code]["episode_count"]
    ]
    if bars:
        plots["layer_returns"] = charts.shares(bars, description="Share of each layer's lapses that came back soon")
    reason_days = sorted({row["as_of_date"] for row in rows["reason_days"]})
    if len(reason_days) > 1:
        by_reason = {(row["as_of_date"], row["reason_code"]): row["episode_count"] for row in rows["reason_days"]}
        # The largest at the end of the series lies at the bottom; reasons that nobody ever had are left out.
        codes = sorted(
            {code for (_, code), count in by_reason.items() if count},
            key=lambda code: (-charts.as_int(by_reason.get((reason_days[-1], code))), code),
        )
        plots["reason_days"] = charts.stacked_days(
            reason_days,
            {code: [charts.as_int(by_reason.get((day, code))) for day in reason_days] for code in codes},
            {code: _words(code) for code in codes},
            description="Open episodes per day, by primary reason",
        )
    if rows["transitions"]:
        plots["transitions"] = charts.month_flows(
            [
                charts.MonthFlow(
                    month=row["month"],
                    new_count=charts.as_int(row["new_count"]),
                    retained_count=charts.as_int(row["retained_count"]),
                    resurrected_count=charts.as_int(row["resurrected_count"]),
                    lost_count=charts.as_int(row["lost_count"]),
                    is_complete=row["is_complete"],
                )
                for row in rows["transitions"]
            ],
            ("stayed", "came back", "new", "lost"),
            description="Customers per month who stayed, came back, were new or were lost, all lines together",
        )
    if rows["funnel"]:
        first_step_count = max(charts.as_int(rows["funnel"][0]["user_count"]), 1)
        plots["funnel"] = charts.shares(
            [
                charts.Share(_words(row["step_code"]), charts.as_int(row["user_count"]), first_step_count)
                for row in rows["funnel"]
            ],
            description="Users of the last 28 days who came as far as each step on their day",
        )
    for cohort_type, what in (("first_key_day", "first order in a line"), ("registration", "registration")):
        cells = [
            charts.HeatCell(
                row=f"{row['month']:%Y-%m}",
                column=f"D{row['day_number']}",
                part=charts.as_int(row["retained_count"]),
                whole=charts.as_int(row["cohort_count"]),
            )
            for row in rows["retention_months"]
            if row["cohort_type"] == cohort_type
        ]
        if cells:
            plots[f"retention_{cohort_type}"] = charts.heat_map(
                cells, description=f"Share active on exactly the Nth day after the {what}, by month"
            )
    if rows["campaigns"]:
        plots["campaigns"] = charts.campaign_dots(
            [
                charts.CampaignDot(
                    first_date=row["first_date"],
                    arm_code=row["arm_code"],
                    redeemed_count=charts.as_int(row["redeemed_count"]),
                    member_count=charts.as_int(row["member_count"]),
                )
                for row in rows["campaigns"]
            ],
            description="Share of touched users who redeemed, by start of the campaign",
        )
    return {name: Markup(svg) for name, svg in plots.items()}


def _waterfalls(members: Sequence[Row], exclusions: Sequence[Row]) -> list[dict[str, Any]]:
    """Puts the way from candidates to recipients together, per campaign.

    Returns:
        Per campaign its name, the number of candidates, those left out per reason in falling order, those
        held out and those who are written to; the parts add up to the candidates.
    """
    campaigns = sorted({str(row["campaign_id"]) for row in (*members, *exclusions)})
    waterfalls = []
    for campaign in campaigns:
        left_out = [
            {"reason_code": row["reason_code"], "count": row["candidate_count"]}
            for row in exclusions
            if row["campaign_id"] == campaign
        ]
        mine = [row for row in members if row["campaign_id"] == campaign]
        totals = {
            name: sum(charts.as_int(row[f"{name}_count"]) for row in mine)
            for name in ("global_holdout", "campaign_holdout", "treated")
        }
        waterfalls.append(
            {
                "campaign_id": campaign,
                "candidate_count": sum(totals.values()) + sum(row["count"] for row in left_out),
                "left_out": left_out,
                **totals,
            }
        )
    return waterfalls


def _arm_totals(campaigns: Sequence[Row]) -> list[dict[str, Any]]:
    """Adds the past campaigns up per arm, the largest first."""
    totals: dict[str, dict[str, Any]] = {}
    for row in campaigns:
        total = totals.setdefault(
            row["arm_code"], {"arm_code": row["arm_code"], "campaigns": 0, "members": 0, "redeemed": 0}
        )
        total["campaigns"] += 1
        total["members"] += charts.as_int(row["member_count"])
        total["redeemed"] += charts.as_int(row["redeemed_count"])
    return sorted(totals.values(), key=lambda total: (-total["members"], total["arm_code"]))


def _gate_doors(gates: Sequence[Row]) -> list[dict[str, Any]]:
    """Groups the checks by door, in the order of the doors."""
    doors = list(dict.fromkeys(row["door"] for row in gates))
    return [
        {
            "door": door,
            "checks": [row for row in gates if row["door"] == door],
            "passed": sum(1 for row in gates if row["door"] == door and row["status"] == "passed"),
        }
        for door in doors
    ]


def _number(value: Decimal | int | None) -> str:
    """1234567 as 1,234,567; nothing as a dash."""
    return "–" if value is None else f"{int(value):,}"


def _mean(value: Decimal | float | None) -> str:
    """A mean with one decimal; nothing as a dash."""
    return "–" if value is None else f"{value:,.1f}"


def _share(part: Decimal | float | None, whole: Decimal | float | None = 1) -> str:
    """A share in per cent with one decimal; nothing as a dash."""
    return "–" if part is None or not whole else f"{float(part) / float(whole):.1%}"


def _words(code: str) -> str:
    """A code as words: one_time_buyer as one time buyer."""
    return code.replace("_", " ")
