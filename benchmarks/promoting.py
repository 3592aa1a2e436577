"""Promotion and demotion of an embedder with its release, and what a service's readers see of it.

    python -m benchmarks.promoting --home HOME [--make 10000]

HOME is what ``--make`` makes: the two pairs of ``moving``. Their vectors are drawn; the models embed the questions.

First the moves alone are timed, in one process. Then `penstock serve` answers two clients without a pause while the
pair moves to and fro: each answer must hold what one of the two pairs gives, and its record must name that pair.
"""

from __future__ import annotations

import argparse
import json
import math
import multiprocessing
import sys
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from multiprocessing.connection import Connection
from pathlib import Path
from statistics import median, quantiles
from typing import Any, NamedTuple

from benchmarks import corpus, made, serving
from benchmarks.bench import Bench, Page, measured, row, say
from benchmarks.moving import Moving, Pairs, make
from sqlalchemy import select

from penstock import manifest
from penstock.catalog.schema import interactions
from penstock.platform import Platform

SIZES, SECTIONS = (100, 10_000), 10
ROUNDS, SERVED_ROUNDS = 12, 6
CLIENTS, QUESTIONS = 2, 20
WARM_S, AFTER_S = 15.0, 3.0
"""How long a challenger waits before it is promoted, and how long clients go on after a move."""
MARK_MS, MARK_S = 50, 1


# -- readers ----------------------------------------------------------------------------------------------------------


class Answer(NamedTuple):
    """``sent`` and ``received`` by the clock that all processes of a machine share."""

    sent: float
    received: float
    status: int
    question: int
    release: int
    hits: tuple[str, ...]
    interaction: str


class Readers:
    """Clients in a process of their own, which ask one question after the other until they are told to stop."""

    def __init__(self, url: str) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=_reading, args=(url, theirs), daemon=True)
        self._process.start()
        self._pipe.recv()  # the first has been answered

    def stop(self) -> list[Answer]:
        self._pipe.send("stop")
        found: list[Answer] = self._pipe.recv()
        self._process.join()
        return found


def _reading(url: str, orders: Connection) -> None:
    host, found = url.removeprefix("http://"), list[Answer]()
    bodies = [json.dumps({"query": text, "k": serving.K}) for text in corpus.questions(QUESTIONS)]
    path, headers = f"/v1/indexes/{corpus.INDEX}/search", {"Content-Type": "application/json"}

    def read(nth: int) -> None:
        connection = HTTPConnection(host, timeout=60)
        while not stopped:
            question, sent = nth % QUESTIONS, time.monotonic()
            connection.request("POST", path, bodies[question], headers)
            answer = connection.getresponse()
            status, said = answer.status, json.loads(answer.read())
            hits = tuple(one["chunk_id"] for one in said.get("hits", ()))
            received, interaction = time.monotonic(), said.get("interaction") or ""
            found.append(Answer(sent, received, status, question, said.get("release", 0), hits, interaction))
            nth += 1

    stopped = False
    with ThreadPoolExecutor(CLIENTS) as threads:
        under_way = [threads.submit(read, nth * QUESTIONS // CLIENTS) for nth in range(CLIENTS)]
        while not found:
            time.sleep(0.05)
        orders.send("reading")
        orders.recv()
        stopped = True
    for one in under_way:
        one.result()
    orders.send(found)


def expected(platform: Platform) -> dict[int, list[tuple[str, ...]]]:
    """What the live pair gives for each question, by its release."""
    from penstock.retrieval import search

    found = [search(platform, corpus.INDEX, text, k=serving.K) for text in corpus.questions(QUESTIONS)]
    return {found[0].release: [tuple(hit.chunk_id for hit in one.hits) for one in found]}


def watched(home: Path, pairs: Pairs, wanted: Mapping[int, list[tuple[str, ...]]]) -> dict[str, Any]:
    """Rounds under a service that is asked all the while; the last challenger is promoted at once."""
    moves = []
    with serving.service(home) as (url, _):
        readers = Readers(url)
        for nth in range(SERVED_ROUNDS + 1):
            say(f"promoting, served round {nth + 1} …")
            warm = nth < SERVED_ROUNDS
            model = pairs.challenge()
            time.sleep(WARM_S if warm else 0)
            moves.append({"kind": "promote" if warm else "promote at once", "to": pairs.number, **pairs.promote(model)})
            time.sleep(AFTER_S if warm else WARM_S)
            moves.append({"kind": "demote", "to": 1, **pairs.demote()})
            time.sleep(AFTER_S)
        answers = readers.stop()
    with pairs.platform.catalog.read() as connection:
        query = select(interactions.c.id, interactions.c.release, interactions.c.setup)
        recorded = {one.id: (one.release, one.setup["embedder"]) for one in connection.execute(query)}
        own = {number: str(manifest.opened(connection, corpus.INDEX, number).embedder) for number in (1, pairs.number)}
    good = [one for one in answers if one.status == 200]
    torn = [one for one in good if one.hits != wanted[one.release][one.question]]
    known = [one for one in good if one.interaction]
    misnamed = [one for one in known if recorded.get(one.interaction) != (one.release, own[one.release])]
    return {
        "answers": len(answers),
        "not 200": len(answers) - len(good),
        "of no pair": len(torn),
        "recorded otherwise": len(misnamed),
        "not recorded": len(good) - len(known),
        "unlike": sum(wanted[1][nth] != wanted[pairs.number][nth] for nth in range(QUESTIONS)),
        "ms": [1000 * (one.received - one.sent) for one in answers],
        "moves": [move | seen(move, answers, until) for move, until in zip(moves, ends(moves), strict=True)],
    }


def ends(moves: Sequence[Mapping[str, Any]]) -> list[float]:
    """When the pair of each move was left again."""
    return [*(one["committed"] for one in moves[1:]), math.inf]


def seen(move: Mapping[str, Any], answers: Sequence[Answer], until: float) -> dict[str, Any]:
    """Of one move: when the first answer of the new pair came after it, how many asked later got the old one, and the
    slowest answer that was under way or asked within a second.

    What was under way when the next move was committed at ``until`` may have that one's pair.
    """
    at, to = move["committed"], move["to"]
    after = [one for one in answers if one.received > at and one.sent < until]
    near = [one for one in after if one.sent < at + MARK_S]
    return {
        "new after": min((one.received for one in after if one.release == to), default=math.inf) - at,
        "old after": sum(one.release != to and one.sent > at and one.received < until for one in after),
        "slowest": 1000 * max((one.received - one.sent for one in near), default=math.inf),
    }


# -- the page ---------------------------------------------------------------------------------------------------------


def measure(home: Path) -> dict[str, Any]:
    platform = made.opened(home, Moving)
    pairs = Pairs(platform)
    wanted = expected(platform)
    pairs.promote(pairs.challenge())
    wanted |= expected(platform)
    pairs.demote()
    found: dict[str, list[dict[str, float]]] = {"promote": [], "demote": []}
    for nth in range(ROUNDS):
        say(f"promoting, round {nth + 1} …")
        model = pairs.challenge()
        found["promote"].append(pairs.promote(model))
        found["demote"].append(pairs.demote())
    served = watched(home, pairs, wanted)
    platform.close()
    return {"chunks": serving.chunks(home), "alone": found, "served": served}


def part(bench: Bench) -> Page:
    runs = []
    for documents in (max(size // bench.every, 100) for size in SIZES):
        options = ["--home", str(bench.work / f"promoting-{documents}"), "--make", str(documents)]
        runs.append(measured(f"promoting {documents}", [sys.executable, "-m", "benchmarks.promoting", *options]))
    yield from ("", "## Promotion and demotion", "")
    yield from page(runs)


SPANS = {
    "transaction": "the transaction",
    "move": "the whole move, with what is read and counted before it",
    "command": "the command after imports, with MLflow's aliases",
}


def page(runs: Sequence[Mapping[str, Any]]) -> Page:
    yield (
        f"An embedder with its release, {ROUNDS} rounds in one process without readers; milliseconds, median / p95. "
        f"The mark is {MARK_MS} ms at the larger size. Each model built a whole generation of the index of its own."
    )
    yield from ("", row("", "", *(f"{one['chunks']:,} chunks" for one in runs)), row(*["---"] * (2 + len(runs))))
    for move in ("promote", "demote"):
        for span, name in SPANS.items():
            yield row(move, name, *(both([each[span] for each in one["alone"][move]]) for one in runs))
    for one in runs:
        yield from ("", *served_page(one["chunks"], one["served"]))


def both(times: Sequence[float]) -> str:
    return f"**{median(times):.1f}** / {quantiles(times, n=20, method='inclusive')[-1]:.1f}"


def served_page(chunks: int, found: Mapping[str, Any]) -> Page:
    wrong = ", ".join(
        f"{found[name]} {name}" for name in ("not 200", "of no pair", "recorded otherwise", "not recorded")
    )
    yield (
        f"`penstock serve` over {chunks:,} chunks, {CLIENTS} clients without a pause: {found['answers']:,} answers, "
        f"**{wrong}** ({found['unlike']} of {QUESTIONS} questions have other hits in the two pairs). An answer takes "
        f"{both(found['ms'])} ms. A challenger waits {WARM_S:.0f} s before it is promoted, in which the service opens "
        f"its model, or none. Each figure is the worst of its moves; the mark is {MARK_S} s."
    )
    head = ("", "moves", "first answer of the new pair, s after the commit", "asked later, answered by the old")
    yield from ("", row(*head, "slowest answer, ms", "transaction, ms"), row(*["---"] * 6))
    for kind in dict.fromkeys(one["kind"] for one in found["moves"]):
        mine = [one for one in found["moves"] if one["kind"] == kind]
        first, old = max(one["new after"] for one in mine), sum(one["old after"] for one in mine)
        slowest, took = max(one["slowest"] for one in mine), max(one["transaction"] for one in mine)
        yield row(kind, len(mine), f"**{first:.3f}**", old, f"{slowest:.0f}", f"{took:.1f}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("--make", type=int, metavar="N", help=f"make N documents of {SECTIONS} chunks, twice indexed")
    arguments = parser.parse_args()
    if arguments.make:
        make(arguments.home, arguments.make)
    print(json.dumps(measure(arguments.home)))
