"""The library made ready: its sentence model replaced or required, its guesses and its guessing kept in bounds.

Everything that depends on the inside of ``unstructured`` 0.27 is in this file and in ``formats/from_unstructured.py``.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from typing import Any

from penstock.errors import ModelError
from penstock.settings import ParserSettings

REAL_MODEL = "en_core_web_sm"


def prepare_unstructured(settings: ParserSettings) -> None:
    """Load the sentence model and the HTML partitioner that most formats end in.

    Raises ``ModelError`` where the declared model is not installed; nothing is ever downloaded.
    """
    _set_sentence_model(settings.sentence_model)
    _tame_html()


def _set_sentence_model(name: str) -> None:
    if name == REAL_MODEL and importlib.util.find_spec(REAL_MODEL) is None:
        raise ModelError(
            f'parser.sentence_model is "{REAL_MODEL}", which is not installed here; install the package '
            f'{REAL_MODEL} 3.8 (python -m spacy download {REAL_MODEL}) on every worker, or set it to "light"'
        )
    import spacy
    from unstructured.nlp import tokenize

    if name == REAL_MODEL:
        model = spacy.load(REAL_MODEL, exclude=tokenize._SPACY_EXCLUDE)
    else:
        model = spacy.blank("en")
        model.add_pipe("sentencizer")
    tokenize._get_nlp = lambda: model  # type: ignore[assignment]


def _whole_table_class(parser: Any) -> Any:
    """unstructured's table forgets which cells span rows and columns, and so what stands under what."""
    from lxml import etree  # type: ignore[import-untyped]
    from unstructured.documents.elements import ElementMetadata, Table

    class WholeTable(parser.TableBlock):  # type: ignore[misc]
        def iter_elements(self) -> Iterator[Table]:
            text = " ".join(self.itertext())
            if text.strip():
                markup = etree.tostring(self, encoding="unicode", with_tail=False, method="html")
                yield Table(text, metadata=ElementMetadata(text_as_html=markup))

    return WholeTable


def _tame_html() -> None:
    """HTML says what is a title and what is a list: no need to ask a sentence model about every paragraph.

    That guessing took half the time of a Markdown page. And what unstructured drops as likely boilerplate
    (``details``, ``figure``, ``summary``) is text in documentation.
    """
    from unstructured.documents.elements import ListItem, Text
    from unstructured.partition.html import parser
    from unstructured.partition.text_type import is_bulleted_text

    def kind_of(text: str) -> type[Text] | None:
        return ListItem if is_bulleted_text(text) else Text

    parser.derive_element_type_from_text = kind_of
    classes: Any = parser.element_class_lookup.get_namespace(None)
    classes["table"] = _whole_table_class(parser)
    classes.update({"details": parser.Flow, "summary": parser.BlockItem})
    classes.update({"figure": parser.Flow, "figcaption": parser.BlockItem})
