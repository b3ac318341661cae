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


@cache
def load_texts(language: Language) -> Texts:
    """Reads the catalogue.

    Args:
        language: Which of its languages.
    """
    catalogue = yaml.safe_load(CATALOGUE.read_text(encoding="utf-8"))
    sentences, words = (
        {key: versions[language] for key, versions in catalogue[part].items()} for part in ("sentences", "words")
    )
    return Texts(language=language, sentences=sentences, words=words)
