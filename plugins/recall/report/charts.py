"""The report's plots of customers and lapses, as SVG that stands inside the page.

Labels come in every language; what a plot writes itself are numbers. Every plot's `salt` keeps the names inside it
apart from those of the page's other plots.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

import matplotlib
from matplotlib.axes import Axes
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
    Colour,
    Plot,
    boxes,
    count_up,
    day_number,
    drawn,
    finished,
    grid,
    layer_colours,
    show_dates,
)
from recall.report.texts import Label, same_in_all

BAR = 0.33
"""Half the height of a bar, of which each row has one."""


@dataclass(frozen=True)
class Share:
    """One bar of a bar chart of shares.

    Attributes:
        label: What the bar stands for.
        part: The counted part.
        whole: What it is a part of; at least 1.
    """

    label: Label
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

    label: Label
    days: int
    kind: int


def shares(bars: Sequence[Share], *, description: Label, salt: str) -> Plot:
    """Draws horizontal bars of shares, the first on top.

    Args:
        bars: The bars; at least one.
        description: What a screen reader says.
        salt: The plot's own.
    """
    with drawn(height=0.25 + 0.36 * len(bars), salt=salt) as axes:
        values = [bar.part / bar.whole for bar in bars]
        # A share above one may be: more messages than users. The bar ends where the track does.
        top = max(*values, 0.05)
        boxes(axes, [(0, place - BAR, top, place + BAR) for place in range(len(bars))], [PALE])
        boxes(axes, [(0, place - BAR, value, place + BAR) for place, value in enumerate(values)], [ACCENT])
        axes.set_xlim(0, top)
        numbers = [f"{value:.0%}  ({bar.part:,} / {bar.whole:,})" for bar, value in zip(bars, values, strict=True)]
        _write_beside(axes, [top] * len(bars), numbers)
        return finished(axes, description, row_names=[bar.label for bar in bars], beside=numbers)


def stacked_days(
    days: Sequence[date],
    counts: Mapping[str, Sequence[int]],
    names: Mapping[str, Label],
    *,
    description: Label,
    salt: str,
) -> Plot:
    """Draws counts over time, one band per code on top of the other.

    Args:
        days: The days, ascending; at least two.
        counts: Per code the count of each day; bands are stacked in this order.
        names: Per code its name in the legend.
        description: What a screen reader says.
        salt: The plot's own.
    """
    with drawn(height=2.3, salt=salt) as axes:
        colours = layer_colours(len(counts))
        numbers = [day_number(day) for day in days]
        axes.stackplot(numbers, list(counts.values()), colors=colours, linewidth=0)
        axes.set_xlim(numbers[0], numbers[-1])
        axes.set_ylim(bottom=0)
        show_dates(axes)
        count_up(axes)
        return finished(axes, description, colours=_legend((names[code] for code in counts), colours))


def stacked_bars(
    labels: Sequence[Label],
    counts: Mapping[str, Sequence[int]],
    names: Mapping[str, Label],
    *,
    description: Label,
    salt: str,
) -> Plot:
    """Draws horizontal bars, each a stack of counts with the sum at its end; the first bar on top.

    Args:
        labels: The bars; at least one.
        counts: Per code the count of each bar; stacked in this order.
        names: Per code its name in the legend.
        description: What a screen reader says.
        salt: The plot's own.
    """
    with drawn(height=0.25 + 0.36 * len(labels), salt=salt) as axes:
        colours = layer_colours(len(counts))
        reached = [0] * len(labels)
        for colour, values in zip(colours, counts.values(), strict=True):
            ends = [sum(pair) for pair in zip(reached, values, strict=True)]
            corners = [
                (left, place - BAR, right, place + BAR)
                for place, (left, right) in enumerate(zip(reached, ends, strict=True))
            ]
            boxes(axes, corners, [colour])
            reached = ends
        axes.set_xlim(0, max([*reached, 1]))
        sums = [f"{total:,}" for total in reached]
        _write_beside(axes, reached, sums)
        legend = _legend((names[code] for code in counts), colours)
        return finished(axes, description, row_names=labels, beside=sums, colours=legend)


def month_flows(
    months: Sequence[date],
    flows: Sequence[tuple[Colour, Sequence[int]]],
    *,
    description: Label,
    salt: str,
    unfinished: Collection[date] = (),
) -> Plot:
    """Draws a bar per month: what came upwards, what went downwards.

    Args:
        months: The months' first days, ascending; at least one.
        flows: Per entry of the legend the count of each month; what went is negative.
        description: What a screen reader says.
        salt: The plot's own.
        unfinished: Months that are not over; they are drawn pale.
    """
    with drawn(height=2.3, salt=salt) as axes:
        above, below = [0] * len(months), [0] * len(months)
        for colour, values in flows:
            starts = [up if value > 0 else down for value, up, down in zip(values, above, below, strict=True)]
            corners = [
                (place - 0.39, start, place + 0.39, start + value)
                for place, (start, value) in enumerate(zip(starts, values, strict=True))
            ]
            boxes(axes, corners, [(colour.value, 0.45 if month in unfinished else 1.0) for month in months])
            above = [up + max(value, 0) for up, value in zip(above, values, strict=True)]
            below = [down + min(value, 0) for down, value in zip(below, values, strict=True)]
        step = max(1, -(-len(months) // 5))
        places = range(0, len(months), step)
        axes.set_xticks(list(places), [f"{months[place]:%Y-%m}" for place in places])
        axes.set_xlim(-0.6, len(months) - 0.4)
        span = max(max(above) - min(below), 1)
        axes.set_ylim(min(below) - 0.05 * span, max(above) + 0.05 * span)
        axes.axhline(0, color=QUIET_INK, linewidth=0.6)
        count_up(axes, bins=6)
        axes.spines["bottom"].set_visible(False)
        return finished(axes, description, colours=[colour for colour, _ in flows])


def heat_map(cells: Sequence[HeatCell], *, description: Label, salt: str) -> Plot:
    """Draws shares as a grid, the darker the higher, each with its numbers; a cell that is not given stays empty.

    Args:
        cells: The cells; at least one. Rows and columns stand in the order in which they first appear.
        description: What a screen reader says.
        salt: The plot's own.
    """
    rows = list(dict.fromkeys(cell.row for cell in cells))
    columns = list(dict.fromkeys(cell.column for cell in cells))
    highest = max(max(cell.part / cell.whole for cell in cells), 0.01)
    with drawn(height=0.3 + 0.3 * len(rows), salt=salt) as axes:
        scale = matplotlib.colors.LinearSegmentedColormap.from_list("retention", [PALE, *LAYER_COLOURS])
        places = [(columns.index(cell.column), rows.index(cell.row)) for cell in cells]
        values = [cell.part / cell.whole for cell in cells]
        corners = [(column - 0.48, row - 0.46, column + 0.48, row + 0.46) for column, row in places]
        boxes(axes, corners, [scale(value / highest) for value in values])
        for cell, (column, row), value in zip(cells, places, values, strict=True):
            ink = "white" if value / highest > 0.6 else INK
            text = f"{value:.1%} n={cell.whole:,}"
            axes.text(column, row, text, ha="center", va="center", fontsize=8, color=ink)
        axes.set_xlim(-0.5, len(columns) - 0.5)
        axes.set_xticks(range(len(columns)), columns)
        axes.xaxis.tick_top()
        axes.spines["bottom"].set_visible(False)
        return finished(axes, description, row_names=[same_in_all(row) for row in rows])


def campaign_dots(dots: Sequence[CampaignDot], names: Mapping[str, Label], *, description: Label, salt: str) -> Plot:
    """Draws past campaigns by their start: how many of those touched redeemed, the area as their number.

    Args:
        dots: The campaigns' arms; at least one.
        names: Per arm its name in the legend.
        description: What a screen reader says.
        salt: The plot's own.
    """
    with drawn(height=2.3, salt=salt) as axes:
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
        return finished(axes, description, colours=_legend((names[arm] for arm in arms), colours))


def churn_curve(
    quiet_days: Sequence[int],
    survival_rates: Sequence[Decimal],
    limits: Sequence[Limit],
    *,
    axis_label: Label,
    description: Label,
    salt: str,
) -> Plot:
    """Draws the share of gaps that are still quiet after so many days, and the limits beside it.

    Args:
        quiet_days: Days since the last key day, ascending; at least one.
        survival_rates: Of each the share 0..1 that is still quiet.
        limits: The marks; at most one of a kind.
        axis_label: What the horizontal axis counts.
        description: What a screen reader says.
        salt: The plot's own.
    """
    with drawn(height=2.0, salt=salt) as axes:
        axes.step([0, *quiet_days], [1.0, *map(float, survival_rates)], where="post", color=DEEP, linewidth=1.6)
        lines = ((ACCENT, "-"), (AMBER, "--"), (QUIET_INK, ":"))
        for limit in limits:
            colour, dashes = lines[limit.kind]
            axes.axvline(limit.days, color=colour, linestyle=dashes, linewidth=1.4)
        axes.set_xlim(0, max([quiet_days[-1], *(limit.days for limit in limits)]) * 1.03)
        axes.set_ylim(0, 1)
        axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
        axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
        grid(axes)
        colours = [
            Colour({language: f"{name}: {limit.days}" for language, name in limit.label.items()}, lines[limit.kind][0])
            for limit in limits
        ]
        return finished(axes, description, colours=colours, axis_label=axis_label)


def _write_beside(axes: Axes, ends: Sequence[float], texts: Sequence[str]) -> None:
    """Writes a number beside the end of each row's bar, and takes the horizontal axis away."""
    for place, (end, text) in enumerate(zip(ends, texts, strict=True)):
        axes.annotate(text, (end, place), (4, 0), textcoords="offset points", va="center", fontsize=SMALL)
    axes.xaxis.set_visible(False)
    axes.spines["bottom"].set_visible(False)


def _legend(names: Iterable[Label], colours: Sequence[str]) -> list[Colour]:
    """Puts names and colours together."""
    return [Colour(name, colour) for name, colour in zip(names, colours, strict=True)]
