"""The report's plots of customers and lapses, as SVG that stands inside the page.

Labels come in the reader's language; what a plot writes itself are numbers. Every plot's `salt` keeps the names inside
it apart from those of the page's other plots.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

import matplotlib
from matplotlib.ticker import MaxNLocator, PercentFormatter

from recall.report.drawing import (
    ACCENT,
    AMBER,
    ARM_COLOURS,
    DEEP,
    INK,
    LAYER_COLOURS,
    PALE,
    QUIET_INK,
    SMALL,
    count_up,
    day_number,
    drawn,
    grid,
    layer_colours,
    legend,
    name_rows,
    show_dates,
    svg,
)


@dataclass(frozen=True)
class Share:
    """One bar of a bar chart of shares.

    Attributes:
        label: What the bar stands for.
        part: The counted part.
        whole: What it is a part of; at least 1.
    """

    label: str
    part: int
    whole: int


@dataclass(frozen=True)
class HeatCell:
    """One cell of a heat map.

    Attributes:
        row: Label of its row.
        column: Label of its column.
        part: The counted part.
        whole: What it is a part of; at least 1.
    """

    row: str
    column: str
    part: int
    whole: int


@dataclass(frozen=True)
class CampaignDot:
    """One arm of a past campaign.

    Attributes:
        first_date: Business date of its first touch.
        arm_code: The arm.
        redeemed_count: Users who redeemed.
        member_count: Users touched; at least 1.
    """

    first_date: date
    arm_code: str
    redeemed_count: int
    member_count: int


@dataclass(frozen=True)
class Limit:
    """A number of quiet days that a churn curve is marked at.

    Attributes:
        label: What it is.
        days: The number.
        kind: Which of the three kinds, 0 to 2; a kind has the same line in all plots.
    """

    label: str
    days: int
    kind: int


def shares(bars: Sequence[Share], *, description: str, salt: str) -> str:
    """Draws horizontal bars of shares, the first on top.

    Args:
        bars: The bars; at least one.
        description: What a screen reader says.
        salt: The plot's own.

    Returns:
        An SVG element.
    """
    with drawn(height=0.25 + 0.36 * len(bars), salt=salt) as (figure, axes):
        values = [bar.part / bar.whole for bar in bars]
        # A share above one may be: more messages than users. The bar ends where the track does.
        top = max(*values, 0.05)
        positions = range(len(bars))
        axes.barh(positions, [top] * len(bars), color=PALE, height=0.66)
        axes.barh(positions, values, color=ACCENT, height=0.66)
        for position, bar, value in zip(positions, bars, values, strict=True):
            text = f"{value:.0%}  ({bar.part:,} / {bar.whole:,})"
            axes.annotate(text, (top, position), (4, 0), textcoords="offset points", va="center", fontsize=SMALL)
        name_rows(axes, [bar.label for bar in bars])
        axes.set_xlim(0, top)
        axes.xaxis.set_visible(False)
        axes.spines["bottom"].set_visible(False)
        return svg(figure, description)


def stacked_days(
    days: Sequence[date], counts: Mapping[str, Sequence[int]], names: Mapping[str, str], *, description: str, salt: str
) -> str:
    """Draws counts over time, one band per code on top of the other.

    Args:
        days: The days, ascending; at least two.
        counts: Per code the count of each day; bands are stacked in this order.
        names: Per code its name in the legend.
        description: What a screen reader says.
        salt: The plot's own.

    Returns:
        An SVG element.
    """
    with drawn(height=2.7, salt=salt) as (figure, axes):
        colours = layer_colours(counts)
        numbers = [day_number(day) for day in days]
        axes.stackplot(numbers, list(counts.values()), colors=colours, linewidth=0)
        axes.set_xlim(numbers[0], numbers[-1])
        axes.set_ylim(bottom=0)
        show_dates(axes)
        count_up(axes)
        legend(figure, [names[code] for code in counts], colours)
        return svg(figure, description)


def stacked_bars(
    labels: Sequence[str],
    counts: Mapping[str, Sequence[int]],
    names: Mapping[str, str],
    *,
    description: str,
    salt: str,
) -> str:
    """Draws horizontal bars, each a stack of counts with the sum at its end; the first bar on top.

    Args:
        labels: The bars; at least one.
        counts: Per code the count of each bar; stacked in this order.
        names: Per code its name in the legend.
        description: What a screen reader says.
        salt: The plot's own.

    Returns:
        An SVG element.
    """
    with drawn(height=0.6 + 0.36 * len(labels), salt=salt) as (figure, axes):
        colours = layer_colours(counts)
        reached = [0] * len(labels)
        for colour, values in zip(colours, counts.values(), strict=True):
            axes.barh(range(len(labels)), values, left=reached, color=colour, height=0.66)
            reached = [sum(pair) for pair in zip(reached, values, strict=True)]
        for position, total in enumerate(reached):
            axes.annotate(
                f"{total:,}", (total, position), (4, 0), textcoords="offset points", va="center", fontsize=SMALL
            )
        name_rows(axes, labels)
        axes.set_xlim(0, max([*reached, 1]))
        axes.xaxis.set_visible(False)
        axes.spines["bottom"].set_visible(False)
        legend(figure, [names[code] for code in counts], colours)
        return svg(figure, description)


def month_flows(
    months: Sequence[date],
    counts: Mapping[str, Sequence[int]],
    colours: Sequence[str],
    *,
    description: str,
    salt: str,
    unfinished: Collection[date] = (),
) -> str:
    """Draws a bar per month: what came upwards, what went downwards.

    Args:
        months: The months' first days, ascending; at least one.
        counts: Per name, for the legend, the count of each month; what went is negative.
        colours: Of the names.
        description: What a screen reader says.
        salt: The plot's own.
        unfinished: Months that are not over; they are drawn pale.

    Returns:
        An SVG element.
    """
    with drawn(height=2.7, salt=salt) as (figure, axes):
        above, below = [0] * len(months), [0] * len(months)
        for values, colour in zip(counts.values(), colours, strict=True):
            bottoms = [up if value > 0 else down for value, up, down in zip(values, above, below, strict=True)]
            bars = axes.bar(range(len(months)), values, bottom=bottoms, color=colour, width=0.78)
            for month, bar in zip(months, bars, strict=True):
                bar.set_alpha(0.45 if month in unfinished else 1.0)
            above = [up + max(value, 0) for up, value in zip(above, values, strict=True)]
            below = [down + min(value, 0) for down, value in zip(below, values, strict=True)]
        step = max(1, -(-len(months) // 5))
        places = range(0, len(months), step)
        axes.set_xticks(list(places), [f"{months[place]:%Y-%m}" for place in places])
        axes.axhline(0, color=QUIET_INK, linewidth=0.6)
        count_up(axes, bins=6)
        axes.spines["bottom"].set_visible(False)
        legend(figure, list(counts), colours)
        return svg(figure, description)


def heat_map(cells: Sequence[HeatCell], *, description: str, salt: str) -> str:
    """Draws shares as a grid, the darker the higher, each with its numbers; a cell that is not given stays empty.

    Args:
        cells: The cells; at least one. Rows and columns stand in the order in which they first appear.
        description: What a screen reader says.
        salt: The plot's own.

    Returns:
        An SVG element.
    """
    rows = list(dict.fromkeys(cell.row for cell in cells))
    columns = list(dict.fromkeys(cell.column for cell in cells))
    highest = max(max(cell.part / cell.whole for cell in cells), 0.01)
    with drawn(height=0.4 + 0.3 * len(rows), salt=salt) as (figure, axes):
        scale = matplotlib.colors.LinearSegmentedColormap.from_list("retention", [PALE, *LAYER_COLOURS])
        for cell in cells:
            column, row = columns.index(cell.column), rows.index(cell.row)
            value = cell.part / cell.whole
            corner = (column - 0.48, row - 0.46)
            axes.add_patch(matplotlib.patches.Rectangle(corner, 0.96, 0.92, color=scale(value / highest), linewidth=0))
            ink = "white" if value / highest > 0.6 else INK
            text = f"{value:.1%} n={cell.whole:,}"
            axes.text(column, row, text, ha="center", va="center", fontsize=8, color=ink)
        axes.set_xlim(-0.5, len(columns) - 0.5)
        axes.set_xticks(range(len(columns)), columns)
        name_rows(axes, rows)
        axes.xaxis.tick_top()
        axes.spines["bottom"].set_visible(False)
        return svg(figure, description)


def campaign_dots(dots: Sequence[CampaignDot], *, description: str, salt: str) -> str:
    """Draws past campaigns by their start: how many of those touched redeemed, the area as their number.

    Args:
        dots: The campaigns' arms; at least one.
        description: What a screen reader says.
        salt: The plot's own.

    Returns:
        An SVG element.
    """
    with drawn(height=2.7, salt=salt) as (figure, axes):
        arms = sorted({dot.arm_code for dot in dots})
        colours = [ARM_COLOURS[number % len(ARM_COLOURS)] for number in range(len(arms))]
        largest = max(dot.member_count for dot in dots)
        for arm, colour in zip(arms, colours, strict=True):
            mine = [dot for dot in dots if dot.arm_code == arm]
            axes.scatter(
                [day_number(dot.first_date) for dot in mine],
                [dot.redeemed_count / dot.member_count for dot in mine],
                s=[18 + 280 * dot.member_count / largest for dot in mine],
                color=colour,
                alpha=0.78,
                linewidth=0.6,
                edgecolor="white",
            )
        highest = max(dot.redeemed_count / dot.member_count for dot in dots)
        axes.set_ylim(-0.06 * max(highest, 0.02), 1.25 * max(highest, 0.02))
        axes.margins(x=0.09)
        axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
        axes.yaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10]))
        show_dates(axes)
        grid(axes)
        legend(figure, arms, colours)
        return svg(figure, description)


def churn_curve(
    quiet_days: Sequence[int],
    survival_rates: Sequence[Decimal],
    limits: Sequence[Limit],
    *,
    axis_label: str,
    description: str,
    salt: str,
) -> str:
    """Draws the share of gaps that are still quiet after so many days, and the limits beside it.

    Args:
        quiet_days: Days since the last key day, ascending; at least one.
        survival_rates: Of each the share 0..1 that is still quiet.
        limits: The marks; at most one of a kind.
        axis_label: What the horizontal axis counts.
        description: What a screen reader says.
        salt: The plot's own.

    Returns:
        An SVG element.
    """
    with drawn(height=2.5, salt=salt) as (figure, axes):
        axes.step([0, *quiet_days], [1.0, *map(float, survival_rates)], where="post", color=DEEP, linewidth=1.6)
        lines = ((ACCENT, "-"), (AMBER, "--"), (QUIET_INK, ":"))
        for limit in limits:
            colour, dashes = lines[limit.kind]
            axes.axvline(limit.days, color=colour, linestyle=dashes, linewidth=1.4)
        axes.set_xlim(0, max([quiet_days[-1], *(limit.days for limit in limits)]) * 1.03)
        axes.set_ylim(0, 1)
        axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
        axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
        axes.set_xlabel(axis_label)
        grid(axes)
        legend(
            figure,
            [f"{limit.label}: {limit.days}" for limit in limits],
            [lines[limit.kind][0] for limit in limits],
        )
        return svg(figure, description)
