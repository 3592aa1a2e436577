"""What a folder or a bucket says when the lake cannot be read or written, translated once."""

from __future__ import annotations

from penstock.bucket_errors import refusal
from penstock.errors import PenstockError, StoreError, TransientError, disk_is_full, full_disk

_UNNAMED = "access is denied; check the credentials, what they may do, and this machine's clock"
"""The answer to a HEAD has no body, so it does not say which."""


ANEW = {
    "evaluations": "restore it from a backup, or evaluate again",
    "training": "restore it from a backup, or build the set again (`penstock trainset build`)",
    "models": "restore it from a backup, or train the model again (`penstock train`)",
}
"""What brings objects of a kind back; all others come of a source."""


def remedy(path: str) -> str:
    """What mends an object that is lost or was altered."""
    return ANEW.get(path.partition("/")[0], "run a sync with --verify")


class MissingObjectError(StoreError):
    """The lake does not hold the object."""


def explain(error: Exception, url: str, path: str) -> PenstockError:
    """The error to raise for one of the client's about ``path``. What is not known to be permanent is transient."""
    from obstore.exceptions import NotFoundError, PermissionDeniedError, UnauthenticatedError

    what = f"the lake at {url} failed on {path}"
    said = str(error)
    if meant := refusal(said, "store.lake (or PENSTOCK_LAKE)"):
        return StoreError(f"{what}: {meant}")
    if isinstance(error, (NotFoundError, FileNotFoundError)):
        return MissingObjectError(f"lake object {path} is missing from {url}; {remedy(path)}")
    if disk_is_full(error):
        return full_disk(f"the lake at {url}")
    first_line = said.strip().partition("\n")[0]  # the lines below it are the client's own structures
    if isinstance(error, (PermissionError, PermissionDeniedError, UnauthenticatedError)):
        advice = _UNNAMED if url.startswith("s3://") else f"no permission; check the owner and the mode of {url}"
        return StoreError(f"{what}: {advice}: {first_line}")
    return TransientError(f"{what}; try again later: {first_line}")
