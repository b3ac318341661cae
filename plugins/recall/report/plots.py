"""Which plots the page shows, made of the rows of its queries, in one language."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from markupsafe import Markup

from recall.report import campaign_charts, charts
from recall.report.drawing import ACCENT, AMBER, DEEP, LAYER_COLOURS, layer_colours
from recall.report.texts import Texts

Row = Mapping[str, Any]
Rows = Mapping[str, Sequence[Row]]

PICTURED_CAMPAIGNS = 12
PICTURED_LINES = 6
FUNNEL_STEPS = ("member", "sent", "delivered", "opened", "clicked", "redeemed", "returned")
RECEIPT_STEPS = ("delivered", "opened", "clicked")


@dataclass(frozen=True)
class Funnel:
    """The way of a step through a channel.

    Attributes:
        title: Step and channel.
        plot: From the assigned to the returned.
        has_receipts: Whether anything is known of what happened after sending.
    """

    title: str
    plot: Markup
    has_receipts: bool


@dataclass(frozen=True)
class CampaignPlots:
    """The plots of one campaign; None or empty where there is nothing to show.

    Attributes:
        funnels: One per step and channel.
        rate_lifts: Of returns, orders and visits.
        money_lifts: Of net amount and contribution.
        waterfall: From contribution to profit.
        relapses: By arm.
        lapsing_faster: Names of the offers whose returned lapse faster than the others.
    """

    funnels: Sequence[Funnel]
    rate_lifts: Markup | None
    money_lifts: Markup | None
    waterfall: Markup | None
    relapses: Markup | None
    lapsing_faster: str


class Plots:
    """The plots of a page in one language, drawn when they are asked for.

    Args:
        rows: Per query its rows.
        texts: The language.
    """

    def __init__(self, rows: Rows, texts: Texts) -> None:
        self._rows = rows
        self._texts = texts
        self._layers = {row["layer_code"]: texts.name(row["layer_name"]) for row in rows["layers"]}
        self._drawn = 0

    def layer_name(self, code: str) -> str:
        """Returns the name of a layer; of one that is no longer in force its code."""
        return self._layers.get(code, code)

    def _salt(self) -> str:
        """Names the next plot of this page, the same on every machine."""
        self._drawn += 1
        return f"recall-{self._texts.language}-{self._drawn}"

    def churn(self) -> Markup | None:
        """Draws the share of each line's customers who have lapsed."""
        bars = [
            charts.Share(self._texts.name(line["line_name"]), line["churned_count"], line["customer_count"])
            for line in self._rows["lines"]
        ]
        return self._shares(bars, "churn_plot")

    def layer_sizes(self) -> Markup | None:
        """Draws each line's open lapses by layer."""
        if not self._rows["layer_sizes"]:
            return None
        lines = self._rows["lines"]
        sizes = {(row["line_id"], row["layer_code"]): row["episode_count"] for row in self._rows["layer_sizes"]}
        plot = charts.stacked_bars(
            [self._texts.name(line["line_name"]) for line in lines],
            {code: [int(sizes.get((line["line_id"], code), 0)) for line in lines] for code in self._layers},
            self._layers,
            description=self._texts("sizes_plot"),
            salt=self._salt(),
        )
        return Markup(plot)

    def curves(self) -> list[tuple[str, Markup]]:
        """Draws the churn curves of the largest lines.

        Returns:
            Name and plot of each.
        """
        points = {key: list(rows) for key, rows in groupby(self._rows["curves"], lambda row: row["line_id"])}
        found = []
        for line in [line for line in self._rows["lines"] if line["line_id"] in points][:PICTURED_LINES]:
            mine, name = points[line["line_id"]], self._texts.name(line["line_name"])
            limits = [
                charts.Limit(self._texts(key), line[column], kind)
                for kind, (key, column) in enumerate(
                    (
                        ("limit_in_force", "lapse_days_in_force"),
                        ("limit_suggested", "lapse_days_suggested"),
                        ("limit_elbow", "elbow_days"),
                    )
                )
                if line[column] is not None
            ]
            plot = charts.churn_curve(
                [row["quiet_days"] for row in mine],
                [row["survival_rate"] for row in mine],
                limits,
                axis_label=self._texts("curves_axis"),
                description=self._texts("curves_plot", line=name),
                salt=self._salt(),
            )
            found.append((name, Markup(plot)))
        return found

    def transitions(self) -> Markup | None:
        """Draws who stayed, came back, was new and was lost, by month."""
        rows = self._rows["transitions"]
        if not rows:
            return None
        plot = charts.month_flows(
            [row["month"] for row in rows],
            {
                self._texts("flow_retained"): [int(row["retained_count"]) for row in rows],
                self._texts("flow_resurrected"): [int(row["resurrected_count"]) for row in rows],
                self._texts("flow_new"): [int(row["new_count"]) for row in rows],
                self._texts("flow_lost"): [-int(row["lost_count"]) for row in rows],
            },
            (LAYER_COLOURS[1], AMBER, DEEP, ACCENT),
            description=self._texts("transitions_plot"),
            salt=self._salt(),
            unfinished={row["month"] for row in rows if not row["is_complete"]},
        )
        return Markup(plot)

    def stages(self) -> Markup | None:
        """Draws how many customers are in each stage of life."""
        rows = self._rows["stages"]
        if not rows:
            return None
        name = self._texts("customers")
        plot = charts.stacked_bars(
            [self._texts.word(row["stage_code"]) for row in rows],
            {name: [row["customer_count"] for row in rows]},
            {name: name},
            description=self._texts("stages_plot"),
            salt=self._salt(),
        )
        return Markup(plot)

    def visits_funnel(self) -> Markup | None:
        """Draws how far the users of the last weeks came from a visit to an order."""
        rows = self._rows["funnel"]
        first = max(int(rows[0]["user_count"]), 1) if rows else 1
        bars = [charts.Share(self._texts.word(row["step_code"]), int(row["user_count"]), first) for row in rows]
        return self._shares(bars, "funnel_visits_plot")

    def retention(self, cohort_type: str, key: str) -> Markup | None:
        """Draws retention by month of the cohort and day.

        Args:
            cohort_type: first_key_day or registration.
            key: Of the sentence that describes the plot.
        """
        cells = [
            charts.HeatCell(
                row=f"{row['month']:%Y-%m}",
                column=f"D{row['day_number']}",
                part=int(row["retained_count"]),
                whole=int(row["cohort_count"]),
            )
            for row in self._rows["retention_months"]
            if row["cohort_type"] == cohort_type
        ]
        if not cells:
            return None
        return Markup(charts.heat_map(cells, description=self._texts(key), salt=self._salt()))

    def layer_days(self) -> Markup | None:
        """Draws open lapses over time by layer."""
        return self._days(self._rows["layer_days"], "layer_code", self._layers, "layer_days_plot")

    def reason_days(self) -> Markup | None:
        """Draws open lapses over time by reason, the largest at the bottom; one that nobody ever had is left out."""
        rows = self._rows["reason_days"]
        last = {row["reason_code"]: row["episode_count"] for row in rows if row["as_of_date"] == rows[-1]["as_of_date"]}
        codes = {row["reason_code"] for row in rows if row["episode_count"]}
        names = {
            code: self._texts.word(code) for code in sorted(codes, key=lambda code: (-int(last.get(code, 0)), code))
        }
        return self._days(rows, "reason_code", names, "reason_days_plot")

    def layer_flows(self) -> Markup | None:
        """Draws what layers gained and gave away by month."""
        rows = self._rows["layer_flows"]
        if not rows:
            return None
        months = sorted({row["month"] for row in rows})
        changes = {(row["month"], row["layer_code"]): int(row["change_count"]) for row in rows}
        plot = charts.month_flows(
            months,
            {name: [changes.get((month, code), 0) for month in months] for code, name in self._layers.items()},
            layer_colours(self._layers),
            description=self._texts("layer_flows_plot"),
            salt=self._salt(),
        )
        return Markup(plot)

    def episode_flows(self) -> Markup | None:
        """Draws lapses that began and ended by month."""
        rows = self._rows["episode_flows"]
        if not rows:
            return None
        plot = charts.month_flows(
            [row["month"] for row in rows],
            {
                self._texts("flow_lapsed"): [int(row["lapsed_count"]) for row in rows],
                self._texts("flow_returned"): [-int(row["returned_count"]) for row in rows],
            },
            (ACCENT, DEEP),
            description=self._texts("episode_flows_plot"),
            salt=self._salt(),
        )
        return Markup(plot)

    def layer_returns(self) -> Markup | None:
        """Draws the share of each layer's lapses that came back soon."""
        returns = {row["layer_code"]: row for row in self._rows["layer_returns"] if row["episode_count"]}
        bars = [
            charts.Share(name, int(returns[code]["returned_count"]), int(returns[code]["episode_count"]))
            for code, name in self._layers.items()
            if code in returns
        ]
        return self._shares(bars, "returns_plot")

    def touches(self) -> Markup | None:
        """Draws how many of those touched by imported campaigns redeemed."""
        dots = [
            charts.CampaignDot(
                first_date=row["first_date"],
                arm_code=self._texts.name(row["arm_code"]),
                redeemed_count=int(row["redeemed_count"]),
                member_count=int(row["member_count"]),
            )
            for row in self._rows["touches"]
        ]
        if not dots:
            return None
        return Markup(charts.campaign_dots(dots, description=self._texts("touches_plot"), salt=self._salt()))

    def campaign(self, campaign: Row) -> CampaignPlots:
        """Draws what a campaign achieved; of one whose results are hidden its counts only.

        Args:
            campaign: A row of the query campaigns.
        """
        rows = {
            name: [row for row in self._rows[name] if row["campaign_id"] == campaign["campaign_id"]]
            for name in ("funnels", "lifts", "relapses")
        }
        return CampaignPlots(
            funnels=[self._funnel(row) for row in rows["funnels"]],
            rate_lifts=self._lifts(campaign, [row for row in rows["lifts"] if row["is_rate"]], is_rate=True),
            money_lifts=self._lifts(campaign, [row for row in rows["lifts"] if row["is_money"]], is_rate=False),
            waterfall=self._waterfall(campaign),
            relapses=None if campaign["is_mismatched"] else self._relapses(campaign, rows["relapses"]),
            lapsing_faster=", ".join(
                self._texts.word(offer)
                for offer in dict.fromkeys(row["offer_code"] for row in rows["relapses"] if row["is_lapsing_faster"])
            ),
        )

    def _funnel(self, row: Row) -> Funnel:
        """Draws the way from the assigned to the returned of one step and channel."""
        channel = self._texts.word(row["channel"])
        is_imported = row["step_number"] == 0
        title = self._texts(
            "funnel_imported" if is_imported else "funnel_step", step=row["step_number"], channel=channel
        )
        bars = [
            charts.Share(self._texts(f"funnel_{step}"), int(row[f"{step}_count"]), int(row["member_count"]))
            for step in FUNNEL_STEPS
            if row["has_receipts"] or step not in RECEIPT_STEPS
        ]
        description = self._texts("funnel_plot", campaign=row["campaign_id"], what=title)
        plot = charts.shares(bars, description=description, salt=self._salt())
        return Funnel(title=title, plot=Markup(plot), has_receipts=row["has_receipts"])

    def _lifts(self, campaign: Row, rows: Sequence[Row], *, is_rate: bool) -> Markup | None:
        """Draws those lifts that may be stated."""
        arms = {row["arm_code"] for row in rows}
        intervals = [
            campaign_charts.Interval(
                label=self._texts.word(row["metric_code"])
                + (f" · {self._texts.name(row['arm_code'])}" if len(arms) > 1 else ""),
                lift=row["lift"],
                low=row["lift_low"],
                high=row["lift_high"],
                wide_low=row["sequential_low"],
                wide_high=row["sequential_high"],
            )
            for row in rows
            if row["is_estimable"]
        ]
        if not intervals:
            return None
        currency = self._rows["summary"][0]["currency_code"]
        plot = campaign_charts.lifts(
            intervals,
            is_rate=is_rate,
            axis_label=self._texts("lift_points") if is_rate else self._texts("lift_amount", currency=currency),
            names=(self._texts("interval_once"), self._texts("interval_always")),
            description=self._texts(
                "lift_plot_rate" if is_rate else "lift_plot_money", campaign=campaign["campaign_id"]
            ),
            salt=self._salt(),
        )
        return Markup(plot)

    def _waterfall(self, campaign: Row) -> Markup | None:
        """Draws the way from contribution to profit where profit may be stated."""
        if campaign["incremental_profit_amount"] is None:
            return None
        plot = campaign_charts.waterfall(
            campaign_charts.Waterfall(
                contribution=campaign["incremental_contribution_amount"],
                cost=campaign["cost_amount"],
                profit=campaign["incremental_profit_amount"],
                low=campaign["incremental_profit_low"],
                high=campaign["incremental_profit_high"],
            ),
            [self._texts(f"waterfall_{part}") for part in ("contribution", "cost", "profit")],
            axis_label=self._rows["summary"][0]["currency_code"],
            description=self._texts("waterfall_plot", campaign=campaign["campaign_id"]),
            salt=self._salt(),
        )
        return Markup(plot)

    def _relapses(self, campaign: Row, rows: Sequence[Row]) -> Markup | None:
        """Draws relapse by arm and offer."""
        if not rows:
            return None
        curves = []
        for (arm, offer), group in groupby(rows, lambda row: (row["arm_code"], row["offer_code"])):
            mine = list(group)
            label = self._texts.name(arm)
            if offer not in ("none", "unknown"):
                label = f"{label}, {self._texts.word(offer)}"
            curves.append(
                campaign_charts.RelapseCurve(
                    label=f"{label} (n={mine[0]['returned_count']:,})",
                    days=[row["day_number"] for row in mine],
                    rates=[row["relapse_rate"] for row in mine],
                )
            )
        plot = campaign_charts.relapses(
            curves,
            axis_label=self._texts("relapse_axis"),
            description=self._texts("relapse_plot", campaign=campaign["campaign_id"]),
            salt=self._salt(),
        )
        return Markup(plot)

    def _shares(self, bars: Sequence[charts.Share], key: str) -> Markup | None:
        """Draws shares if there are any."""
        if not bars:
            return None
        return Markup(charts.shares(bars, description=self._texts(key), salt=self._salt()))

    def _days(self, rows: Sequence[Row], code: str, names: Mapping[str, str], key: str) -> Markup | None:
        """Draws counts over time if there are two days at least."""
        days = sorted({row["as_of_date"] for row in rows})
        if len(days) < 2:
            return None
        counts = {(row["as_of_date"], row[code]): int(row["episode_count"]) for row in rows}
        plot = charts.stacked_days(
            days,
            {each: [counts.get((day, each), 0) for day in days] for each in names},
            names,
            description=self._texts(key),
            salt=self._salt(),
        )
        return Markup(plot)
