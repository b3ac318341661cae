"""The catalogue of the report's texts: both languages say everything, and nothing is said elsewhere."""

from __future__ import annotations

import json
import re
from string import Formatter

import pytest
import yaml
from tests.conftest import PROJECT_ROOT

from recall.domain.definition_files import CHANNELS, REASONS
from recall.report.page import QUERIES_DIR, REPORT_DIR, TEMPLATES_DIR
from recall.report.texts import CATALOGUE, LANGUAGES, load_texts

PARTS = yaml.safe_load(CATALOGUE.read_text(encoding="utf-8"))
CHINESE = re.compile(r"[\u4e00-\u9fff]")
SAME_IN_BOTH = {"funnel_imported"}


def figures_in(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name}


@pytest.mark.parametrize("part", ["sentences", "words"])
def test_both_languages_have_every_text_with_the_same_figures(part: str) -> None:
    assert PARTS[part]
    for key, versions in PARTS[part].items():
        assert set(versions) == set(LANGUAGES), key
        assert all(version.strip() for version in versions.values()), key
        assert figures_in(versions["en"]) == figures_in(versions["zh"]), key
        assert not CHINESE.search(versions["en"]), key
        assert CHINESE.search(versions["zh"]) or key in SAME_IN_BOTH, key


def used_sentences() -> tuple[set[str], tuple[str, ...]]:
    """Keys that templates and plots name, and beginnings of keys that they complete with a code."""
    text = "\n".join(path.read_text(encoding="utf-8") for path in TEMPLATES_DIR.glob("*.j2"))
    text += (REPORT_DIR / "plots.py").read_text(encoding="utf-8")
    beginnings = re.findall(r"""'(\w+_)' ~""", text) + re.findall(r"""f"(\w+_)\{""", text)
    return set(re.findall(r"""["'](\w+)["']""", text)), tuple(beginnings)


def test_every_sentence_of_the_catalogue_is_used() -> None:
    keys, beginnings = used_sentences()
    unused = {key for key in PARTS["sentences"] if key not in keys and not key.startswith(beginnings)}
    assert unused == set()


def test_templates_hold_no_text_of_their_own() -> None:
    for path in TEMPLATES_DIR.glob("*.html.j2"):
        text = re.sub(r"\{#.*?#\}|\{%.*?%\}|\{\{.*?\}\}|<!--.*?-->|<[^>]+>", " ", path.read_text(encoding="utf-8"))
        # The names of the languages stand in the switch, and "n" counts.
        words = set(re.findall(r"[A-Za-z\u4e00-\u9fff]{2,}", text)) - {"English", "中文", "Recall"}
        assert words == set(), path.name


def test_every_reason_that_a_model_gives_for_no_effect_is_translated() -> None:
    chinese = load_texts("zh")
    models = [*(PROJECT_ROOT / "dbt_project/models/intermediate/outcomes").glob("int_campaign_*__delta.sql")]
    models += [*(PROJECT_ROOT / "dbt_project/models/intermediate/outcomes").glob("int_profit_groups__compared.sql")]
    reasons = {
        reason
        for path in models
        for reason in re.findall(r"(?:then|else)\s+'([a-z]+ [a-z ]+)'", path.read_text(encoding="utf-8"))
    }
    assert {"no control", "arms are not as large as they were drawn"} <= reasons
    # By this one the report knows whose results to hide.
    hidden = re.findall(r"reason = '([^']+)'", (QUERIES_DIR / "campaigns.sql").read_text(encoding="utf-8"))
    assert hidden == ["arms are not as large as they were drawn"]
    for reason in reasons | {"fewer than 10 users with an event in an arm"}:
        assert CHINESE.search(chinese.word(reason)), reason


def test_shipped_codes_have_chinese_names_and_own_ones_stand_as_words() -> None:
    chinese = load_texts("zh")
    for code in (*REASONS, *CHANNELS):
        assert CHINESE.search(chinese.word(code)), code
    assert chinese.word("order_count_30d_before_last_order") == "此前 30 天下单次数"
    assert chinese.word("my_own_persona") == "my own persona"
    assert chinese.name("Wine_and_more") == "Wine_and_more"


def test_every_check_of_the_gates_is_described_in_chinese() -> None:
    chinese = load_texts("zh")
    suites = sorted((PROJECT_ROOT / "expectations").glob("*/*.json"))
    described = [
        expectation["description"]
        for path in suites
        for expectation in json.loads(path.read_text(encoding="utf-8"))["expectations"]
    ]
    assert len(described) >= len(suites) > 0
    assert [text for text in described if not CHINESE.search(chinese.name(text))] == []


def test_missing_sentence_or_figure_is_an_error() -> None:
    english = load_texts("en")
    with pytest.raises(KeyError):
        english("no such sentence")
    with pytest.raises(KeyError):
        english("not_estimable")
