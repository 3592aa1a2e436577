"""Expressions of the configuration: JMESPath (jmespath.org) over a record, a row of a log, or a token's claims."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AfterValidator, Field


class UnfitError(ValueError):
    """An expression does not fit what it is read from."""


def search(expression: str, value: Any) -> Any:
    """What an expression says of ``value``. Raises ``UnfitError`` with the reason, which may hold the value."""
    import jmespath

    try:
        return jmespath.search(expression, value)
    except (ValueError, TypeError, ArithmeticError) as error:  # beside its own, Python's where it compares "5" with 2
        raise UnfitError(_on_one_line(error)) from None


def _compiles(text: str) -> str:
    import jmespath
    from jmespath.exceptions import JMESPathError

    try:
        jmespath.compile(text)
    except JMESPathError as error:
        raise ValueError(f"{text!r} is not a JMESPath expression: {_on_one_line(error)}") from None
    return text


def _on_one_line(error: Exception) -> str:
    return " ".join(str(error).split())


Expression = Annotated[str, Field(min_length=1), AfterValidator(_compiles)]
