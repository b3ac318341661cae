"""How the report's plots look: one style, SVG whose text stays text, and room for Chinese without a Chinese font.

They are drawn narrow, so that a phone shows them at their own size and a wide screen enlarges them.
"""

from __future__ import annotations

import io
import re
import tempfile
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

import matplotlib
from fontTools.fontBuilder import FontBuilder
from fontTools.pens.ttGlyphPen import TTGlyphPen
from fontTools.ttLib.tables._c_m_a_p import CmapSubtable
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.dates import AutoDateLocator, DateFormatter
from matplotlib.figure import Figure
from matplotlib.font_manager import fontManager
from matplotlib.ticker import FuncFormatter, MaxNLocator

WIDTH_INCHES = 3.9
LABEL_WIDTH = 20
"""Letters of an axis label in a row; a Chinese character is as wide as two."""
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

WIDE_FAMILY = "Recall Wide"
WIDE_RANGES = ((0x2E80, 0x9FFF), (0xAC00, 0xD7A3), (0xF900, 0xFAFF), (0xFE30, 0xFE4F), (0xFF01, 0xFF60))
"""Where Unicode has characters as wide as they are high: Chinese, Japanese, Korean, their punctuation."""

# Text stays text: small, searchable, and in the page's own font. (matplotlib types the keys as 300 literals.)
STYLE: Any = {
    "svg.fonttype": "none",
    "font.family": ["DejaVu Sans", WIDE_FAMILY],
    "font.size": 9.5,
    "axes.edgecolor": QUIET_INK,
    "axes.labelcolor": QUIET_INK,
    "axes.labelsize": SMALL,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.6,
    "text.color": INK,
    # A line may be called "$5 or $6"; that is no formula.
    "text.parse_math": False,
    "xtick.color": QUIET_INK,
    "ytick.color": INK,
    "xtick.labelsize": SMALL,
    "xtick.major.size": 0,
    "ytick.major.size": 0,
    "legend.frameon": False,
    "legend.fontsize": 9,
}


@contextmanager
def drawn(*, height: float, salt: str) -> Iterator[tuple[Figure, Axes]]:
    """Opens a figure in the report's style, without any display behind it.

    Args:
        height: In inches; the width is the same for all.
        salt: What makes the names inside the figure its own; figures of one page need different ones.
    """
    _wide_font()
    with matplotlib.rc_context({**STYLE, "svg.hashsalt": salt}):
        figure = Figure(figsize=(WIDTH_INCHES, height), layout="constrained")
        FigureCanvasSVG(figure)
        yield figure, figure.add_subplot()


def svg(figure: Figure, description: str) -> str:
    """Writes a figure as an element that scales with the page and says what it shows.

    Args:
        figure: The figure.
        description: What a screen reader says.
    """
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    text = buffer.getvalue()
    element = re.sub(r"<metadata>.*?</metadata>|<!--.*?-->", "", text[text.index("<svg") :], flags=re.DOTALL)
    # What nothing inside refers to needs no name: a page holds many figures, and names must not meet.
    used = set(re.findall(r'(?:href="#|url\(#)([^")]+)', element))
    element = re.sub(r' id="([^"]*)"', lambda found: found.group(0) if found.group(1) in used else "", element)
    label = description.replace("&", "&amp;").replace('"', "&quot;").replace("<", "&lt;")
    return re.sub(r'<svg [^>]*?(viewBox="[^"]*")[^>]*>', rf'<svg \1 role="img" aria-label="{label}">', element, count=1)


def wrapped(label: str) -> str:
    """Breaks a label into rows that leave room for what it names."""
    return "\n".join(textwrap.wrap(label, LABEL_WIDTH, max_lines=2, placeholder="…")) or label


def name_rows(axes: Axes, labels: Sequence[str]) -> None:
    """Names the rows of a chart whose first row is on top, and leaves out what horizontal bars have no use for."""
    axes.set_yticks(range(len(labels)), [wrapped(label) for label in labels])
    axes.set_ylim(len(labels) - 0.5, -0.5)
    axes.spines["left"].set_visible(False)


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


def layer_colours(counts: Mapping[str, object]) -> list[str]:
    """Spreads the layers' colours over any number of layers, the darkest for the last."""
    number = len(counts)
    if number <= len(LAYER_COLOURS):
        return list(LAYER_COLOURS[len(LAYER_COLOURS) - number :])
    scale = matplotlib.colormaps["GnBu"]
    return [matplotlib.colors.to_hex(scale(0.25 + 0.7 * place / (number - 1))) for place in range(number)]


def legend(figure: Figure, names: Sequence[str], colours: Sequence[str]) -> None:
    """Names the colours above the figure, in as many columns as fit."""
    columns = _columns(names)
    # Matplotlib fills columns first; readers read rows first.
    order = [place for column in range(columns) for place in range(column, len(names), columns)]
    figure.legend(
        [matplotlib.patches.Patch(color=colours[place]) for place in order],
        [names[place] for place in order],
        loc="outside upper left",
        ncols=columns,
        handlelength=0.8,
        handleheight=0.8,
        handletextpad=0.4,
        columnspacing=0.9,
        borderaxespad=0,
    )


def _columns(names: Sequence[str]) -> int:
    """How many names fit side by side: a row of the figure holds some 48 letters, a colour takes the room of four."""
    for columns in range(min(len(names), 5), 1, -1):
        widest = [max(_width(name) for name in names[column::columns]) for column in range(columns)]
        if sum(widest) + 4 * columns <= 48:
            return columns
    return 1


def _width(text: str) -> int:
    """The width of a text in letters."""
    return sum(2 if any(first <= ord(char) <= last for first, last in WIDE_RANGES) else 1 for char in text)


@cache
def _wide_font() -> tempfile.TemporaryDirectory[str]:
    """Tells matplotlib how wide Chinese is.

    It places labels by the widths of a font, and few machines that run a warehouse have a Chinese one. So a font is
    made in which each wide character is a square; it only measures. The page shows text in the reader's own fonts.

    Returns:
        The folder that holds the font, which goes with the process.
    """
    builder = FontBuilder(unitsPerEm=1000, isTTF=True)
    builder.setupGlyphOrder([".notdef", "square"])
    pen = TTGlyphPen(None)
    for place, point in enumerate(((0, -120), (0, 880), (1000, 880), (1000, -120))):
        (pen.lineTo if place else pen.moveTo)(point)
    pen.closePath()
    square = pen.glyph()
    builder.setupGlyf({".notdef": square, "square": square})
    builder.setupHorizontalMetrics({".notdef": (1000, 0), "square": (1000, 0)})
    builder.setupHorizontalHeader(ascent=880, descent=-120)
    builder.setupNameTable({"familyName": WIDE_FAMILY, "styleName": "Regular"})
    builder.setupCharacterMap({})
    # Format 13 maps many characters to one glyph, a row per range.
    table = CmapSubtable.newSubtable(13)
    table.platformID, table.platEncID, table.language = 3, 10, 0
    table.cmap = {code: "square" for first, last in WIDE_RANGES for code in range(first, last + 1)}
    builder.font["cmap"].tables.append(table)
    builder.setupOS2()
    builder.setupPost()
    # Kept by the cache, and so until the process ends: matplotlib opens the file whenever it measures.
    folder = tempfile.TemporaryDirectory(prefix="recall-font-")
    path = Path(folder.name) / "wide.ttf"
    builder.save(path)
    fontManager.addfont(path)
    return folder
