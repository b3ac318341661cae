"""Room for labels: Chinese is as wide as it will be, names that nothing refers to are gone."""

from __future__ import annotations

import io
import re

import pytest
from matplotlib.backends.backend_svg import RendererSVG

from recall.report import charts
from recall.report.drawing import drawn, svg, wrapped


def width_of(text: str) -> float:
    """The width of a text of ten points, in points."""
    with drawn(height=1, salt="test") as (_, axes):
        label = axes.text(0, 0, text, fontsize=10)
        # SVG has 72 units to the inch, as points are.
        return float(label.get_window_extent(RendererSVG(280, 72, io.StringIO())).width)


def test_chinese_character_is_measured_as_wide_as_it_is_high() -> None:
    # Each of the six is a square of ten points.
    assert width_of("流失用户召回") == pytest.approx(60, abs=1)


def test_long_labels_are_broken_into_two_rows_at_most() -> None:
    assert wrapped("Wine") == "Wine"
    assert wrapped("Groceries and household goods") == "Groceries and\nhousehold goods"
    assert wrapped("one two three four five six seven eight nine ten eleven").count("\n") == 1


def test_plot_says_what_it_shows_and_keeps_only_names_that_are_used() -> None:
    plot = charts.shares([charts.Share("A & B", 1, 4)], description='"a" < b', salt="test")
    assert 'role="img" aria-label="&quot;a&quot; &lt; b"' in plot
    names = set(re.findall(r' id="([^"]+)"', plot))
    assert names <= set(re.findall(r'(?:href="#|url\(#)([^")]+)', plot))
    assert "25%  (1 / 4)" in plot


def test_same_plot_with_another_salt_has_names_of_its_own() -> None:
    def names(salt: str) -> set[str]:
        with drawn(height=1, salt=salt) as (figure, axes):
            axes.plot([0, 1], [0, 1])
            return set(re.findall(r' id="([^"]+)"', svg(figure, "")))

    assert names("one")
    assert names("one") == names("one")
    assert not names("one") & names("two")
