"""What Lance says when something goes wrong, translated once: passing or not, and what to do."""

from __future__ import annotations

import re
from collections.abc import Sequence

from penstock.bucket_errors import code_of, refusal
from penstock.errors import PenstockError, StoreError, TransientError, disk_is_full, full_disk

CONFLICTS = ("conflict", "concurrent", "too many attempts")
OUTAGES = ("timed out", "timeout", "connection", "error sending request", "slowdown", "status: 5", "throttl")
VANISHED = ("not found", "no such file")
OF_A_BUCKET = ("generic s3 error", 'store: "s3"')
CUT = ("invalid range", "invalid magic", "magic number")
"""From a bucket: an answer that was cut or altered on its way, though its length says that it is whole."""


def explain(error: BaseException, action: str, collection: str, url: str) -> PenstockError:
    """The error to raise for one of Lance's, or of its object store's."""
    what = f"cannot {action} the index {collection!r} at {url}"
    if is_missing_table(error):
        return StoreError(f"{what}: it does not exist; `penstock verify` says what to do")
    if disk_is_full(error):
        return full_disk(f"the index {collection!r} at {url}")
    remote = url.startswith("s3://")
    if remote and (meant := refusal(str(error), "store.index")):
        return StoreError(f"{what}: {meant}")
    reason = _reason(error)
    if says(error, CONFLICTS):
        return TransientError(f"{what}: another writer was faster, try again: {reason}")
    if says(error, OUTAGES) or says(error, VANISHED) or (remote and says(error, OF_A_BUCKET)):
        return TransientError(f"{what} now, try again: {reason}")
    if remote and says(error, CUT):
        return TransientError(f"{what} now, an answer was cut or altered; try again, or `penstock verify`: {reason}")
    return StoreError(f"{what}: {reason}")


def says(error: BaseException, phrases: Sequence[str]) -> bool:
    message = str(error).lower()
    return any(phrase in message for phrase in phrases)


def is_missing_table(error: BaseException) -> bool:
    return isinstance(error, ValueError) and str(error).startswith("Table ") and "was not found" in str(error)


def _reason(error: BaseException) -> str:
    """The status where a server gave one, else the first line: Lance appends plans, which may quote what was asked."""
    said = str(error)
    status = re.search(r"inner: Status \{ status: (\d{3})", said)
    if status:
        return f"the bucket answered {status[1]} {code_of(said)}".rstrip()
    return said.partition("\n")[0][:300]
