"""The report's plots, as SVG that stands inside the page.

They are drawn narrow, so that a phone shows them at their own size and a wide screen enlarges them.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator, PercentFormatter

WIDTH_INCHES = 4.4
INK = "#22303c"
QUIET_INK = "#67757f"
GRID = "#e3e8eb"
ACCENT = "#c2452d"
REST = "#d6dee2"
FLOW_COLOURS = ("#17596b", "#8fb4bf", "#d99a2b", "#c2452d")
LAYER_COLOURS = ("#c9d6dc", "#8fb4bf", "#4b8d9e", "#17596b")
ARM_COLOURS = ("#17596b", "#c2452d", "#d99a2b", "#6b5b95", "#5a8f4e", "#8c564b")

# Text stays text: small, searchable, and in the page's own font. (matplotlib types the keys as 300 literals.)
STYLE: Any = {
    "svg.fonttype": "none",
    "svg.hashsalt": "recall",
    "font.family": "sans-serif",
    "font.size": 9.5,
    "axes.edgecolor": QUIET_INK,
    "axes.labelcolor": QUIET_INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.6,
    "text.color": INK,
    # A line may be called "$5 or $6"; that is no formula.
    "text.parse_math": False,
    "xtick.color": QUIET_INK,
    "ytick.color": INK,
    "xtick.major.size": 0,
    "ytick.major.size": 0,
    "legend.frameon": False,
    "legend.fontsize": 9,
}


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
class MonthFlow:
    """How many came, stayed, came back and went in a month.

    Attributes:
        month: First day of the month.
        new_count: Active for the first time.
        retained_count: Active in the month before too.
        resurrected_count: Active earlier, not in the month before.
        lost_count: Active in the month before, not in this one.
        is_complete: Whether the month is over; a month that is not is drawn pale.
    """

    month: date
    new_count: int
    retained_count: int
    resurrected_count: int
    lost_count: int
    is_complete: bool


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


def shares(bars: Sequence[Share], *, description: str) -> str:
    """Draws horizontal bars of shares, the first on top.

    Args:
        bars: The bars; at least one.
        description: What a screen reader says.

    Returns:
        An SVG element.
    """
    with _figure(height=0.55 + 0.34 * len(bars)) as (figure, axes):
        values = [bar.part / bar.whole for bar in bars]
        top = max(max(values) * 2.05, 0.05)
        positions = range(len(bars))
        axes.barh(positions, [top] * len(bars), color="#f4f6f7", height=0.66)
        axes.barh(positions, values, color=ACCENT, height=0.66)
        for position, bar, value in zip(positions, bars, values, strict=True):
            text = f"{value:.0%}  ({bar.part:,} of {bar.whole:,})"
            axes.text(value + top * 0.015, position, text, va="center", fontsize=8.5, color=INK)
        axes.set_yticks(list(positions), [bar.label for bar in bars])
        axes.set_xlim(0, top)
        axes.set_ylim(len(bars) - 0.5, -0.5)
        axes.xaxis.set_visible(False)
        axes.spines["bottom"].set_visible(False)
        axes.spines["left"].set_visible(False)
        return _svg(figure, description)


def stacked_days(
    days: Sequence[date], counts: Mapping[str, Sequence[int]], names: Mapping[str, str], *, description: str
) -> str:
    """Draws counts over time, one band per code on top of the other.

    Args:
        days: The days, ascending; at least two.
        counts: Per code the count of each day; bands are stacked in this order.
        names: Per code its name in the legend.
        description: What a screen reader says.

    Returns:
        An SVG element.
    """
    with _figure(height=2.9) as (figure, axes):
        colours = _colours(counts)
        numbers = [_day_number(day) for day in days]
        axes.stackplot(numbers, list(counts.values()), colors=colours, linewidth=0)
        axes.set_xlim(numbers[0], numbers[-1])
        axes.set_ylim(bottom=0)
        _show_dates(axes)
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
        axes.yaxis.set_major_locator(MaxNLocator(5, integer=True))
        axes.grid(axis="y", color=GRID, linewidth=0.6)
        axes.set_axisbelow(True)
        axes.spines["left"].set_visible(False)
        _legend(figure, [names[code] for code in counts], colours)
        return _svg(figure, description)


def stacked_bars(
    labels: Sequence[str], counts: Mapping[str, Sequence[int]], names: Mapping[str, str], *, description: str
) -> str:
    """Draws horizontal bars, each a stack of counts with the sum at its end; the first bar on top.

    Args:
        labels: The bars; at least one.
        counts: Per code the count of each bar; stacked in this order.
        names: Per code its name in the legend.
        description: What a screen reader says.

    Returns:
        An SVG element.
    """
    with _figure(height=0.9 + 0.34 * len(labels)) as (figure, axes):
        colours = _colours(counts)
        reached = [0] * len(labels)
        for colour, values in zip(colours, counts.values(), strict=True):
            axes.barh(range(len(labels)), values, left=reached, color=colour, height=0.66)
            reached = [sum(pair) for pair in zip(reached, values, strict=True)]
        longest = max([*reached, 1])
        for position, total in enumerate(reached):
            axes.text(total + longest * 0.015, position, f"{total:,}", va="center", fontsize=8.5, color=INK)
        axes.set_yticks(range(len(labels)), labels)
        axes.set_xlim(0, longest * 1.14)
        axes.set_ylim(len(labels) - 0.5, -0.5)
        axes.xaxis.set_visible(False)
        axes.spines["bottom"].set_visible(False)
        axes.spines["left"].set_visible(False)
        _legend(figure, [names[code] for code in counts], colours)
        return _svg(figure, description)


def month_flows(flows: Sequence[MonthFlow], names: Sequence[str], *, description: str) -> str:
    """Draws a bar per month: upwards who is there (retained, resurrected, new), downwards who was lost.

    Args:
        flows: The months, ascending; at least one.
        names: Of retained, resurrected, new and lost, for the legend.
        description: What a screen reader says.

    Returns:
        An SVG element.
    """
    with _figure(height=2.9) as (figure, axes):
        colours = (FLOW_COLOURS[1], FLOW_COLOURS[2], FLOW_COLOURS[0], FLOW_COLOURS[3])
        for place, flow in enumerate(flows):
            alpha = 1.0 if flow.is_complete else 0.45
            reached = 0
            counts = (flow.retained_count, flow.resurrected_count, flow.new_count)
            for count, colour in zip(counts, colours, strict=False):
                axes.bar(place, count, bottom=reached, color=colour, alpha=alpha, width=0.78)
                reached += count
            axes.bar(place, -flow.lost_count, color=colours[3], alpha=alpha, width=0.78)
        step = max(1, -(-len(flows) // 5))
        places = range(0, len(flows), step)
        axes.set_xticks(list(places), [f"{flows[place].month:%Y-%m}" for place in places], fontsize=8)
        axes.axhline(0, color=QUIET_INK, linewidth=0.6)
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{abs(value):,.0f}"))
        axes.yaxis.set_major_locator(MaxNLocator(6, integer=True))
        axes.grid(axis="y", color=GRID, linewidth=0.6)
        axes.set_axisbelow(True)
        axes.spines["left"].set_visible(False)
        axes.spines["bottom"].set_visible(False)
        _legend(figure, names, colours)
        return _svg(figure, description)


def heat_map(cells: Sequence[HeatCell], *, description: str) -> str:
    """Draws shares as a grid, the darker the higher, each with its number; a cell that is not given stays empty.

    Args:
        cells: The cells; at least one. Rows and columns stand in the order in which they first appear.
        description: What a screen reader says.

    Returns:
        An SVG element.
    """
    rows = list(dict.fromkeys(cell.row for cell in cells))
    columns = list(dict.fromkeys(cell.column for cell in cells))
    highest = max(max(cell.part / cell.whole for cell in cells), 0.01)
    with _figure(height=0.5 + 0.3 * len(rows)) as (figure, axes):
        scale = matplotlib.colors.LinearSegmentedColormap.from_list("retention", ["#f4f6f7", *LAYER_COLOURS])
        for cell in cells:
            column, row = columns.index(cell.column), rows.index(cell.row)
            value = cell.part / cell.whole
            corner = (column - 0.48, row - 0.46)
            axes.add_patch(matplotlib.patches.Rectangle(corner, 0.96, 0.92, color=scale(value / highest), linewidth=0))
            ink = "white" if value / highest > 0.6 else INK
            text = f"{value:.1%} of {cell.whole:,}"
            axes.text(column, row, text, ha="center", va="center", fontsize=8.5, color=ink)
        axes.set_xlim(-0.5, len(columns) - 0.5)
        axes.set_ylim(len(rows) - 0.5, -0.5)
        axes.set_xticks(range(len(columns)), columns)
        axes.set_yticks(range(len(rows)), rows)
        axes.xaxis.tick_top()
        for side in ("left", "bottom"):
            axes.spines[side].set_visible(False)
        return _svg(figure, description)


def campaign_dots(dots: Sequence[CampaignDot], *, description: str) -> str:
    """Draws past campaigns by their start: how many of those touched redeemed, the area as their number.

    Args:
        dots: The campaigns' arms; at least one.
        description: What a screen reader says.

    Returns:
        An SVG element.
    """
    with _figure(height=2.9) as (figure, axes):
        arms = sorted({dot.arm_code for dot in dots})
        largest = max(dot.member_count for dot in dots)
        for number, arm in enumerate(arms):
            mine = [dot for dot in dots if dot.arm_code == arm]
            axes.scatter(
                [_day_number(dot.first_date) for dot in mine],
                [dot.redeemed_count / dot.member_count for dot in mine],
                s=[18 + 320 * dot.member_count / largest for dot in mine],
                color=ARM_COLOURS[number % len(ARM_COLOURS)],
                alpha=0.78,
                linewidth=0.6,
                edgecolor="white",
            )
        highest = max(dot.redeemed_count / dot.member_count for dot in dots)
        axes.set_ylim(-0.06 * max(highest, 0.02), 1.25 * max(highest, 0.02))
        axes.margins(x=0.07)
        axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
        axes.yaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10]))
        _show_dates(axes)
        axes.grid(axis="y", color=GRID, linewidth=0.6)
        axes.set_axisbelow(True)
        axes.spines["left"].set_visible(False)
        _legend(figure, arms, [ARM_COLOURS[number % len(ARM_COLOURS)] for number in range(len(arms))])
        return _svg(figure, description)


def as_int(value: Decimal | int | None) -> int:
    """Returns a count that the database gave as a decimal; nothing counts as 0."""
    return int(value or 0)


@contextmanager
def _figure(*, height: float) -> Iterator[tuple[Figure, Axes]]:
    """Opens a figure in the report's style, without any display behind it."""
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(WIDTH_INCHES, height), layout="constrained")
        FigureCanvasSVG(figure)
        yield figure, figure.add_subplot()


def _day_number(day: date) -> int:
    """Matplotlib counts days from 1970."""
    return (day - date(1970, 1, 1)).days


def _show_dates(axes: Axes) -> None:
    """Labels the horizontal axis with dates, which it holds as numbers."""
    locator = AutoDateLocator(minticks=3, maxticks=7)  # type: ignore[no-untyped-call]  # matplotlib has no type here
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(ConciseDateFormatter(locator))  # type: ignore[no-untyped-call]  # nor here


def _colours(counts: Mapping[str, object]) -> list[str]:
    """Spreads the layers' colours over any number of layers, the darkest for the last."""
    number = len(counts)
    if number <= len(LAYER_COLOURS):
        return list(LAYER_COLOURS[len(LAYER_COLOURS) - number :])
    scale = matplotlib.colormaps["GnBu"]
    return [matplotlib.colors.to_hex(scale(0.25 + 0.7 * place / (number - 1))) for place in range(number)]


def _legend(figure: Figure, names: Sequence[str], colours: Sequence[str]) -> None:
    handles = [matplotlib.patches.Patch(color=colour) for colour in colours]
    figure.legend(
        handles,
        names,
        loc="outside upper left",
        # Four names side by side, unless the longest ones together are wider than the figure.
        ncols=4 if sum(sorted(map(len, names))[-4:]) <= 48 else 3,
        handlelength=0.8,
        handleheight=0.8,
        handletextpad=0.4,
        columnspacing=0.9,
        borderaxespad=0,
    )


def _svg(figure: Figure, description: str) -> str:
    """Writes a figure as an element that scales with the page and says what it shows."""
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    text = buffer.getvalue()
    element = text[text.index("<svg") :]
    label = description.replace("&", "&amp;").replace('"', "&quot;").replace("<", "&lt;")
    element = re.sub(r"<metadata>.*?</metadata>", "", element, count=1, flags=re.DOTALL)
    return re.sub(r'<svg [^>]*?(viewBox="[^"]*")[^>]*>', rf'<svg \1 role="img" aria-label="{label}">', element, count=1)
