"""What the report says, in English and Chinese: one catalogue, texts.yml."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal, get_args

import yaml

Language = Literal["en", "zh"]
LANGUAGES: tuple[Language, ...] = get_args(Language)
Label = Mapping[Language, str]
"""A text in every language."""
CATALOGUE = Path(__file__).parent / "texts.yml"


@dataclass(frozen=True)
class Texts:
    """The catalogue in one language.

    Attributes:
        language: The language.
        sentences: By their place on the page; they may hold {figures}.
        words: By code, or by what the marts say; numbers in a key are {n}.
    """

    language: Language
    sentences: Mapping[str, str]
    words: Mapping[str, str]

    def __call__(self, key: str, **figures: object) -> str:
        """Returns a sentence with its figures.

        Args:
            key: Its place on the page.
            figures: What stands in its braces.

        Raises:
            KeyError: The catalogue has no such sentence, or a figure is missing: the page would be wrong.
        """
        return self.sentences[key].format(**figures)

    def word(self, code: str) -> str:
        """Returns what a code of the marts is called; one that the catalogue does not have, as words.

        Args:
            code: A code, or a sentence of the marts such as the reason why an effect is not estimable.
        """
        return self._known(code) or code.replace("_", " ")

    def name(self, name: str) -> str:
        """Returns a shipped name in this language, and a name that a workspace chose as it is.

        Args:
            name: The name of a line, a layer, an arm or a campaign.
        """
        return self._known(name) or name

    def _known(self, code: str) -> str | None:
        numbers = re.findall(r"\d+", code)
        word = self.words.get(re.sub(r"\d+", "{n}", code))
        return word.format(n=numbers[0]) if word and numbers else word


def same_in_all(text: str) -> Label:
    """Returns a text that is the same in every language, such as a number."""
    return dict.fromkeys(LANGUAGES, text)


def composed(pattern: str, *parts: Label) -> Label:
    """Puts labels together in every language.

    Args:
        pattern: What stands between them, with {} for each.
        parts: The labels.
    """
    return {language: pattern.format(*(part[language] for part in parts)) for language in LANGUAGES}


@cache
def load_texts(language: Language) -> Texts:
    """Reads the catalogue.

    Args:
        language: Which of its languages.
    """
    sentences, words = (
        {key: versions[language] for key, versions in _catalogue()[part].items()} for part in ("sentences", "words")
    )
    return Texts(language=language, sentences=sentences, words=words)


@cache
def _catalogue() -> dict[str, dict[str, Label]]:
    """Reads the file, which holds all languages, once."""
    # The loader that is written in C takes a tenth of the time; PyYAML's wheels have it, a build without libyaml not.
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    return dict(yaml.load(CATALOGUE.read_text(encoding="utf-8"), Loader=loader))
