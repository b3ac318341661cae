"""How the report's plots look: one style, drawn once as SVG, with what is said beside it in each language.

matplotlib draws shapes, axes and numbers, which are the same for every reader. Names of rows, of colours and of axes
are put to the drawing when it is shown, in the language that it is shown in; the page's own fonts show them.

Plots are drawn narrow, so that a phone shows them at their own size and a wide screen enlarges them.
"""

from __future__ import annotations

import io
import re
import textwrap
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from typing import Any

import matplotlib
from markupsafe import Markup, escape
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.collections import PolyCollection
from matplotlib.dates import AutoDateLocator, DateFormatter
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from recall.report.texts import Label, Language

POINTS_PER_INCH = 72
"""SVG's unit here is the point."""
WIDTH_INCHES = 3.9
LABEL_WIDTH = 20
"""Letters of a row's name side by side; a Chinese character is as wide as two."""
INK = "#22303c"
QUIET_INK = "#67757f"
GRID = "#e3e8eb"
PALE = "#f4f6f7"
REST = "#c9d6dc"
DEEP = "#17596b"
ACCENT = "#c2452d"
AMBER = "#d99a2b"
LAYER_COLOURS = ("#c9d6dc", "#8fb4bf", "#4b8d9e", DEEP)
ARM_COLOURS = (DEEP, ACCENT, AMBER, "#6b5b95", "#5a8f4e", "#8c564b")
SMALL = 8.5
SIZE = 9.5
"""Heights of letters in points: of numbers, and of the names of rows."""
GAP = 5.0
"""Points between a name and what it names."""

WIDE_RANGES = ((0x2E80, 0x9FFF), (0xAC00, 0xD7A3), (0xF900, 0xFAFF), (0xFE30, 0xFE4F), (0xFF01, 0xFF60))
"""Where Unicode has characters as wide as they are high: Chinese, Japanese, Korean, their punctuation."""
NARROW_LETTERS, BROAD_LETTERS = frozenset("fijlrt .,:;|!'()[]-"), frozenset("mwMW%@—")
WIDE, BROAD, CAPITAL, LETTER, NARROW = 1.0, 0.98, 0.74, 0.63, 0.4
"""Widths in heights of a letter: of the characters above in all fonts, of others in DejaVu Sans, the widest of those
that a page asks for."""

# Text stays text: small, searchable, and in the page's own font. (matplotlib types the keys as 300 literals.)
STYLE: Any = {
    "svg.fonttype": "none",
    "font.family": ["DejaVu Sans"],
    "font.size": SIZE,
    "axes.edgecolor": QUIET_INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.6,
    "text.color": INK,
    "text.parse_math": False,
    "xtick.color": QUIET_INK,
    "ytick.color": INK,
    "xtick.labelsize": SMALL,
    "ytick.labelsize": SMALL,
    "xtick.major.size": 0,
    "ytick.major.size": 0,
}


@dataclass(frozen=True)
class Colour:
    """One entry of a legend.

    Attributes:
        name: What the colour stands for.
        value: The colour, as CSS has it.
    """

    name: Label
    value: str


@dataclass(frozen=True)
class Plot:
    """A drawing and what is said beside it.

    Attributes:
        drawing: An SVG element without a word.
        description: What a screen reader says.
        row_names: Names of rows, from top to bottom.
        row_right: Where they end, in points from the left.
        row_middles: Where each stands, in points from the top.
        colours: The legend.
        axis_label: What the horizontal axis counts.
    """

    drawing: str
    description: Label
    row_names: Sequence[Label] = ()
    row_right: float = 0
    row_middles: Sequence[float] = ()
    colours: Sequence[Colour] = ()
    axis_label: Label | None = None

    def shown(self, language: Language) -> Markup:
        """Returns the plot as elements of a page.

        Args:
            language: In which its words are.
        """
        # The page holds the drawing once per language, and what its parts refer to must be beside them.
        drawing = re.sub(r'( id="|href="#|url\(#)', rf"\g<1>{language}-", self.drawing)
        rows = "".join(
            self._row_name(name[language], middle)
            for name, middle in zip(self.row_names, self.row_middles, strict=True)
        )
        element = (
            f'<svg role="img" aria-label="{escape(self.description[language])}"'
            + drawing.removeprefix("<svg").removesuffix("</svg>")
            + f"{rows}</svg>"
        )
        entries = "".join(
            f'<span><i style="background:{colour.value}"></i>{escape(colour.name[language])}</span>'
            for colour in self.colours
        )
        legend = f'<p class="legend">{entries}</p>' if entries else ""
        axis = f'<p class="axis">{escape(self.axis_label[language])}</p>' if self.axis_label else ""
        return Markup(legend + element + axis)

    def _row_name(self, name: str, middle: float) -> str:
        """Writes a name in one or two rows around its middle."""
        rows = wrapped(name).split("\n")
        first = middle + SIZE * (0.35 - 0.57 * (len(rows) - 1))
        return "".join(
            f'<text x="{self.row_right:.1f}" y="{first + place * SIZE * 1.14:.1f}" text-anchor="end"'
            f' style="font-size:{SIZE}px;fill:{INK}">{escape(row)}</text>'
            for place, row in enumerate(rows)
        )


@contextmanager
def drawn(*, height: float, salt: str) -> Iterator[Axes]:
    """Opens a drawing in the report's style, without any display behind it.

    Args:
        height: In inches; the width is the same for all.
        salt: What makes the names inside the drawing its own; drawings of one page need different ones.
    """
    with matplotlib.rc_context({**STYLE, "svg.hashsalt": salt}):
        figure = Figure(figsize=(WIDTH_INCHES, height))
        FigureCanvasSVG(figure)
        yield figure.add_axes((0, 0, 1, 1))


def finished(
    axes: Axes,
    description: Label,
    *,
    row_names: Sequence[Label] = (),
    beside: Sequence[str] = (),
    colours: Sequence[Colour] = (),
    axis_label: Label | None = None,
) -> Plot:
    """Gives the drawing the room that its words and numbers need, and writes it.

    Args:
        axes: The drawing's axes, with everything in them.
        description: What a screen reader says.
        row_names: Names of the rows of a chart whose first row is on top; one for each place of the vertical axis.
        beside: Numbers that stand to the right of the axes.
        colours: The legend.
        axis_label: What the horizontal axis counts.
    """
    figure = axes.get_figure(root=True)
    assert isinstance(figure, Figure)
    if row_names:
        # Rows are named when the plot is shown; the left edge has no use beside horizontal bars.
        axes.set_ylim(len(row_names) - 0.5, -0.5)
        axes.set_yticks([])
        axes.spines["left"].set_visible(False)
        left = _widest([row for name in row_names for text in name.values() for row in wrapped(text).split("\n")], SIZE)
    else:
        left = _widest(axes.yaxis.get_major_formatter().format_ticks(list(axes.yaxis.get_majorticklocs())), SMALL)
    has_numbers_below = axes.xaxis.get_visible() and axes.xaxis.get_ticks_position() != "top"
    has_numbers_above = axes.xaxis.get_visible() and not has_numbers_below
    width, height = (float(inches) * POINTS_PER_INCH for inches in figure.get_size_inches())
    left += GAP + 1
    right = max(_widest(beside, SMALL) + GAP, 2 * SMALL if has_numbers_below else 1)
    top, bottom = (16.0 if has_numbers else SMALL for has_numbers in (has_numbers_above, has_numbers_below))
    inner = height - top - bottom
    axes.set_position((left / width, bottom / height, (width - left - right) / width, inner / height))
    return Plot(
        drawing=_svg(figure),
        description=description,
        row_names=row_names,
        row_right=left - GAP,
        row_middles=[top + inner * (place + 0.5) / len(row_names) for place in range(len(row_names))],
        colours=colours,
        axis_label=axis_label,
    )


def _svg(figure: Figure) -> str:
    """Writes a figure as an element that scales with the page."""
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    text = buffer.getvalue()
    element = re.sub(r"<metadata>.*?</metadata>|<!--.*?-->", "", text[text.index("<svg") :], flags=re.DOTALL)
    # What nothing inside refers to needs no name: a page holds many drawings, and names must not meet.
    used = set(re.findall(r'(?:href="#|url\(#)([^")]+)', element))
    element = re.sub(r' id="([^"]*)"', lambda found: found.group(0) if found.group(1) in used else "", element)
    return re.sub(r'<svg [^>]*?(viewBox="[^"]*")[^>]*>', r"<svg \1>", element, count=1).strip()


def wrapped(label: str) -> str:
    """Breaks a label into two rows at most, which leave room for what it names."""
    # A wide character counts as two letters, so it is followed by one that is taken out again.
    filled = "".join(char + "\0" if _is_wide(char) else char for char in label)
    rows = textwrap.wrap(filled, LABEL_WIDTH, max_lines=2, placeholder="…")
    return "\n".join(row.replace("\0", "") for row in rows) or label


def _is_wide(char: str) -> bool:
    """Whether a character is as wide as it is high."""
    return any(first <= ord(char) <= last for first, last in WIDE_RANGES)


def _widest(texts: Sequence[str], size: float) -> float:
    """Returns the room in points that the longest of some texts needs, whichever font shows it; 0 without a text."""
    return max((size * sum(map(_letter_width, text)) for text in texts), default=0.0)


def _letter_width(char: str) -> float:
    """Returns the room of a character, in heights of a letter."""
    if _is_wide(char):
        return WIDE
    if char in NARROW_LETTERS:
        return NARROW
    if char in BROAD_LETTERS:
        return BROAD
    return CAPITAL if char.isupper() else LETTER


def boxes(
    axes: Axes,
    corners: Sequence[tuple[float, float, float, float]],
    colours: Sequence[Any],
) -> None:
    """Draws rectangles as one artist; the axes' limits are not changed.

    Args:
        axes: Where.
        corners: Left, bottom, right and top of each.
        colours: One for all, or one for each.
    """
    outlines = [((left, bottom), (right, bottom), (right, top), (left, top)) for left, bottom, right, top in corners]
    axes.add_collection(PolyCollection(outlines, facecolors=list(colours), linewidths=0), autolim=False)


def count_up(axes: Axes, *, bins: int = 5) -> None:
    """Shows whole numbers, whichever side of zero, on the vertical axis."""
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{abs(value):,.0f}"))
    axes.yaxis.set_major_locator(MaxNLocator(bins, integer=True))
    grid(axes)


def grid(axes: Axes) -> None:
    """Draws quiet lines behind the figure instead of the left edge."""
    axes.grid(axis="y", color=GRID, linewidth=0.6)
    axes.set_axisbelow(True)
    axes.spines["left"].set_visible(False)


def day_number(day: date) -> int:
    """Matplotlib counts days from 1970."""
    return (day - date(1970, 1, 1)).days


def show_dates(axes: Axes) -> None:
    """Labels the horizontal axis with months, which it holds as numbers of days."""
    locator = AutoDateLocator(minticks=3, maxticks=5)  # type: ignore[no-untyped-call]  # matplotlib has no type here
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(DateFormatter("%Y-%m"))  # type: ignore[no-untyped-call]  # nor here


def layer_colours(number: int) -> list[str]:
    """Spreads the layers' colours over any number of them, the darkest for the last."""
    if number <= len(LAYER_COLOURS):
        return list(LAYER_COLOURS[len(LAYER_COLOURS) - number :])
    scale = matplotlib.colormaps["GnBu"]
    return [matplotlib.colors.to_hex(scale(0.25 + 0.7 * place / (number - 1))) for place in range(number)]
