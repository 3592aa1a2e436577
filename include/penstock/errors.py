"""What can go wrong, once: transient or permanent, and which exit code a person sees.

A backend translates its client's errors into these at its boundary; nothing above it knows boto3 or lancedb.
Every message names the bad value and the fix.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable

NAMES_SHOWN = 12
LONGEST_NAME = 200


class PenstockError(Exception):
    """Base of every error that penstock raises on purpose. Permanent unless a subclass says otherwise."""

    exit_code = 3
    transient = False


class RefusedError(PenstockError):
    """A gate, a hold or a missing decision stands in the way; nothing is broken."""

    exit_code = 1


class OvertakenError(RefusedError):
    """A challenger passed the gate, and a newer release superseded the one that it would go live with."""


class UsageError(PenstockError):
    """The caller asked for something that cannot be: an unknown name, a bad option."""

    exit_code = 2


class ConfigError(UsageError):
    """The configuration file is wrong; the message names file, key, value and remedy."""


class UnknownNameError(UsageError):
    """An index, source, release or document that does not exist; the message names the near ones."""

    def __init__(self, kind: str, name: str, known: Iterable[str]) -> None:
        super().__init__(f"unknown {kind} {shortened(name)!r}{did_you_mean(shortened(name), known)}")
        self.kind = kind


class UnreadableReleaseError(UsageError):
    """A release that readers do not get: it was never published."""


class PrunedReleaseError(UnreadableReleaseError):
    """A release that readers got once; it was pruned."""


class NothingPublishedError(UnreadableReleaseError):
    """An index of which no release was published yet."""


class UnknownInteractionError(UsageError):
    """An interaction that was never recorded, or is kept no more."""


class CredentialError(PenstockError):
    """Who is asking is not known: no credential, or one that opens nothing. Never says more than its bearer knows."""


class AccessError(UsageError):
    """Somebody asks to be a reader, or a person, that their credential does not make them."""


class FilterError(UsageError):
    """A filter that cannot be read, or that does not fit the fields of its index. ``at`` is its character, from 0."""

    def __init__(self, problem: str, at: int | None = None) -> None:
        super().__init__(problem if at is None else f"filter, character {at + 1}: {problem}")
        self.at = at


class UnknownFieldError(FilterError):
    """A filter names a field that the index does not have; the message names the near ones."""

    def __init__(self, name: str, known: Iterable[str], at: int | None = None) -> None:
        super().__init__(f"unknown field {shortened(name)!r}{did_you_mean(shortened(name), known)}", at)


class TransientError(PenstockError):
    """Worth another try, with backoff: a network fault, a busy store."""

    transient = True


class LeaseHeldError(TransientError):
    """Another writer holds the index."""


class LeaseLostError(PenstockError):
    """This writer's lease was taken over while it slept; it must write nothing more."""


class SourceError(PenstockError):
    """A source could not be reached, listed or read."""


class ListingError(SourceError):
    """A listing failed or ended early; it removes nothing."""


class TransientListingError(ListingError, TransientError):
    """A listing failed in a way that another try may mend."""


class FetchError(SourceError):
    """One listed object could not be read; only that document waits."""


class TransientFetchError(FetchError, TransientError):
    """One object could not be read now; another try may succeed."""


class StoreError(PenstockError):
    """The lake, the catalog or the index is not what it should be."""


class DiskFullError(StoreError):
    """A store could not be written because the disk that holds it is full."""


class AccountingError(StoreError):
    """Catalog, manifest and index do not add up; the release is not published."""


class ModelError(PenstockError):
    """A model's files are missing, altered or of the wrong kind, or its API refuses what it was asked.

    ``maybe_billed``: the API may have served a request and be paid for it, although nothing of it can be used.
    """

    maybe_billed = False


class UnusableAnswerError(ModelError):
    """A model answered, and nothing of it can be used: it did not end, kept to no format, or is silent."""


class TransientModelError(ModelError, TransientError):
    """A model's API did not answer, or said that it has no time now; another try may succeed.

    ``retry_after_s`` is the wait that the API asked for.
    """

    retry_after_s: float | None = None


class ModelTimeoutError(TransientModelError):
    """A model's API was not done in the time that it was given."""


class BudgetError(RefusedError):
    """What a run may spend is spent, or the next request might pass it; what was embedded is kept."""


DISK_FULL = ("no space left on device", "os error 28", "disk is full", "file too large", "disk quota exceeded")
"""As the system, SQLite and the object stores' clients word it, in lower case."""


def disk_is_full(error: BaseException) -> bool:
    return any(phrase in str(error).lower() for phrase in DISK_FULL)


def full_disk(store: str) -> DiskFullError:
    return DiskFullError(f"{store} could not be written: its disk is full; make room, then run it again")


def shortened(name: str) -> str:
    """A name as an error repeats it: no error is as long as what somebody sent."""
    return name if len(name) <= LONGEST_NAME else f"{name[:LONGEST_NAME]}…"


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return ``"; did you mean 'x'?"`` or ``"; there are: a, b"`` for an error message."""
    names = sorted(known)
    near = difflib.get_close_matches(name, names, n=3, cutoff=0.6)
    if near:
        return f"; did you mean {' or '.join(repr(n) for n in near)}?"
    if not names:
        return "; there are none yet"
    more = f" and {len(names) - NAMES_SHOWN} more" if len(names) > NAMES_SHOWN else ""
    return f"; there are: {', '.join(names[:NAMES_SHOWN])}{more}"
