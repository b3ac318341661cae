"""The report's plots of what campaigns caused, as SVG that stands inside the page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from matplotlib.ticker import FuncFormatter, MaxNLocator, PercentFormatter

from recall.report.drawing import (
    ACCENT,
    ARM_COLOURS,
    DEEP,
    INK,
    QUIET_INK,
    REST,
    SMALL,
    drawn,
    grid,
    legend,
    name_rows,
    svg,
)


@dataclass(frozen=True)
class Interval:
    """A lift and how sure it is.

    Attributes:
        label: The metric, and the arm where there are several.
        lift: Treated mean less control mean.
        low: Lower end of its 95 % interval for one look.
        high: Upper end.
        wide_low: Lower end of the interval that holds however often one looks.
        wide_high: Upper end.
    """

    label: str
    lift: Decimal
    low: Decimal
    high: Decimal
    wide_low: Decimal
    wide_high: Decimal


@dataclass(frozen=True)
class Waterfall:
    """From what a campaign brought to what is left of it, in the workspace's currency.

    Attributes:
        contribution: Contribution above that of as many of the control, before campaign cost.
        cost: Sends and rewards.
        profit: What is left.
        low: Lower end of its 95 % interval.
        high: Upper end.
    """

    contribution: Decimal
    cost: Decimal
    profit: Decimal
    low: Decimal
    high: Decimal


@dataclass(frozen=True)
class RelapseCurve:
    """How those who returned in one arm lapsed again.

    Attributes:
        label: The arm and its offer.
        days: Days after the return, ascending.
        rates: Of each the share 0..1 that had lapsed again.
    """

    label: str
    days: Sequence[int]
    rates: Sequence[Decimal]


def lifts(
    intervals: Sequence[Interval], *, is_rate: bool, axis_label: str, names: Sequence[str], description: str, salt: str
) -> str:
    """Draws lifts as points with their intervals, one row each, zero as a line.

    Args:
        intervals: The rows, the first on top; at least one.
        is_rate: Whether they are shares, shown in percentage points, or amounts.
        axis_label: The unit.
        names: Of the two intervals, for the legend.
        description: What a screen reader says.
        salt: The plot's own.

    Returns:
        An SVG element.
    """
    factor = 100 if is_rate else 1
    with drawn(height=0.75 + 0.42 * len(intervals), salt=salt) as (figure, axes):
        for place, each in enumerate(intervals):
            lift, low, high, wide_low, wide_high = (
                float(value) * factor for value in (each.lift, each.low, each.high, each.wide_low, each.wide_high)
            )
            axes.plot([wide_low, wide_high], [place, place], color=REST, linewidth=5, solid_capstyle="butt")
            axes.plot([low, high], [place, place], color=DEEP, linewidth=2.2, solid_capstyle="butt")
            axes.plot([lift], [place], marker="o", color=ACCENT, markersize=5)
        axes.axvline(0, color=INK, linewidth=0.8)
        name_rows(axes, [each.label for each in intervals])
        axes.xaxis.set_major_locator(MaxNLocator(5))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:+,.6g}" if value else "0"))
        axes.set_xlabel(axis_label)
        legend(figure, names, [DEEP, REST])
        return svg(figure, description)


def waterfall(amounts: Waterfall, labels: Sequence[str], *, axis_label: str, description: str, salt: str) -> str:
    """Draws contribution, cost and profit as steps from one to the next, profit with its interval.

    Args:
        amounts: The amounts.
        labels: Of contribution, cost and profit.
        axis_label: The currency.
        description: What a screen reader says.
        salt: The plot's own.

    Returns:
        An SVG element.
    """
    contribution, cost, profit, low, high = (
        float(value) for value in (amounts.contribution, amounts.cost, amounts.profit, amounts.low, amounts.high)
    )
    with drawn(height=1.75, salt=salt) as (figure, axes):
        axes.barh([0], [contribution], color=DEEP, height=0.62)
        axes.barh([1], [-cost], left=[contribution], color=ACCENT, height=0.62)
        axes.barh([2], [profit], color="#5a8f4e" if profit >= 0 else ACCENT, height=0.62)
        axes.plot([low, high], [2, 2], color=INK, linewidth=1.4, marker="|", markersize=8)
        for place, value in enumerate((contribution, -cost, profit)):
            right = max(0.0, contribution, high) if place == 2 else max(0.0, contribution)
            axes.annotate(
                f"{value:+,.0f}", (right, place), (5, 0), textcoords="offset points", va="center", fontsize=SMALL
            )
        axes.axvline(0, color=QUIET_INK, linewidth=0.8)
        name_rows(axes, labels)
        axes.xaxis.set_major_locator(MaxNLocator(4))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
        axes.set_xlabel(axis_label)
        return svg(figure, description)


def relapses(curves: Sequence[RelapseCurve], *, axis_label: str, description: str, salt: str) -> str:
    """Draws per arm the share of the returned who lapsed again, by days after the return.

    Args:
        curves: The arms; at least one.
        axis_label: What the horizontal axis counts.
        description: What a screen reader says.
        salt: The plot's own.

    Returns:
        An SVG element.
    """
    with drawn(height=2.5, salt=salt) as (figure, axes):
        colours = [ARM_COLOURS[number % len(ARM_COLOURS)] for number in range(len(curves))]
        for curve, colour in zip(curves, colours, strict=True):
            rates = list(map(float, curve.rates))
            axes.plot(curve.days, rates, color=colour, marker="o", markersize=4, linewidth=1.6, clip_on=False)
        axes.set_xlim(0, max(1, *(day for curve in curves for day in curve.days)) * 1.05)
        axes.set_ylim(0, max(0.05, *(float(rate) for curve in curves for rate in curve.rates)) * 1.12)
        axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
        axes.yaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10]))
        axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))
        axes.set_xlabel(axis_label)
        grid(axes)
        legend(figure, [curve.label for curve in curves], colours)
        return svg(figure, description)
