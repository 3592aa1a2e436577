"""The parser child: ``python -m penstock.parsing.child READ_FD WRITE_FD PARENT OPTIONS``, one document after another.

It talks on two descriptors of its own, so that nothing a library prints can damage the conversation.
"""

from __future__ import annotations

from penstock.parsing import sandbox

sandbox.block_heavy_imports()  # before anything below can import them
sandbox.silence_telemetry()

import faulthandler  # noqa: E402
import gc  # noqa: E402
import os  # noqa: E402
import sys  # noqa: E402
from dataclasses import asdict  # noqa: E402
from typing import Any  # noqa: E402

from penstock.errors import ModelError  # noqa: E402
from penstock.parsing.codec import to_json  # noqa: E402
from penstock.parsing.protocol import BrokenFrame, read_frame, write_frame  # noqa: E402
from penstock.parsing.worker import out_of_memory, too_large  # noqa: E402
from penstock.records import Reason, Refusal  # noqa: E402
from penstock.settings import ParserSettings  # noqa: E402

MAX_DOCUMENT_BYTES = 2**40  # the source's max_bytes has spoken before
RETIRE_AFTER = 2000
RECURSION_LIMIT = 3000


def main(reads: int, writes: int, parent: int, options: str) -> None:
    settings = ParserSettings.model_validate_json(options)
    sandbox.die_with_parent(parent)
    sandbox.adopt_orphans()
    faulthandler.disable()  # a crash must not print what was on the stack
    try:
        from penstock.parsing.parse import parse, prepare

        prepare(settings)
    except ModelError as error:
        write_frame(writes, {"model_error": str(error)})
        return
    sandbox.close_network()
    sys.setrecursionlimit(RECURSION_LIMIT)
    sandbox.limit_memory(settings.memory_mb)
    gc.collect()
    gc.freeze()
    # Freed memory is seldom given back: a child that once grew large is not kept.
    retire_above_mb = (sandbox.resident_mb() + settings.memory_mb) / 2
    write_frame(writes, {"ready": True})
    for served in range(1, RETIRE_AFTER + 1):
        try:
            header, data = read_frame(reads, MAX_DOCUMENT_BYTES)
        except BrokenFrame:
            return
        retire = served == RETIRE_AFTER
        try:
            outcome = parse(header["name"], data, settings)
            reply, body = _reply(outcome, settings)
        except MemoryError:
            retire = True
            reply, body = _refusal(out_of_memory(settings.memory_mb, "an allocation failed"))
        retire = retire or reply.get("reason") == Reason.OUT_OF_MEMORY or sandbox.resident_mb() > retire_above_mb
        write_frame(writes, {**reply, "retire": retire, "asked": header["asked"]}, body)
        del data, outcome, body


def _reply(outcome: Any, settings: ParserSettings) -> tuple[dict[str, Any], bytes]:
    if isinstance(outcome, Refusal):
        return _refusal(outcome)
    encoded = to_json(outcome)
    if len(encoded) > settings.max_output_mb * 2**20:
        return _refusal(too_large(settings.max_output_mb))
    sizes = [(a.name, len(a.data), a.problem and asdict(a.problem)) for a in outcome.attachments]
    return {"parsed": len(encoded), "attachments": sizes}, b"".join([encoded, *(a.data for a in outcome.attachments)])


def _refusal(refusal: Refusal) -> tuple[dict[str, Any], bytes]:
    return {"reason": refusal.reason, "detail": refusal.detail, "remedy": refusal.remedy}, b""


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), sys.argv[4])
    os._exit(0)  # no library's exit handlers
