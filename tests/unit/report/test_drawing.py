"""Room for labels: Chinese is as wide as it will be, names that nothing refers to are gone, words come when shown."""

from __future__ import annotations

import re

from recall.report import charts
from recall.report.drawing import Plot, drawn, finished, wrapped
from recall.report.texts import Label, same_in_all


def named(english: str, chinese: str) -> Plot:
    label: Label = {"en": english, "zh": chinese}
    return charts.shares([charts.Share(label, 1, 4)], description=same_in_all("plot"), salt="test")


def test_rows_have_room_for_the_longer_of_both_languages() -> None:
    # Seven squares of 9.5 points; "tea" is far shorter. Beside the widest name are a point and nothing more.
    wide = named("tea", "生鲜与日用百货")
    assert 7 * 9.5 <= wide.row_right <= 7 * 9.5 + 2
    assert named("tea", "茶").row_right < named("green tea", "茶").row_right < wide.row_right


def test_long_labels_are_broken_into_two_rows_at_most() -> None:
    assert wrapped("Wine") == "Wine"
    assert wrapped("Groceries and household goods") == "Groceries and\nhousehold goods"
    assert wrapped("one two three four five six seven eight nine ten eleven").count("\n") == 1
    # Twenty letters are ten squares.
    assert wrapped("生鲜与日用百货以及花园家具") == "生鲜与日用百货以及花\n园家具"


def test_plot_is_drawn_once_and_says_what_it_shows_in_each_language() -> None:
    plot = charts.shares(
        [charts.Share({"en": "A & B", "zh": "甲"}, 1, 4)], description={"en": '"a" < b', "zh": "图"}, salt="test"
    )
    english, chinese = plot.shown("en"), plot.shown("zh")
    assert 'role="img" aria-label="&#34;a&#34; &lt; b"' in english
    assert 'role="img" aria-label="图"' in chinese
    assert ">A &amp; B</text>" in english
    assert ">甲</text>" in chinese
    for each in (english, chinese):
        assert "25%  (1 / 4)" in each
        names = set(re.findall(r' id="([^"]+)"', each))
        assert names <= set(re.findall(r'(?:href="#|url\(#)([^")]+)', each))


def test_same_drawing_has_names_of_its_own_per_plot_and_language() -> None:
    def names(salt: str, language: str) -> set[str]:
        with drawn(height=1, salt=salt) as axes:
            axes.plot([0, 1], [0, 1])
            plot = finished(axes, same_in_all("line"))
        return set(re.findall(r' id="([^"]+)"', plot.shown("zh" if language == "zh" else "en")))

    assert names("one", "en")
    assert names("one", "en") == names("one", "en")
    assert not names("one", "en") & names("two", "en")
    assert not names("one", "en") & names("one", "zh")
