"""All benchmarks in one page: Markdown on stdout, and kept in benchmarks/RESULTS.md.

    make bench                                          everything
    python -m benchmarks --only cold,unchanged          some parts: the page keeps the others as they were
    python -m benchmarks --every 10 --peer-runs 0       a tenth of the files, no peer: to try a change, not kept

Every measured run is a process of its own; where two systems are compared they take turns (A B A B), and medians
are compared. Nothing leaves the temporary folder but the page.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from statistics import median, quantiles
from typing import Any

from benchmarks import (
    dag,
    exporting,
    gate,
    generator,
    growth,
    ingest,
    interactions,
    machine,
    many,
    promoting,
    publishing,
    refusing,
    retrieval,
    scifact,
    searching,
    serving,
    small_sync,
    tuning,
    whole,
)
from benchmarks.bench import FIRST_COMMIT, SITE, Bench, Page, say
from benchmarks.replay import REPOSITORY, absent, data_folder
from benchmarks.results import RESULTS, Results, measured_now

# the cold ingest and where its time goes


def cold(bench: Bench) -> Page:
    ours, theirs = [], []
    for nth in range(max(bench.runs, bench.peer_runs)):
        if nth < bench.runs:
            ours.append(bench.cold())
        if nth < bench.peer_runs:
            theirs.append(bench.peer_cold())
    yield from ("", "## Cold ingest", "")
    last = ours[-1]
    yield (
        f"etcd documentation at its {FIRST_COMMIT}th commit, {last['counts']['listed']} files, from empty stores to a "
        "published release. Imports and loading the model are not timed on either side; our parser children start, "
        "the catalog is made and the gates run inside the time, and the peer's includes writing its stores to disk."
    )
    yield from ("", "| | runs, s (load) | median, s | texts embedded | peak memory, MB |", "|---|---|---|---|---|")
    yield _cold_row(f"penstock ({runtime(last)})", ours, last["counts"]["embedded"])
    if theirs:
        versions = theirs[-1]["versions"]
        name = f"LlamaIndex {versions['llama-index-core']} (torch {versions['torch']} float32)"
        yield _cold_row(name, theirs, theirs[-1]["chunks"])
        ratio = median(one["seconds"] for one in theirs) / median(one["seconds"] for one in ours)
        yield from ("", f"**penstock is {ratio:.1f} times as fast** (medians).")
    else:
        yield from ("", "The peer was not run (`--peer-runs 0`).")
    reasons = ", ".join(f"{count} {reason}" for reason, count in last["reasons"].items())
    problem = "" if last["counts"]["embedded"] == last["distinct"] else " **These should be equal.**"
    yield ""
    yield (
        f"penstock made {last['counts']['rows_added']} chunks of which {last['distinct']} are embedded as distinct "
        f"texts, and embedded {last['counts']['embedded']}.{problem} "
        f"{last['counts']['quarantined']} documents were quarantined ({reasons or 'none'}). Start-up, not timed: "
        f"{median(one['start_up'] for one in ours):.1f} s. A parser child took at most {last['child_peak_mb']} MB."
    )
    yield from stages(ours)


def _cold_row(name: str, runs: list[dict[str, Any]], texts: int) -> str:
    seconds = ", ".join(f"{one['seconds']:.1f} ({one['load']:.1f})" for one in runs)
    middle = median(one["seconds"] for one in runs)
    return f"| {name} | {seconds} | {middle:.1f} | {texts} | {max(one['peak_mb'] for one in runs)} |"


def runtime(result: dict[str, Any]) -> str:
    facts = result["runtime"]
    return f"{facts['library']} {facts['precision']}, {facts['threads']} threads"


def stages(runs: list[dict[str, Any]]) -> Page:
    yield from ("", "### Where the time goes", "")
    yield "| stage | median, s | share |"
    yield "|---|---|---|"
    whole = median(one["seconds"] for one in runs)
    named = {name: median(one["stages"].get(name, 0.0) for one in runs) for name in runs[-1]["stages"]}
    named["in no stage (opening stores, bookkeeping)"] = whole - sum(named.values())
    for name, seconds in named.items():
        label = "prepare: what embedding waited for, they go side by side" if name == "prepare" else name
        yield f"| {label} | {seconds:.2f} | {seconds / whole:.0%} |"
    yield f"| **whole** | {whole:.2f} | |"
    floor = median(one["floor"] for one in runs)
    over = median(one["seconds"] / one["floor"] for one in runs)
    work = median((one["cpu"] + one["child_cpu"]) / one["floor_cpu"] for one in runs)
    yield ""
    yield (
        f"The floor is the embedder alone on the {runs[-1]['distinct']} distinct texts in one call, in the same "
        f"process straight after the sync: {floor:.1f} s. The ingest takes {over:.2f} times that, and in CPU seconds, "
        f"parser children included, which other work on the machine disturbs less, {work:.2f} times (medians)."
    )


# nothing changed


def unchanged(bench: Bench) -> Page:
    bench.ingested()
    ours, theirs = [], []
    with_peer = bench.peer_runs > 0
    if with_peer and not bench.store.exists():
        bench.peer_cold()
    for _ in range(max(bench.runs, 2)):
        ours.append(bench.penstock("unchanged"))
        if with_peer:
            theirs.append(bench.llamaindex("unchanged"))
    yield from ("", "## Unchanged sync", "")
    yield (
        f"The same {ours[-1]['counts']['listed']} files, nothing changed, start-up excluded: for the peer also loading "
        "its stores into memory, for us opening the catalog is inside the first sync. Each process syncs "
        f"{ingest.UNCHANGED_SYNCS} times. The peer reads every file and hashes its text; we compare size and time "
        "of modification (`--verify` reads)."
    )
    yield from ("", "| | first in a process, median s | later, median s | ended |", "|---|---|---|---|")
    yield _unchanged_row("penstock", ours, ", ".join(ours[-1]["states"]))
    if theirs:
        yield _unchanged_row("LlamaIndex (UPSERTS)", theirs, f"{theirs[-1]['chunks']} chunks embedded")
        ratio = _first(theirs) / _first(ours)
        yield from ("", f"First sync: LlamaIndex takes {ratio:.2f} times as long as penstock.")


def _first(runs: list[dict[str, Any]]) -> float:
    return median(one["seconds"][0] for one in runs)


def _unchanged_row(name: str, runs: list[dict[str, Any]], ended: str) -> str:
    later = median(seconds for one in runs for seconds in one["seconds"][1:])
    return f"| {name} | {_first(runs):.3f} | {later:.3f} | {ended} |"


# history


def replay(bench: Bench) -> Page:
    bench.ingested()
    options = ["--folder", str(bench.documents), "--history", str(data_folder() / SITE)]
    options += ["--first", str(FIRST_COMMIT), "--commits", str(bench.commits)]
    result = bench.penstock("replay", *options)
    bench.colds.clear()  # the home has moved on
    shutil.rmtree(bench.documents)
    rows = result["rows"]
    seconds = [row["seconds"] for row in rows]
    wrong = [row for row in rows if row["embedded"] != row["new"]]
    ops = "".join(row["ops"] for row in rows)
    states = Counter(row["state"] for row in rows)
    yield from ("", f"## The last {len(rows)} commits, one sync each", "")
    yield (
        f"{ops.count('A')} additions, {ops.count('M')} edits, {ops.count('R')} renames, {ops.count('D')} deletions. "
        "The new distinct texts are counted by the benchmark, from the folder before and after each commit with the "
        "project's parser and chunker and no cache."
    )
    yield from ("", "| figure | |", "|---|---|")
    yield f"| seconds a commit, median | {median(seconds):.2f} |"
    yield f"| 90th percentile | {quantiles(seconds, n=10)[-1] if len(seconds) > 1 else seconds[0]:.2f} |"
    yield f"| longest | {max(seconds):.2f} ({longest(rows)}) |"
    yield f"| texts embedded | {sum(row['embedded'] for row in rows)} |"
    yield f"| new distinct texts | {sum(row['new'] for row in rows)} |"
    yield f"| commits where these are equal | **{len(rows) - len(wrong)} of {len(rows)}** |"
    yield f"| ended | {', '.join(f'{times} {state}' for state, times in states.items())} |"
    yield f"| releases that a gate refused and the benchmark approved | {result['approved']} |"
    yield f"| load average at the end | {result['load']:.1f} |"
    for row in wrong:
        yield from ("", f"MISMATCH at {row['commit']} ({row['ops']}): embedded {row['embedded']}, new {row['new']}")
    for row in rows:
        if row["state"] not in ("published", "unchanged"):
            yield from ("", f"{row['commit']} ({counted(row['ops'])}): {row['message']}")


def longest(rows: list[dict[str, Any]]) -> str:
    row = max(rows, key=lambda row: row["seconds"])
    return f"{counted(row['ops'])}, {row['new']} texts"


def counted(ops: str) -> str:
    return ", ".join(f"{ops.count(op)} {op}" for op in "AMRD" if op in ops)


# the benchmarks that are scripts of their own


def script(name: str, title: str, *options: str) -> Callable[[Bench], Page]:
    def part(_bench: Bench) -> Page:
        yield from ("", f"## {title}", "")
        say(f"{name} …")
        done = subprocess.run(
            [sys.executable, "-m", f"benchmarks.{name}", *options],
            cwd=REPOSITORY,
            capture_output=True,
            text=True,
            check=False,
        )
        yield from ("```", done.stdout.strip(), "```")
        if done.returncode:
            raise RuntimeError(f"{name} ended with {done.returncode}: {done.stderr.strip()[-1000:]}")

    return part


PARTS: dict[str, tuple[str, Callable[[Bench], Page]]] = {
    "cold": (SITE, cold),
    "unchanged": (SITE, unchanged),
    "many": ("", many.part),
    "replay": (SITE, replay),
    "publishing": ("", publishing.part),
    "searching": ("", searching.part),
    "serving": ("", serving.part),
    "small_sync": ("", small_sync.part),
    "interactions": ("", interactions.part),
    "gate": ("", gate.part),
    "promoting": ("", promoting.part),
    "exporting": ("", exporting.part),
    "generator": ("", generator.part),
    "growth": ("", growth.part),
    "dag": ("", dag.part),
    "embedding": ("", script("embedding", "Embedding")),
    "scifact": (scifact.DATA, scifact.part),
    "retrieval": (retrieval.DATA, retrieval.part),
    "refusing": (refusing.CLAPNQ, refusing.part),
    "tuning": (tuning.DATA, tuning.part),
    "whole": (tuning.DATA, whole.part),
    "chunking": ("chunking", script("chunking", "Chunking", "--data", str(data_folder()))),
    "parsing": ("parse", script("parsing", "Parsing", "--data", str(data_folder()))),
}


def section(bench: Bench, name: str, failed: list[str]) -> Page:
    """A part's section, line by line; where the part fails it says so, and the part is named in ``failed``."""
    before = machine.load()
    try:
        yield from PARTS[name][1](bench)
    except Exception as error:  # noqa: BLE001 - one part's failure must not take the others' figures along
        failed.append(name)
        yield from ("", f"**{name} failed**", "", "```", f"{type(error).__name__}: {error}", "```")
    yield from ("", measured_now(before))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default=",".join(PARTS), help=f"parts, separated by commas: {', '.join(PARTS)}")
    parser.add_argument("--runs", type=int, default=2, help="cold runs of penstock")
    parser.add_argument("--peer-runs", type=int, default=1, help="cold runs of LlamaIndex, minutes each; 0: none")
    parser.add_argument("--commits", type=int, default=40, help="commits to replay")
    parser.add_argument("--every", type=int, default=1, help="take every n-th file only")
    arguments = parser.parse_args()
    only = [name.strip() for name in arguments.only.split(",")]
    if unknown := [name for name in only if name not in PARTS]:
        parser.error(f"no part is called {', '.join(unknown)}; there are {', '.join(PARTS)}")
    failed: list[str] = []
    results = Results(RESULTS, PARTS)
    with tempfile.TemporaryDirectory(prefix="penstock-bench-") as work:
        bench = Bench(Path(work), max(1, arguments.runs), arguments.peer_runs, arguments.every, arguments.commits)
        print(machine.name())
        if bench.every > 1:
            print(f"- **every {bench.every}th file only: not figures to quote**, and none is kept")
        for name in only:
            data, _ = PARTS[name]
            if data and (why := absent(data)):
                print(f"\n{name}: {why}")
                continue
            lines = []
            for line in section(bench, name, failed):
                print(line, flush=True)
                lines.append(line)
            if name not in failed and bench.every == 1:
                results.keep(name, lines)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
