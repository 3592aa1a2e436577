"""The language: read by lark (LALR), and checked against the types of the fields on the way.

Errors are ``FilterError``: they say where, what was found, and what would do.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

from penstock.errors import FilterError
from penstock.filters.checking import Written, compared, exists
from penstock.filters.tree import And, Condition, Or, joined, negation
from penstock.filters.values import FieldType

if TYPE_CHECKING:
    from lark import Lark, Token
    from lark.exceptions import UnexpectedInput

MAX_CHARS = 8_192
MAX_DEPTH = 16
"""Of parentheses in one another: a store plans so many in 5 ms, and the time of some doubles with each."""

GRAMMAR = r"""
start: either
either: every (_OR every)*
every: _one (_AND _one)*
_one: opposite | group | comparison
opposite: _NOT _one
group: _OPEN either _CLOSE
comparison: NAME OPERATOR value    -> compare
    | NAME _IN _values             -> any_of
    | NAME _NOT _IN _values        -> none_of
    | NAME _EXISTS                 -> there
    | NAME _IS _MISSING            -> missing
_values: _OPEN value (_COMMA value)* _CLOSE
value: TEXT | BARE

OPERATOR: "!=" | "<=" | ">=" | "=" | "<" | ">"
TEXT: /'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"/s
BARE: /[+\-.]?[0-9][\w.:+\-]*/
NAME: /[^\W\d][\w-]*/
_OPEN: "("
_CLOSE: ")"
_COMMA: ","
_AND.2: /and(?![\w-])/i
_OR.2: /or(?![\w-])/i
_NOT.2: /not(?![\w-])/i
_IN.2: /in(?![\w-])/i
_EXISTS.2: /exists(?![\w-])/i
_IS.2: /is(?![\w-])/i
_MISSING.2: /missing(?![\w-])/i
%ignore /\s+/
"""
WORDS = {
    "NAME": "a field",
    "TEXT": "a text in quotes",
    "BARE": "a number|a date",
    "_OPEN": "'('",
    "_NOT": "'not'",
    "OPERATOR": "= != < <= > >=",
    "_IN": "'in'",
    "_EXISTS": "'exists'",
    "_IS": "'is missing'",
    "_MISSING": "'missing'",
    "_COMMA": "','",
    "_CLOSE": "')'",
    "_AND": "'and'",
    "_OR": "'or'",
    "$END": "the end",
}
"""What would do, in the order in which it is told."""

OTHERWISE = {"==": "=", "<>": "!=", "=>": ">=", "=<": "<="}
"""What other languages write, and how it is said here."""
TESTS = (
    (re.compile(r"\bis\s+$", re.IGNORECASE), re.compile(r"not\s+(missing|null)\b", re.IGNORECASE), "exists"),
    (re.compile(r"\bis\s+$", re.IGNORECASE), re.compile(r"null\b", re.IGNORECASE), "is missing"),
    (re.compile(r"\bnot\s+$", re.IGNORECASE), re.compile(r"exists\b", re.IGNORECASE), "is missing"),
)
"""What stands before and behind a place where reading ended, and what was meant by it."""


def parse(text: str, fields: Mapping[str, FieldType]) -> Condition:
    """What ``text`` asks of documents that have these ``fields``. Raises ``FilterError``."""
    from lark.exceptions import UnexpectedInput, VisitError

    if len(text) > MAX_CHARS:
        raise FilterError(f"the filter has {len(text):,} characters; {MAX_CHARS:,} are the most")
    if not text.isascii() and text.encode(errors="ignore").decode() != text:
        raise FilterError("the filter holds half of a character (a lone surrogate); write the whole one")
    try:
        found: _Part = _reader(fields).transform(_parser().parse(text))
    except UnexpectedInput as error:
        raise _explained(text, error) from None
    except VisitError as error:
        raise error.orig_exc from None
    return found.condition


@cache
def _parser() -> Lark:
    from lark import Lark

    return Lark(GRAMMAR, parser="lalr")


class _Part(NamedTuple):
    condition: Condition
    depth: int


def _reader(fields: Mapping[str, FieldType]) -> Any:
    """What makes conditions of the parser's tree, without recursion: a tree is as deep as its text is malicious."""
    from lark.visitors import Transformer_NonRecursive

    class Reader(Transformer_NonRecursive):  # type: ignore[type-arg]
        def start(self, parts: list[_Part]) -> _Part:
            return parts[0]

        def either(self, parts: list[_Part]) -> _Part:
            return _Part(joined(Or, [one.condition for one in parts]), max(one.depth for one in parts))

        def every(self, parts: list[_Part]) -> _Part:
            return _Part(joined(And, [one.condition for one in parts]), max(one.depth for one in parts))

        def opposite(self, parts: list[_Part]) -> _Part:
            return _deeper(_Part(negation(parts[0].condition), parts[0].depth))

        def group(self, parts: list[_Part]) -> _Part:
            return _deeper(parts[0])

        def value(self, tokens: list[Token]) -> Written:
            return Written(str(tokens[0]), tokens[0].start_pos or 0)

        def compare(self, parts: list[Any]) -> _Part:
            name, operator, value = parts
            return _Part(compared(fields, str(name), name.start_pos, operator, [value]), 0)

        def any_of(self, parts: list[Any]) -> _Part:
            name, *values = parts
            return _Part(compared(fields, str(name), name.start_pos, "=", values), 0)

        def none_of(self, parts: list[Any]) -> _Part:
            return _Part(negation(self.any_of(parts).condition), 0)

        def there(self, parts: list[Token]) -> _Part:
            return _Part(exists(fields, str(parts[0]), parts[0].start_pos or 0), 0)

        def missing(self, parts: list[Token]) -> _Part:
            return _Part(negation(self.there(parts).condition), 0)

    return Reader()


def _deeper(part: _Part) -> _Part:
    if part.depth == MAX_DEPTH:
        raise FilterError(f"more than {MAX_DEPTH} parentheses or 'not' stand in one another in the filter; flatten it")
    return part._replace(depth=part.depth + 1)


def _explained(text: str, error: UnexpectedInput) -> FilterError:
    """What the parser met and what it would have taken, in the words of who wrote it."""
    from lark.exceptions import UnexpectedCharacters, UnexpectedToken

    if isinstance(error, UnexpectedCharacters):
        at, read = error.pos_in_stream or 0, _parser().parse_interactive(text[: error.pos_in_stream])
        read.exhaust_lexer()
        if text[at] in "'\"":
            return FilterError(f"a text begins here and does not end; put {text[at]} behind it", at)
        wanted, found = read.accepts(), repr(text[at])  # type: ignore[no-untyped-call]
    elif isinstance(error, UnexpectedToken) and error.token.type != "$END":
        at, wanted, found = error.token.start_pos or 0, error.accepts, repr(str(error.token))
    else:
        at, wanted, found = len(text), getattr(error, "accepts", set()), "the end"
    if instead := OTHERWISE.get(text[max(0, at - 1) : at + 1]):
        return FilterError(f"{text[at - 1 : at + 1]} is not of this language; write {instead}", at - 1)
    for before, behind, meant in TESTS:
        if (begun := before.search(text, 0, at)) and (ended := behind.match(text, at)):
            written = " ".join(text[begun.start() : ended.end()].split())
            return FilterError(f"'{written}' is not of this language; write FIELD {meant}", begun.start())
    would = [words for name, said in WORDS.items() if name in wanted for words in said.split("|")]
    hint = "; a text stands in quotes" if "TEXT" in wanted and text[at : at + 1].isalpha() else ""
    return FilterError(f"found {found} where {_listed(would)} would do{hint}", at)


def _listed(words: list[str]) -> str:
    return " or ".join(filter(None, (", ".join(words[:-1]), *words[-1:])))
