"""How many texts a second each embedding runtime makes here: `python -m benchmarks.embedding [--texts 64] [--runs 5]`.

All runtimes embed the same texts of about 240 tokens, and in each round one after another, so that a busy machine is
unfair to none of them; the medians and their ratio are what to read. Every runtime lives in a child process, since a
precision that the CPU only claims to have may kill it.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

TOKENS = 240
SENTENCE = "water flows through the gate and down the long steel pipe into a turbine that turns for many quiet years"
WORDS = SENTENCE.split()
RUNTIMES = [
    ("sentence-transformers", "float32"),
    ("openvino", "float32"),
    ("openvino", "bfloat16"),
    ("openvino", "auto"),
]


def texts(count: int) -> list[str]:
    """Different texts of ``TOKENS`` tokens, two of them special; every word is one token."""
    return [" ".join(WORDS[(i * (k + 3) + k) % len(WORDS)] for k in range(TOKENS - 2)) for i in range(count)]


def serve(backend: str, precision: str, count: int) -> None:
    """The child: open, say so with the vectors of one untimed pass, then time one pass for each line read."""
    from penstock.embedding import open_embedder
    from penstock.settings import EmbedderSettings

    begun = time.perf_counter()
    embedder = open_embedder(EmbedderSettings.model_validate({"backend": backend, "precision": precision}))
    load_s = time.perf_counter() - begun
    vectors = embedder.embed_documents(texts(count))
    print(json.dumps([dict(embedder.runtime), load_s, vectors.tolist()]), flush=True)
    for _ in sys.stdin:
        wall, cpu = time.perf_counter(), time.process_time()
        embedder.embed_documents(texts(count))
        print(json.dumps([time.perf_counter() - wall, time.process_time() - cpu]), flush=True)


def start(backend: str, precision: str, count: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "benchmarks.embedding", "--serve", backend, precision, "--texts", str(count)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def ask(child: subprocess.Popen[str], line: str = "") -> Any:
    assert child.stdin is not None
    assert child.stdout is not None
    if line:
        child.stdin.write(line)
        child.stdin.flush()
    answer = child.stdout.readline()
    return json.loads(answer) if answer else None


def cpu() -> str:
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").split("\n\n")[0].splitlines()
    facts = {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in lines)}
    named = ("avx2", "avx512f", "avx512_vnni", "avx512_bf16", "avx512_fp16", "amx_bf16", "amx_int8")
    listed = [flag for flag in named if flag in facts.get("flags", "").split()]
    return f"{facts.get('model name')}; {' '.join(listed)}; cpuid level {facts.get('cpuid level')}"


def main(count: int, runs: int) -> None:
    import numpy as np

    print(f"{cpu()}\n{count} texts of {TOKENS} tokens, {runs} interleaved runs\n")
    children, opened = {}, {}
    for runtime in RUNTIMES:
        child = start(*runtime, count)
        if (answer := ask(child)) is None:
            reason = (child.communicate()[1].strip().splitlines() or ["no message"])[-1]
            print(f"{' '.join(runtime):32} not run: {reason} (exit {child.returncode})")
            continue
        children[runtime], opened[runtime] = child, answer
    if not children:
        sys.exit("nothing ran")
    times: dict[tuple[str, str], list[list[float]]] = {runtime: [] for runtime in children}
    for _ in range(runs):
        for runtime, child in children.items():
            times[runtime].append(ask(child, "again\n"))
    for child in children.values():
        child.communicate()
    first = next(iter(children))
    base = statistics.median(wall for wall, _ in times[first])
    reference = np.array(opened[first][2])
    print(f"{'runtime':32}{'texts/s':>9}{'ratio':>7}{'texts/cpu-s':>13}{'load s':>8}{'min cosine':>12}  precision used")
    for runtime, measured in times.items():
        facts, load_s, vectors = opened[runtime]
        wall = statistics.median(wall for wall, _ in measured)
        busy = statistics.median(busy for _, busy in measured)
        cosine = (np.array(vectors) * reference).sum(axis=1).min()
        print(
            f"{' '.join(runtime):32}{count / wall:9.1f}{base / wall:7.2f}{count / busy:13.1f}{load_s:8.2f}"
            f"{cosine:12.6f}  {facts['precision']}"
        )
    print(
        f"\nratio and cosine are to {' '.join(first)}. The marks for the last line: 4.5 times where bf16 works, "
        "2.7 elsewhere, and a cosine of 0.9999."
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--texts", type=int, default=64)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--serve", nargs=2, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.serve:
        serve(*arguments.serve, arguments.texts)
    else:
        main(arguments.texts, arguments.runs)
