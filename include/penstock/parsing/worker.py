"""One parser child, seen from the pool: start it, ask it, kill it, say what it died of."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import penstock
from penstock.errors import ModelError, StoreError
from penstock.parsing.codec import from_json
from penstock.parsing.protocol import BrokenFrame, FrameTooLarge, read_frame, write_frame
from penstock.parsing.watch import family, holds_more, kill_marked
from penstock.processes import is_gone
from penstock.records import Attachment, Parsed, Reason, Refusal
from penstock.settings import ParserSettings

START_LIMIT_S = 180.0
"""A child imports for about three seconds; a machine under load takes its time."""

EXIT_LIMIT_S = 0.5
"""A child whose pipe is closed is dead or about to be."""

BYTES_HELD_PER_BYTE = 3
"""A child holds a document at least so often: as received, as text, as elements."""

KEPT_VARIABLES = ("PATH", "LANG", "LC_ALL", "VIRTUAL_ENV", "PYTHONPATH", "LD_LIBRARY_PATH", "SSL_CERT_FILE")
"""A child reads hostile bytes: it gets none of the parent's credentials."""

CHILD_COMMAND = (sys.executable, "-P", "-m", "penstock.parsing.child")


FOLDERS = f"penstock-parse-{socket.gethostname()}-"


def remove_orphans() -> None:
    """End what is left of the children of processes that were killed before they could do it."""
    for folder in Path(tempfile.gettempdir()).glob(f"{FOLDERS}*-*"):
        pid = folder.name.removeprefix(FOLDERS).partition("-")[0]
        if pid.isdigit() and is_gone(int(pid)):
            kill_marked(str(folder))
            shutil.rmtree(folder, ignore_errors=True)


class DiedIdle(Exception):  # noqa: N818
    """The child was gone before it had the document, which is not the document's fault."""


class HoldsTooMuch(Exception):  # noqa: N818
    """The child and what it started hold more memory than a document may cost."""


class Worker:
    """A child process with a folder of its own; started on first use or by ``start``."""

    def __init__(self, settings: ParserSettings, command: Sequence[str] = CHILD_COMMAND) -> None:
        self._settings = settings
        self._command = command
        self._process: subprocess.Popen[bytes] | None = None
        self._folder = ""
        self._to_child = self._from_child = -1
        self._asked = 0
        self._ended = False

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    def start(self) -> None:
        """Start the child and wait until it is ready; does nothing where it already is.

        Raises ``ModelError`` where a declared part is missing, ``StoreError`` where it cannot be started at all.
        """
        if self._process and self._process.poll() is None:
            return
        self.kill()
        self._folder = tempfile.mkdtemp(prefix=f"{FOLDERS}{os.getpid()}-")
        child_reads, self._to_child = os.pipe()
        self._from_child, child_writes = os.pipe()
        options = json.dumps(self._settings.model_dump(mode="json"))
        try:
            with (Path(self._folder) / "stderr").open("wb") as said:
                self._process = subprocess.Popen(
                    [*self._command, str(child_reads), str(child_writes), str(os.getpid()), options],
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=said,
                    pass_fds=(child_reads, child_writes),
                    env=_child_environment(self._folder),
                    start_new_session=True,
                )
        finally:
            os.close(child_reads)
            os.close(child_writes)
        os.set_blocking(self._to_child, False)
        self._await_ready()

    def _await_ready(self) -> None:
        try:
            header, _ = read_frame(self._from_child, 0, time.monotonic() + START_LIMIT_S)
        except (BrokenFrame, FrameTooLarge, TimeoutError):
            said = self._last_words()
            self.kill()
            raise StoreError(f"a parser child could not be started: {said or 'it said nothing'}") from None
        if "model_error" in header:
            self.kill()
            raise ModelError(str(header["model_error"]))

    def ask(self, name: str, data: bytes) -> Parsed | Refusal:
        """Parse one document within the limits; a child that breaks one is killed, and the next ``ask`` starts another.

        Raises ``DiedIdle`` where the child died before it could read the document.
        """
        limits = self._settings
        if BYTES_HELD_PER_BYTE * len(data) > limits.memory_mb * 2**20:
            return out_of_memory(limits.memory_mb, "the document alone")
        self.start()
        if self._ended:
            raise StoreError("the parser pool was closed")
        deadline = time.monotonic() + limits.timeout_s
        self._asked += 1
        try:
            self._send(name, data, deadline)
            # A mail's attachments decode to at most its own size; an archive's members and the parse have one limit.
            most = 2 * limits.max_output_mb * 2**20 + 2 * len(data) + 2**20
            header, body = read_frame(self._from_child, most, deadline, self._look)
        except TimeoutError:
            self.kill()
            return Refusal(
                Reason.TIMEOUT,
                f"parsing took longer than {limits.timeout_s:g} s",
                "split the document, or raise parser.timeout_s",
            )
        except FrameTooLarge:
            self.kill()
            return too_large(limits.max_output_mb)
        except HoldsTooMuch:
            self.kill()
            return out_of_memory(limits.memory_mb, "counted with all that the parser process started")
        except BrokenFrame:
            return self._died()
        return self._answer(header, body)

    def _look(self) -> None:
        """While nothing comes. A child that is dead may have left one behind that holds its pipe open."""
        assert self._process
        if self._process.poll() is not None:
            raise BrokenFrame
        if holds_more(self._process.pid, self._settings.memory_mb * 2**20):
            raise HoldsTooMuch

    def _answer(self, header: dict[str, Any], body: bytes) -> Parsed | Refusal:
        """Read the answer. A child that left another process behind, or says that it is spent, is not used again."""
        assert self._process
        if header.get("retire") or len(family(self._process.pid)) > 1:
            self.kill()
        try:
            if header["asked"] != self._asked:  # two of them answered the document before
                self.kill()
                raise DiedIdle
            return _outcome(header, body)
        except (KeyError, TypeError, ValueError, AttributeError, StoreError):
            self.kill()
            return NONSENSE

    def _send(self, name: str, data: bytes, deadline: float) -> None:
        """The child reads all of a document before it looks at any of it, so that dying here is not its fault."""
        try:
            write_frame(self._to_child, {"name": name, "asked": self._asked}, data, deadline, self._look)
        except (BrokenPipeError, BrokenFrame):
            self.kill()
            raise DiedIdle from None

    def _died(self) -> Refusal:
        """Say what the child died of. A ``SIGKILL`` that was not ours is the kernel's, for want of memory."""
        assert self._process
        try:
            code = self._process.wait(timeout=EXIT_LIMIT_S)
        except subprocess.TimeoutExpired:
            self.kill()
            return NONSENSE
        self.kill()
        if code == -signal.SIGKILL:
            return out_of_memory(self._settings.memory_mb, "the parser process was killed, as the kernel does")
        how = _signal_name(-code) if code < 0 else f"exit code {code}"
        return Refusal(Reason.PARSER_ERROR, f"the parser process died of {how}", "report the document's format")

    def _last_words(self) -> str:
        with contextlib.suppress(OSError):
            lines = (Path(self._folder) / "stderr").read_text(errors="replace").strip().splitlines()
            return lines[-1][:500] if lines else ""
        return ""

    def end(self) -> None:
        """From another thread: no more documents, and whoever waits for an answer hears at once that there is none."""
        self._ended = True  # before the signal: whoever starts a child after it looks here once more
        self._signal()

    def _signal(self) -> None:
        if process := self._process:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)

    def kill(self) -> None:
        """End the child and everything it started, also what left its session, and remove its folder."""
        if self._process:
            self._signal()
            self._process.wait()
            self._process = None
            kill_marked(self._folder)
        for fd in (self._to_child, self._from_child):
            if fd >= 0:
                os.close(fd)
        self._to_child = self._from_child = -1
        if self._folder:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = ""


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:  # the real-time ones have none
        return f"signal {number}"


NONSENSE = Refusal(Reason.PARSER_ERROR, "the parser process answered nonsense", "report the document's format")


def too_large(max_output_mb: int) -> Refusal:
    return Refusal(
        Reason.TOO_LARGE,
        f"the parse is larger than {max_output_mb} MB",
        "split the document, or raise parser.max_output_mb",
    )


def out_of_memory(memory_mb: int, how: str) -> Refusal:
    return Refusal(
        Reason.OUT_OF_MEMORY,
        f"parsing needed more than {memory_mb} MB ({how})",
        "split the document, or raise parser.memory_mb",
    )


def _outcome(header: dict[str, Any], body: bytes) -> Parsed | Refusal:
    if "reason" in header:
        return _refusal(header)
    parsed = from_json(body[: header["parsed"]])
    attachments, at = [], header["parsed"]
    for name, size, problem in header["attachments"]:
        attachments.append(Attachment(name, body[at : at + size], problem and _refusal(problem)))
        at += size
    return Parsed(parsed.elements, parsed.title, parsed.media_type, parsed.parser, tuple(attachments))


def _refusal(value: dict[str, str]) -> Refusal:
    return Refusal(Reason(value["reason"]), value["detail"], value["remedy"])


def _child_environment(folder: str) -> dict[str, str]:
    kept = {name: os.environ[name] for name in KEPT_VARIABLES if name in os.environ}
    package_root = str(Path(penstock.__file__).parents[1])
    kept["PYTHONPATH"] = os.pathsep.join(filter(None, (package_root, kept.get("PYTHONPATH"))))
    return kept | {"HOME": folder, "TMPDIR": folder, "PYTHONUTF8": "1", "OMP_NUM_THREADS": "1"}
