"""A child that speaks the real protocol and does what a document's name says, without importing a parser."""

import json
import mmap
import os
import signal
import subprocess
import sys
import time

from penstock.parsing.codec import to_json
from penstock.parsing.protocol import LENGTHS, BrokenFrame, read_frame, write_frame
from penstock.parsing.sandbox import adopt_orphans
from penstock.records import Element, Parsed

GARBAGE = {
    "no header": b'["a list"]',
    "deep header": b"[" * 500_000,
    "no json": b"\xff{",
    "no answer": b"{}",
    "no parse": b'{"parsed": 4, "attachments": []}',
    "no reason": b'{"reason": "because", "detail": "", "remedy": ""}',
    "no number": b'{"parsed": "four", "attachments": []}',
    "no attachments": b'{"parsed": 4, "attachments": 7}',
}


def write_raw(fd: int, head: bytes, body: bytes) -> None:
    os.write(fd, LENGTHS.pack(len(head), len(body)))
    for part in (head, body):
        while part:
            part = part[os.write(fd, part) :]


def hold(megabytes: int) -> mmap.mmap:
    """Shared memory: no limit on a process's own data sees it."""
    held = mmap.mmap(-1, megabytes << 20)
    for at in range(0, len(held), 4096):
        held[at] = 1
    return held


def start_afar(text: str) -> None:
    """Leave a process behind in a session of its own, whose parent is gone."""
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            if text == "eats":
                held = hold(300)
                time.sleep(60)
                del held
            time.sleep(60)
        os._exit(0)
    os.wait()


def main(reads: int, writes: int, options: dict) -> None:
    if options["sentence_model"] != "light":
        write_frame(writes, {"model_error": "install the model"})
        return
    adopt_orphans()
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
            case "shared":
                held = hold(600)
                time.sleep(60)
                del held
            case "leaves one behind":
                start_afar("sleeps")
            case "leaves one behind that eats":
                start_afar("eats")
                time.sleep(60)
            case "dies and leaves one behind":
                start_afar("sleeps")
                os._exit(7)
            case "answers twice":
                if os.fork() == 0:
                    answer(writes, header, "twin")
                    os._exit(0)
                os.wait()
            case "forks in passing":
                held = b"x" * (150 << 20)
                if os.fork() == 0:
                    time.sleep(0.5)
                    os._exit(len(held) & 1)
                os.wait()
                del held
            case "starts slowly":
                held = b"x" * (150 << 20)
                subprocess.run(["/bin/sh", "-c", "sleep 0.4"], check=True)
                del held
            case "real-time signal":
                os.kill(os.getpid(), signal.SIGRTMIN + 3)
        if header["name"] in GARBAGE:
            asked = f', "asked": {header["asked"]}}}'.encode()
            head = GARBAGE[header["name"]]
            write_raw(writes, head.replace(b"}", asked) if head.count(b"}") == 1 and len(head) > 2 else head, b"body")
        else:
            answer(writes, header, f"{os.getpid()} {len(data)}")


def answer(writes: int, header: dict, text: str) -> None:
    encoded = to_json(Parsed((Element("text", text),), "t", "text/plain", "fake"))
    retire = header["name"] == "retire"
    reply = {"parsed": len(encoded), "attachments": [], "retire": retire, "asked": header["asked"]}
    write_frame(writes, reply, encoded)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), json.loads(sys.argv[4]))
