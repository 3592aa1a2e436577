"""A child that speaks the real protocol and does what a document's name says, without importing a parser."""

import json
import os
import signal
import sys
import time

from penstock.parsing.codec import to_json
from penstock.parsing.protocol import BrokenFrame, read_frame, write_frame
from penstock.records import Element, Parsed


def main(reads: int, writes: int, options: dict) -> None:
    if options["sentence_model"] != "light":
        write_frame(writes, {"model_error": "install the model"})
        return
    write_frame(writes, {"ready": True})
    while True:
        try:
            header, data = read_frame(reads, 2**40)
        except BrokenFrame:
            return
        match header["name"]:
            case "sleep":
                time.sleep(60)
            case "kill":
                os.kill(os.getpid(), signal.SIGKILL)
            case "crash":
                os.kill(os.getpid(), signal.SIGSEGV)
            case "exit":
                os._exit(7)
            case "flood":
                write_frame(writes, {"parsed": 2**33, "attachments": []}, b"x" * 2**24)
            case "noise":
                os.write(writes, b"this is no frame at all, and it goes on for a while")
                time.sleep(60)
        text = f"{os.getpid()} {len(data)}"
        encoded = to_json(Parsed((Element("text", text),), "t", "text/plain", "fake"))
        retire = header["name"] == "retire"
        write_frame(writes, {"parsed": len(encoded), "attachments": [], "retire": retire}, encoded)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), json.loads(sys.argv[4]))
