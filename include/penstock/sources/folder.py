"""A folder on a disk or a mount as a source. Keys are paths below it, with ``/``.

Hidden files and folders (``.git``, ``.DS_Store``), sidecars, pipes, sockets and devices are no documents. A link is
passed over, or with ``follow_links`` followed where it stays inside the folder. Each sidecar is read at each listing:
one small file per document that has one, so that a change of rights needs no change of the document.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from penstock.errors import FetchError, ListingError, SourceError, TransientFetchError, TransientListingError
from penstock.keys import listed_key, source_name
from penstock.records import NOBODY, Fetched, Reason, Refusal, SourceObject
from penstock.source_settings import FolderSource
from penstock.sources import access
from penstock.sources.access import SIDECAR_SUFFIX, SILENT, Statement
from penstock.sources.base import NOTHING_BEFORE, Before, Reading, TooLargeError
from penstock.sources.globs import Globs

READ_FLAGS = os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC
"""Never wait for a pipe to be written, never follow a link that was put in the place of the file."""

NOT_UTF8 = Refusal(Reason.SOURCE_ERROR, "the file's name is not UTF-8", "rename the file")


@dataclass(frozen=True, slots=True)
class _Folder:
    """A folder still to be read: its real path, its key with a trailing ``/``, and the folders that it lies in."""

    path: str
    key: str
    above: frozenset[tuple[int, int]] = frozenset()


class FolderDocuments:
    """Lists and reads the files of one folder; see ``Source``."""

    def __init__(self, name: str, settings: FolderSource) -> None:
        self.name = name
        self._settings = settings
        self._globs = Globs(name, settings.include, settings.exclude)
        self._rules = access.Rules(name, settings.access)

    def list(self) -> Iterator[SourceObject]:
        return self._objects(NOTHING_BEFORE)

    def read(self, before: Before) -> Reading:
        return Reading(self._objects(before))

    def _objects(self, before: Before) -> Iterator[SourceObject]:
        """Yield folder by folder, sorted within each; holds the names of one folder at a time."""
        root = self._root(ListingError, TransientListingError)
        pending = [_Folder(root, "")]
        while pending:
            below = []
            for found in self._contents(pending.pop(), root, before):
                if isinstance(found, _Folder):
                    below.append(found)
                else:
                    yield found
            pending.extend(reversed(below))

    def fetch(self, item: SourceObject) -> Fetched:
        root = self._root(TransientFetchError, TransientFetchError)
        path = os.path.join(root, source_name(item.key))  # noqa: PTH118
        real = os.path.realpath(path)
        if not _is_inside(real, root) or (real != path and not self._settings.follow_links):
            raise FetchError(f"source {self.name!r}: {item.key!r} is reached through a link; put the file itself there")
        try:
            with _opened(real) as fd:
                return Fetched(self._read(item, fd))
        except FileNotFoundError:
            raise FetchError(f"source {self.name!r}: {item.key!r} is gone since it was listed; sync again") from None
        except PermissionError:
            raise FetchError(
                f"source {self.name!r}: no permission to read {real}; let the user that runs penstock read it"
            ) from None
        except OSError as error:
            raise TransientFetchError(
                f"source {self.name!r}: {real} cannot be read: {error.strerror}; check the disk or mount"
            ) from error

    def _read(self, item: SourceObject, fd: int) -> bytes:
        before = os.fstat(fd)
        limit = self._settings.max_bytes
        if not stat.S_ISREG(before.st_mode):
            raise FetchError(f"source {self.name!r}: {item.key!r} is no longer a file; sync again")
        if before.st_size > limit:
            raise TooLargeError(self.name, item.key, before.st_size, limit)
        # Where a document says itself who may read it, the words that were read belong to the bytes that were listed.
        if self._settings.access_from == "sidecar" and _hint(before, item.hint) != item.hint:
            raise TransientFetchError(
                f"source {self.name!r}: {item.key!r} changed since it was listed together with its rights; sync again"
            )
        with os.fdopen(fd, "rb", closefd=False) as file:
            data = file.read(limit + 1)
        if len(data) != before.st_size or _hint(before) != _hint(os.fstat(fd)):
            raise TransientFetchError(f"source {self.name!r}: {item.key!r} changed while it was read; try again")
        return data

    def _contents(self, folder: _Folder, root: str, before: Before) -> Iterator[SourceObject | _Folder]:
        entries, identity = self._entries(folder.path)
        if identity in folder.above:
            return  # a link led back to a folder that this one lies in
        sidecars = {entry.name for entry in entries if entry.name.endswith(SIDECAR_SUFFIX)}
        for entry in entries:
            if entry.name.startswith(".") or entry.name in sidecars:
                continue
            path, key = entry.path, folder.key + entry.name
            shown = _shown(key)
            if entry.is_symlink():
                if not self._settings.follow_links:
                    continue
                path = os.path.realpath(path)
                if problem := _link_problem(path, root):
                    if self._globs.takes(shown):
                        yield _refused(listed_key(shown), problem)
                    continue
            status = self._status(path)
            if status is None:
                # One file that went away is as if listed a moment later; with its folder gone, all of them go silently.
                gone = path if entry.is_dir(follow_symlinks=False) else folder.path
                if gone == path or self._entries(gone)[1] != identity:
                    raise self._listing_error(gone, FileNotFoundError())
                continue
            if stat.S_ISDIR(status.st_mode):
                if not self._globs.skips_folder(shown):
                    yield _Folder(path, f"{key}/", folder.above | {identity})
            elif stat.S_ISREG(status.st_mode) and self._globs.takes(shown):
                if shown != key:
                    yield _refused(listed_key(shown), NOT_UTF8)
                    continue
                own = SILENT
                if self._settings.access_from == "sidecar" and entry.name + SIDECAR_SUFFIX in sidecars:
                    own = self._sidecar(root, entry.path + SIDECAR_SUFFIX, key + SIDECAR_SUFFIX)
                key = listed_key(key)
                principals = self._rules.principals(key, own)
                hint = _hint(status, before.hint_of(key))
                yield SourceObject(key, status.st_size, hint, principals, own.fields, problem=own.problem)

    def _root(self, missing: type[SourceError], unreachable: type[SourceError]) -> str:
        """Return the folder's real path. To ``fetch`` its absence is transient: it was there a moment ago."""
        path = self._settings.path
        kind = missing
        try:
            root = os.path.realpath(path)
            if stat.S_ISDIR(os.stat(root).st_mode):  # noqa: PTH116
                return root
            fault = f"{path} is not a folder"
        except (FileNotFoundError, NotADirectoryError):
            fault = f"there is no folder {path}"
        except PermissionError:
            fault = f"no permission to see {path}"
        except OSError as error:
            fault, kind = f"{path} cannot be reached: {error.strerror}", unreachable
        raise kind(f"source {self.name!r}: {fault}; check sources.{self.name}.path, or mount it; nothing is removed")

    def _status(self, path: str) -> os.stat_result | None:
        try:
            return os.lstat(path)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise self._listing_error(path, error) from None

    def _entries(self, path: str) -> tuple[Sequence[os.DirEntry[str]], tuple[int, int]]:
        try:
            status = os.stat(path)  # noqa: PTH116
            with os.scandir(path) as entries:
                return sorted(entries, key=lambda entry: entry.name), (status.st_dev, status.st_ino)
        except OSError as error:
            raise self._listing_error(path, error) from None

    def _listing_error(self, path: str, error: OSError) -> ListingError:
        where = f"source {self.name!r}: {_shown(path)}"
        if isinstance(error, PermissionError):
            return ListingError(
                f"{where} cannot be read: no permission; let the user that runs penstock read it, "
                f"or name it in sources.{self.name}.exclude; nothing is removed"
            )
        if isinstance(error, FileNotFoundError | NotADirectoryError):
            return TransientListingError(f"{where} vanished while it was listed; sync again; nothing is removed")
        return TransientListingError(
            f"{where} cannot be listed: {error.strerror}; check the disk or mount; nothing is removed"
        )

    def _sidecar(self, root: str, path: str, key: str) -> Statement:
        """Read a sidecar. It was listed, so whatever goes wrong here is a problem and never silence."""
        try:
            if self._settings.follow_links:
                path = os.path.realpath(path)
                if problem := _link_problem(path, root):
                    return access.unreadable(key, problem.detail, problem.remedy)
            with _opened(path) as fd:
                if not stat.S_ISREG(os.fstat(fd).st_mode):
                    return access.unreadable(key, "it is not a file", "put a file there")
                with os.fdopen(fd, "rb", closefd=False) as file:
                    return access.from_sidecar(key, file.read(access.MAX_SIDECAR_BYTES + 1))
        except OSError as error:
            return access.unreadable(key, f"it cannot be read: {error.strerror}", "put a readable file there, no link")


def _hint(status: os.stat_result, before: str | None = None) -> str:
    """Time of change too: a file that was moved over another may bring that one's size and time of modification.

    A hint from ``before`` that was looked at stands as it is: a new penstock is no reason to read everything again.
    """
    without = f"{status.st_mtime_ns}-{status.st_size}"
    return without if before == without else f"{status.st_mtime_ns}-{status.st_ctime_ns}-{status.st_size}"


def _refused(key: str, problem: Refusal) -> SourceObject:
    """Return a document that is listed, so that it is accounted for, and cannot be read."""
    return SourceObject(key, 0, "unreadable", (NOBODY,), problem=problem)


@contextmanager
def _opened(path: str) -> Iterator[int]:
    fd = os.open(path, READ_FLAGS)
    try:
        yield fd
    finally:
        os.close(fd)


def _shown(path: str) -> str:
    r"""Return a name with its bytes that are not UTF-8 written as ``\xe9``: stores and logs hold text."""
    return path if path.isascii() else os.fsencode(path).decode("utf-8", "backslashreplace")


def _is_inside(path: str, root: str) -> bool:
    return path.startswith(root.rstrip("/") + "/")


def _link_problem(target: str, root: str) -> Refusal | None:
    if target != root and not _is_inside(target, root):
        return Refusal(Reason.UNSAFE_PATH, "the link leads out of the source's folder", "put the file itself there")
    if not os.path.exists(target):  # noqa: PTH110
        return Refusal(Reason.SOURCE_ERROR, "the link leads to nothing", "mend or remove the link")
    return None
