"""Which plots the page shows, made of the rows of its queries and drawn once for all languages."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby
from typing import Any

from recall.report import campaign_charts, charts
from recall.report.drawing import ACCENT, AMBER, DEEP, LAYER_COLOURS, Colour, Plot, layer_colours
from recall.report.texts import Label, Language, Texts, composed, same_in_all

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

    title: Label
    plot: Plot
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
    rate_lifts: Plot | None
    money_lifts: Plot | None
    waterfall: Plot | None
    relapses: Plot | None
    lapsing_faster: Label | None


class Plots:
    """The plots of a page, each drawn when it is asked for first.

    Args:
        rows: Per query its rows.
        texts: The catalogue in every language.
    """

    def __init__(self, rows: Rows, texts: Mapping[Language, Texts]) -> None:
        self._rows = rows
        self._texts = texts
        self._layers = {row["layer_code"]: self._name(row["layer_name"]) for row in rows["layers"]}
        self._drawn = 0

    def layer_name(self, code: str) -> Label:
        """Returns the name of a layer; of one that is no longer in force its code."""
        return self._layers.get(code) or same_in_all(code)

    def _salt(self) -> str:
        """Names the next plot of this page, the same on every machine."""
        self._drawn += 1
        return f"recall-{self._drawn}"

    def _said(self, key: str, **figures: object) -> Label:
        """Returns a sentence with its figures; a figure that is a label goes into the sentence of its language."""
        return {
            language: texts(
                key,
                **{name: value[language] if isinstance(value, Mapping) else value for name, value in figures.items()},
            )
            for language, texts in self._texts.items()
        }

    def _colour(self, key: str, value: str) -> Colour:
        """Returns an entry of a legend that the catalogue names."""
        return Colour(self._said(key), value)

    def _word(self, code: str) -> Label:
        """Returns what a code of the marts is called."""
        return {language: texts.word(code) for language, texts in self._texts.items()}

    def _words(self, codes: Iterable[str]) -> Label | None:
        """Returns what codes are called, each once; None without a code."""
        once = list(dict.fromkeys(codes))
        return {language: ", ".join(map(texts.word, once)) for language, texts in self._texts.items()} if once else None

    def _name(self, name: str) -> Label:
        """Returns what a name of the marts or of the workspace is."""
        return {language: texts.name(name) for language, texts in self._texts.items()}

    @cached_property
    def churn(self) -> Plot | None:
        """Draws the share of each line's customers who have lapsed."""
        bars = [
            charts.Share(self._name(line["line_name"]), line["churned_count"], line["customer_count"])
            for line in self._rows["lines"]
        ]
        return self._shares(bars, "churn_plot")

    @cached_property
    def layer_sizes(self) -> Plot | None:
        """Draws each line's open lapses by layer."""
        if not self._rows["layer_sizes"]:
            return None
        lines = self._rows["lines"]
        sizes = {(row["line_id"], row["layer_code"]): row["episode_count"] for row in self._rows["layer_sizes"]}
        return charts.stacked_bars(
            [self._name(line["line_name"]) for line in lines],
            {code: [int(sizes.get((line["line_id"], code), 0)) for line in lines] for code in self._layers},
            self._layers,
            description=self._said("sizes_plot"),
            salt=self._salt(),
        )

    @cached_property
    def curves(self) -> list[tuple[Label, Plot]]:
        """Draws the churn curves of the largest lines.

        Returns:
            Name and plot of each.
        """
        points = {key: list(rows) for key, rows in groupby(self._rows["curves"], lambda row: row["line_id"])}
        found = []
        for line in [line for line in self._rows["lines"] if line["line_id"] in points][:PICTURED_LINES]:
            mine, name = points[line["line_id"]], self._name(line["line_name"])
            limits = [
                charts.Limit(self._said(key), line[column], kind)
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
                axis_label=self._said("curves_axis"),
                description=self._said("curves_plot", line=name),
                salt=self._salt(),
            )
            found.append((name, plot))
        return found

    @cached_property
    def transitions(self) -> Plot | None:
        """Draws who stayed, came back, was new and was lost, by month."""
        rows = self._rows["transitions"]
        if not rows:
            return None
        return charts.month_flows(
            [row["month"] for row in rows],
            [
                (self._colour("flow_retained", LAYER_COLOURS[1]), [int(row["retained_count"]) for row in rows]),
                (self._colour("flow_resurrected", AMBER), [int(row["resurrected_count"]) for row in rows]),
                (self._colour("flow_new", DEEP), [int(row["new_count"]) for row in rows]),
                (self._colour("flow_lost", ACCENT), [-int(row["lost_count"]) for row in rows]),
            ],
            description=self._said("transitions_plot"),
            salt=self._salt(),
            unfinished={row["month"] for row in rows if not row["is_complete"]},
        )

    @cached_property
    def stages(self) -> Plot | None:
        """Draws how many customers are in each stage of life."""
        rows = self._rows["stages"]
        if not rows:
            return None
        return charts.stacked_bars(
            [self._word(row["stage_code"]) for row in rows],
            {"customers": [row["customer_count"] for row in rows]},
            {"customers": self._said("customers")},
            description=self._said("stages_plot"),
            salt=self._salt(),
        )

    @cached_property
    def visits_funnel(self) -> Plot | None:
        """Draws how far the users of the last weeks came from a visit to an order."""
        rows = self._rows["funnel"]
        first = max(int(rows[0]["user_count"]), 1) if rows else 1
        bars = [charts.Share(self._word(row["step_code"]), int(row["user_count"]), first) for row in rows]
        return self._shares(bars, "funnel_visits_plot")

    @cached_property
    def retention_of_customers(self) -> Plot | None:
        """Draws retention of customers, by month of the first key day and day."""
        return self._retention("first_key_day", "retention_first_plot")

    @cached_property
    def retention_of_registered(self) -> Plot | None:
        """Draws retention of the registered, by month of the registration and day."""
        return self._retention("registration", "retention_registration_plot")

    @cached_property
    def layer_days(self) -> Plot | None:
        """Draws open lapses over time by layer."""
        return self._days(self._rows["layer_days"], "layer_code", self._layers, "layer_days_plot")

    @cached_property
    def reason_days(self) -> Plot | None:
        """Draws open lapses over time by reason, the largest at the bottom; one that nobody ever had is left out."""
        rows = self._rows["reason_days"]
        last = {row["reason_code"]: row["episode_count"] for row in rows if row["as_of_date"] == rows[-1]["as_of_date"]}
        codes = {row["reason_code"] for row in rows if row["episode_count"]}
        names = {code: self._word(code) for code in sorted(codes, key=lambda code: (-int(last.get(code, 0)), code))}
        return self._days(rows, "reason_code", names, "reason_days_plot")

    @cached_property
    def layer_flows(self) -> Plot | None:
        """Draws what layers gained and gave away by month."""
        rows = self._rows["layer_flows"]
        if not rows:
            return None
        months = sorted({row["month"] for row in rows})
        changes = {(row["month"], row["layer_code"]): int(row["change_count"]) for row in rows}
        return charts.month_flows(
            months,
            [
                (Colour(name, colour), [changes.get((month, code), 0) for month in months])
                for (code, name), colour in zip(self._layers.items(), layer_colours(len(self._layers)), strict=True)
            ],
            description=self._said("layer_flows_plot"),
            salt=self._salt(),
        )

    @cached_property
    def episode_flows(self) -> Plot | None:
        """Draws lapses that began and ended by month."""
        rows = self._rows["episode_flows"]
        if not rows:
            return None
        return charts.month_flows(
            [row["month"] for row in rows],
            [
                (self._colour("flow_lapsed", ACCENT), [int(row["lapsed_count"]) for row in rows]),
                (self._colour("flow_returned", DEEP), [-int(row["returned_count"]) for row in rows]),
            ],
            description=self._said("episode_flows_plot"),
            salt=self._salt(),
        )

    @cached_property
    def layer_returns(self) -> Plot | None:
        """Draws the share of each layer's lapses that came back soon."""
        returns = {row["layer_code"]: row for row in self._rows["layer_returns"] if row["episode_count"]}
        bars = [
            charts.Share(name, int(returns[code]["returned_count"]), int(returns[code]["episode_count"]))
            for code, name in self._layers.items()
            if code in returns
        ]
        return self._shares(bars, "returns_plot")

    @cached_property
    def touches(self) -> Plot | None:
        """Draws how many of those touched by imported campaigns redeemed."""
        dots = [
            charts.CampaignDot(
                first_date=row["first_date"],
                arm_code=row["arm_code"],
                redeemed_count=int(row["redeemed_count"]),
                member_count=int(row["member_count"]),
            )
            for row in self._rows["touches"]
        ]
        if not dots:
            return None
        names = {dot.arm_code: self._name(dot.arm_code) for dot in dots}
        return charts.campaign_dots(dots, names, description=self._said("touches_plot"), salt=self._salt())

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
            lapsing_faster=self._words(row["offer_code"] for row in rows["relapses"] if row["is_lapsing_faster"]),
        )

    def _funnel(self, row: Row) -> Funnel:
        """Draws the way from the assigned to the returned of one step and channel."""
        channel = self._word(row["channel"])
        is_imported = row["step_number"] == 0
        title = self._said(
            "funnel_imported" if is_imported else "funnel_step", step=row["step_number"], channel=channel
        )
        bars = [
            charts.Share(self._said(f"funnel_{step}"), int(row[f"{step}_count"]), int(row["member_count"]))
            for step in FUNNEL_STEPS
            if row["has_receipts"] or step not in RECEIPT_STEPS
        ]
        description = self._said("funnel_plot", campaign=row["campaign_id"], what=title)
        plot = charts.shares(bars, description=description, salt=self._salt())
        return Funnel(title=title, plot=plot, has_receipts=row["has_receipts"])

    def _lifts(self, campaign: Row, rows: Sequence[Row], *, is_rate: bool) -> Plot | None:
        """Draws those lifts that may be stated."""
        arms = {row["arm_code"] for row in rows}
        intervals = [
            campaign_charts.Interval(
                label=composed("{} · {}", self._word(row["metric_code"]), self._name(row["arm_code"]))
                if len(arms) > 1
                else self._word(row["metric_code"]),
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
        return campaign_charts.lifts(
            intervals,
            is_rate=is_rate,
            axis_label=self._said("lift_points") if is_rate else self._said("lift_amount", currency=currency),
            names=(self._said("interval_once"), self._said("interval_always")),
            description=self._said(
                "lift_plot_rate" if is_rate else "lift_plot_money", campaign=campaign["campaign_id"]
            ),
            salt=self._salt(),
        )

    def _waterfall(self, campaign: Row) -> Plot | None:
        """Draws the way from contribution to profit where profit may be stated."""
        if campaign["incremental_profit_amount"] is None:
            return None
        return campaign_charts.waterfall(
            campaign_charts.Waterfall(
                contribution=campaign["incremental_contribution_amount"],
                cost=campaign["cost_amount"],
                profit=campaign["incremental_profit_amount"],
                low=campaign["incremental_profit_low"],
                high=campaign["incremental_profit_high"],
            ),
            [self._said(f"waterfall_{part}") for part in ("contribution", "cost", "profit")],
            axis_label=same_in_all(self._rows["summary"][0]["currency_code"]),
            description=self._said("waterfall_plot", campaign=campaign["campaign_id"]),
            salt=self._salt(),
        )

    def _relapses(self, campaign: Row, rows: Sequence[Row]) -> Plot | None:
        """Draws relapse by arm and offer."""
        if not rows:
            return None
        curves = []
        for (arm, offer), group in groupby(rows, lambda row: (row["arm_code"], row["offer_code"])):
            mine = list(group)
            label = self._name(arm)
            if offer not in ("none", "unknown"):
                label = composed("{}, {}", label, self._word(offer))
            curves.append(
                campaign_charts.RelapseCurve(
                    label=composed(f"{{}} (n={mine[0]['returned_count']:,})", label),
                    days=[row["day_number"] for row in mine],
                    rates=[row["relapse_rate"] for row in mine],
                )
            )
        return campaign_charts.relapses(
            curves,
            axis_label=self._said("relapse_axis"),
            description=self._said("relapse_plot", campaign=campaign["campaign_id"]),
            salt=self._salt(),
        )

    def _retention(self, cohort_type: str, key: str) -> Plot | None:
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
        return charts.heat_map(cells, description=self._said(key), salt=self._salt())

    def _shares(self, bars: Sequence[charts.Share], key: str) -> Plot | None:
        """Draws shares if there are any."""
        if not bars:
            return None
        return charts.shares(bars, description=self._said(key), salt=self._salt())

    def _days(self, rows: Sequence[Row], code: str, names: Mapping[str, Label], key: str) -> Plot | None:
        """Draws counts over time if there are two days at least."""
        days = sorted({row["as_of_date"] for row in rows})
        if len(days) < 2:
            return None
        counts = {(row["as_of_date"], row[code]): int(row["episode_count"]) for row in rows}
        return charts.stacked_days(
            days,
            {each: [counts.get((day, each), 0) for day in days] for each in names},
            names,
            description=self._said(key),
            salt=self._salt(),
        )
