"""Whom a credential stands for, and as which reader it lets them ask."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from penstock.errors import AccessError
from penstock.interactions.recording import Asker
from penstock.records import PUBLIC

ANONYMOUS = "anonymous"


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls. ``principals`` are what the credential gives; ``public`` is always among them.

    ``name`` is for logs and limits: it names no person and holds no secret. ``person`` is a token's subject, or a key's
    name. ``owner`` is whose the interactions are that come of this call: a key that takes the place of another has the
    same. ``names_people``: what calls speaks for people of its own, and may say which of them asks.
    """

    name: str
    principals: tuple[str, ...]
    person: str | None = None
    owner: str = ANONYMOUS
    names_people: bool = True


NAMELESS = Caller(ANONYMOUS, (PUBLIC,))
"""Whoever brings no credential."""


def as_reader(
    caller: Caller, principals: Sequence[str] | None = None, person: str | None = None, session: str | None = None
) -> Asker:
    """The reader that asks: all that the credential gives, or ``principals`` of it; ``public`` in any case.

    A ``person`` whom a key names is kept as KEYNAME:person, so that no key can speak for a token's subject. Raises
    ``AccessError`` for a principal, or a person, that the credential does not give.
    """
    return Asker(_narrowed(caller, principals), _person(caller, person), session, caller.owner, time.time())


def _narrowed(caller: Caller, principals: Sequence[str] | None) -> tuple[str, ...]:
    if principals is None:
        return caller.principals
    for name in principals:
        if name not in caller.principals:
            raise AccessError(
                f"this credential does not give the principal {name!r}; it gives: {', '.join(caller.principals)}"
            )
    return tuple(sorted({PUBLIC, *principals}))


def _person(caller: Caller, named: str | None) -> str | None:
    if named is None or not named.strip() or named == caller.person:
        return caller.person
    if not caller.names_people:
        raise AccessError("a token says itself who is asking; leave `person` out")
    return f"{caller.person or ANONYMOUS}:{named.strip()}"
