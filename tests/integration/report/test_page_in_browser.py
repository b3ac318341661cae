"""The report in a headless Chromium: it fits a phone and a desk in both languages, and no label is cut or covered."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from tests.support.browser import look_at
from tests.support.report_figures import figures, full_figures

from recall.report.page import render_page
from recall.report.texts import Language

PHONE, DESK = 360, 1280
ENGLISH_FIRST = '<input type="radio" name="language" id="en" checked>'
CHINESE = '<input type="radio" name="language" id="zh">'


@pytest.fixture(scope="module")
def page() -> str:
    """A page in which every section has something; it opens in English."""
    return render_page(full_figures())


def test_full_page_needs_no_other_file_and_no_two_plots_share_a_name(page: str) -> None:
    for reference in ("<script", "<link", "<img", "<iframe", "@import", "src=", "url(http", "<!DOCTYPE svg"):
        assert reference not in page, reference
    # Links inside a plot, such as clip paths, stay inside the page.
    assert all(target.startswith("#") for target in re.findall(r'href="([^"]*)"', page))
    plots = re.findall(r"<svg .*?</svg>", page, flags=re.DOTALL)
    names = [name for plot in plots for name in set(re.findall(r' id="([^"]+)"', plot))]
    assert len(plots) >= 50
    assert len(names) == len(set(names)) >= 50


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("width", [PHONE, DESK])
def test_full_page_fits_the_screen_and_every_plot_can_be_read(
    page: str, tmp_path: Path, width: int, language: Language
) -> None:
    if language == "zh":
        # As a reader does who turns the switch.
        page = page.replace(ENGLISH_FIRST, ENGLISH_FIRST.replace(" checked", "")).replace(
            CHINESE, CHINESE.replace(">", " checked>")
        )

    seen = look_at(page, tmp_path, width)

    assert seen.inner_width == width
    assert seen.page_width <= width
    assert seen.sized >= 25
    assert (seen.unsized, seen.cut, seen.overlapping) == ([], [], [])
    assert seen.complaints == []
    assert ("流失用户与召回" in seen.text) == (language == "zh")
    assert ("Lapsed customers and their recall" in seen.text) == (language == "en")


def test_page_of_an_empty_warehouse_fits_a_phone(tmp_path: Path) -> None:
    seen = look_at(render_page(figures()), tmp_path, PHONE)

    assert seen.page_width <= PHONE
    assert seen.sized == 0
    assert "No campaign has touched anybody yet." in seen.text


def test_what_is_wrong_with_a_page_is_seen(tmp_path: Path) -> None:
    twice = '<text x="5" y="20">one</text><text x="6" y="20">two</text>'
    cut = f'<text x="150" y="20">cut off here</text>{twice}'
    plot = f'<svg viewBox="0 0 200 40" aria-label="p" style="width:200px">{cut}</svg>'
    nothing = '<svg aria-label="q" width="0"></svg>'
    page = f'<body style="margin:0"><div style="width:500px">wide</div>{plot}{nothing}'

    seen = look_at(page + "<script>console.error('broken')</script></body>", tmp_path, PHONE)

    assert seen.page_width == 500
    assert seen.cut == ["p: cut off here"]
    assert seen.overlapping == ["p: one | two"]
    assert seen.unsized == ["q"]
    assert any("broken" in line for line in seen.complaints)
