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
    Colour,
    Plot,
    boxes,
    drawn,
    finished,
    grid,
)
from recall.report.texts import Label

GAIN = "#5a8f4e"


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

    label: Label
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

    label: Label
    days: Sequence[int]
    rates: Sequence[Decimal]


def lifts(
    intervals: Sequence[Interval],
    *,
    is_rate: bool,
    axis_label: Label,
    names: tuple[Label, Label],
    description: Label,
    salt: str,
) -> Plot:
    """Draws lifts as points with their intervals, one row each, zero as a line.

    Args:
        intervals: The rows, the first on top; at least one.
        is_rate: Whether they are shares, shown in percentage points, or amounts.
        axis_label: The unit.
        names: Of the two intervals, the narrow one first, for the legend.
        description: What a screen reader says.
        salt: The plot's own.
    """
    factor = 100 if is_rate else 1
    with drawn(height=0.4 + 0.42 * len(intervals), salt=salt) as axes:
        for low, high, colour, width in (("wide_low", "wide_high", REST, 5.0), ("low", "high", DEEP, 2.2)):
            axes.hlines(
                range(len(intervals)),
                [float(getattr(each, low)) * factor for each in intervals],
                [float(getattr(each, high)) * factor for each in intervals],
                colors=colour,
                linewidth=width,
            )
        lifted = [float(each.lift) * factor for each in intervals]
        axes.plot(lifted, range(len(intervals)), marker="o", linestyle="", color=ACCENT, markersize=5)
        axes.axvline(0, color=INK, linewidth=0.8)
        axes.xaxis.set_major_locator(MaxNLocator(5))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:+,.6g}" if value else "0"))
        return finished(
            axes,
            description,
            row_names=[each.label for each in intervals],
            colours=[Colour(name, colour) for name, colour in zip(names, (DEEP, REST), strict=True)],
            axis_label=axis_label,
        )


def waterfall(amounts: Waterfall, labels: Sequence[Label], *, axis_label: Label, description: Label, salt: str) -> Plot:
    """Draws contribution, cost and profit as steps from one to the next, profit with its interval.

    Args:
        amounts: The amounts.
        labels: Of contribution, cost and profit.
        axis_label: The currency.
        description: What a screen reader says.
        salt: The plot's own.
    """
    contribution, cost, profit, low, high = (
        float(value) for value in (amounts.contribution, amounts.cost, amounts.profit, amounts.low, amounts.high)
    )
    with drawn(height=1.45, salt=salt) as axes:
        steps = (
            (0.0, contribution, DEEP),
            (contribution, -cost, ACCENT),
            (0.0, profit, GAIN if profit >= 0 else ACCENT),
        )
        corners = [(start, place - 0.31, start + step, place + 0.31) for place, (start, step, _) in enumerate(steps)]
        boxes(axes, corners, [colour for _, _, colour in steps])
        axes.plot([low, high], [2, 2], color=INK, linewidth=1.4, marker="|", markersize=8)
        ends = [x for start, step, _ in steps for x in (start, start + step)]
        axes.update_datalim([(x, 0) for x in ends])
        axes.autoscale_view(scaley=False)
        numbers = [f"{step:+,.0f}" for _, step, _ in steps]
        for place, number in enumerate(numbers):
            right = max(0.0, contribution, high) if place == 2 else max(0.0, contribution)
            axes.annotate(number, (right, place), (5, 0), textcoords="offset points", va="center", fontsize=SMALL)
        axes.axvline(0, color=QUIET_INK, linewidth=0.8)
        axes.xaxis.set_major_locator(MaxNLocator(4))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
        return finished(axes, description, row_names=labels, beside=numbers, axis_label=axis_label)


def relapses(curves: Sequence[RelapseCurve], *, axis_label: Label, description: Label, salt: str) -> Plot:
    """Draws per arm the share of the returned who lapsed again, by days after the return.

    Args:
        curves: The arms; at least one.
        axis_label: What the horizontal axis counts.
        description: What a screen reader says.
        salt: The plot's own.
    """
    with drawn(height=2.0, salt=salt) as axes:
        colours = [ARM_COLOURS[number % len(ARM_COLOURS)] for number in range(len(curves))]
        for curve, colour in zip(curves, colours, strict=True):
            rates = list(map(float, curve.rates))
            axes.plot(curve.days, rates, color=colour, marker="o", markersize=4, linewidth=1.6, clip_on=False)
        axes.set_xlim(0, max(1, *(day for curve in curves for day in curve.days)) * 1.05)
        axes.set_ylim(0, max(0.05, *(float(rate) for curve in curves for rate in curve.rates)) * 1.12)
        axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
        axes.yaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10]))
        axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))
        grid(axes)
        legend = [Colour(curve.label, colour) for curve, colour in zip(curves, colours, strict=True)]
        return finished(axes, description, colours=legend, axis_label=axis_label)
