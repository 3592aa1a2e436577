"""The whole line on a small handbook, in one process: `make demo`, or `.venv/bin/python scripts/demo.py [FOLDER]`.

Everything is written into `.penstock/demo` (or FOLDER), made anew each time. Each command line is printed as a person
would type it and is the one that runs. Where anything differs from what the demo promises, it stops with exit code 1.
"""

from __future__ import annotations

import importlib.util
import json
import os
import shlex
import shutil
import sys
import time
from pathlib import Path
from typing import Any, NoReturn

ROOT = Path(__file__).resolve().parent.parent
SAMPLES = ROOT / "include" / "samples"
MARK = ".penstock-demo"
CONFIG = """\
# The configuration of the demo: one folder, one index.
home = "data"

[sources.handbook]
type = "folder"
path = "handbook"
when_silent = ["public"]      # who may read a document about which the source says nothing
access_from = "sidecar"       # FILE.access.json beside a document names its readers
max_age_s = 172800            # not listed for two days: stale

[indexes.handbook]
sources = ["handbook"]

[indexes.handbook.training]
min_examples = 50             # of each kind, before a model is tuned; by default 500
gate = { min_test_examples = 30 }    # by default 100

[recipes.demo]                # small, for a demo: without --recipe a training takes several times as long
purpose = "embedder"
epochs = 1
batch = 16
max_length = 64
evaluations = 1
mixes = [0.2]    # so little of it that it is hardly worse: what luck of so few examples made worse is built no release
"""


def main() -> None:
    started = time.monotonic()
    if importlib.util.find_spec("torch") is None:
        fail("a model is tuned in it, and torch is not installed: run `make demo`, which installs all that it needs")
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else ROOT / ".penstock" / "demo").absolute()
    config = fresh(folder)
    os.environ["PENSTOCK_CONFIG"] = str(config)
    for name in ("PENSTOCK_HOME", "PENSTOCK_CATALOG", "PENSTOCK_LAKE"):
        os.environ.pop(name, None)
    changes = json.loads((SAMPLES / "changes" / "changes.json").read_text(encoding="utf-8"))
    first_release(folder)
    second_release(folder, changes)
    questions(changes)
    answers()
    people_decide()
    feedback()
    measured()
    advice()
    challenger = learned()
    if judged(challenger):
        pairs()
    ending(config, time.monotonic() - started)


def fresh(folder: Path) -> Path:
    """Lay out a new demo folder; one that this script did not make is left alone."""
    if folder.exists() and any(folder.iterdir()):
        if not (folder / MARK).exists():
            fail(f"{folder} is not empty and was not made by the demo; name another folder")
        shutil.rmtree(folder)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / MARK).touch()
    shutil.copytree(SAMPLES / "handbook", folder / "handbook")
    config = folder / "penstock.toml"
    config.write_text(CONFIG, encoding="utf-8")
    return config


def first_release(folder: Path) -> None:
    documents = sum(path.is_file() and not path.name.endswith(".access.json") for path in folder.rglob("handbook/*/*"))
    say("The handbook of an invented company", f"{documents} documents in nine formats, one of them broken.")
    run("sync handbook")
    expect(live() == 1, f"release 1 is live, not {live()}")
    fix_digests()


def second_release(folder: Path, changes: dict[str, object]) -> None:
    edited, added, deleted = changed_keys(changes)
    say("The next day", f"{edited} is edited, {added} is new, {deleted} is deleted.")
    for key in (edited, added):
        shutil.copyfile(SAMPLES / "changes" / key, folder / "handbook" / key)
    (folder / "handbook" / deleted).unlink()
    run("plan handbook")
    run("sync handbook")
    expect(live() == 2, f"release 2 is live, not {live()}")
    run("diff handbook 1 2")
    found = differences(1, 2)
    wanted = {(edited, "changed"), (added, "added"), (deleted, "removed")}
    expect(found == wanted, f"the releases differ in {sorted(wanted)}, not in {sorted(found)}")


def questions(changes: dict[str, object]) -> None:
    question = str(changes["question"])
    say("One question to two releases", "each answers from its own state, and cites the exact place.")
    run(f"search handbook {shlex.quote(question)} -k 2")
    now = hits(question)
    expect(str(changes["after"]) in now[0][1], f"release 2 answers {changes['after']!r}")
    run(f"search handbook {shlex.quote(question)} -k 1 --as-of 1")
    expect(str(changes["before"]) in hits(question, as_of=1)[0][1], f"release 1 answers {changes['before']!r}")

    say("Who may read travels with every chunk", "the salary bands are for the people team only.")
    private, secret = "Which salary band are fitters in?", "people/salary-bands-2026.md"
    run(f"search handbook {shlex.quote(private)} -k 1")
    expect(all(key != secret for key, _, _ in hits(private, k=50)), f"a stranger does not see {secret}")
    run(f"search handbook {shlex.quote(private)} -k 1 --principal group:people-team")
    expect(hits(private, ("group:people-team",))[0][0] == secret, f"the people team sees {secret}")

    say("Quarantine", "what could not be used waits there, with the reason and the remedy.")
    run("quarantine list")
    expect(quarantined() == ["workshop/turbine-spares.docx"], f"one document waits, not {quarantined()}")
    say("Where an answer came from", "bytes, parser, model, run and every release that holds it.")
    run(f"trace {now[0][2]}")


def answers() -> None:
    say("An answer, or an honest none", "each claim quotes its source; what the handbook does not say is refused.")
    question, span = "How many days of holiday do I get?", "27 days"
    run(f"ask handbook {shlex.quote(question)}")
    refused, quotes = said(question)
    expect(not refused, f"{question!r} is answered")
    expect(any(span in quote for quote in quotes), f"a quote of the answer says {span!r}")
    unknown = "May I bring my dog to the workshop?"
    run(f"ask handbook {shlex.quote(unknown)}")
    expect(said(unknown)[0], f"{unknown!r} is refused")


def feedback() -> None:
    say("What people say of the answers", "a log of it, bound to what each was shown, and what it comes to.")
    run(f"feedback import handbook {shlex.quote(str(SAMPLES / 'feedback.jsonl'))}")
    run("feedback report handbook")


def measured() -> None:
    say("How well it answers", "questions with known answers, hybrid search against words alone.")
    run(f"evaluate handbook {shlex.quote(str(SAMPLES / 'golden.jsonl'))} --against mode=text")


def people_decide() -> None:
    say("One command to go back", "it moves one row, and the reason is kept.")
    run('rollback handbook --why "the new river watch pay is not signed yet"')
    expect(live() == 1, f"release 1 is live again, not {live()}")
    run('resume handbook --why "signed now"')
    expect(live() == 2, f"release 2 is live again, not {live()}")


def advice() -> None:
    say("Half a year later", "what failed of each complaint, and the step that would help most.")
    run(f"feedback import handbook {shlex.quote(str(SAMPLES / 'questions.jsonl'))}")
    run("triage handbook --since 2026-10-29")
    run("advise handbook --since 2026-10-01")


def learned() -> str:
    """The challenger, tuned on what people said."""
    say("Learning from it", "what people said becomes examples, split for ever, and a small LoRA learns from them.")
    run("trainset build handbook --for embedder")
    run("train handbook --for embedder --recipe demo")
    (one,) = models()["models"]
    return str(one["model"])


def judged(challenger: str) -> bool:
    """Whether the challenger serves now: as the gate decided, or else by a person's exception where that can be."""
    say(
        "Whether it is better",
        "asked what no training saw. A gain that may be luck is refused, with its figures.",
    )
    refused = run(f"compare handbook {challenger}", may_refuse=True)
    if not refused:
        run(f'promote handbook {challenger} --why "surely better on questions that it never saw"')
    elif not waiting():
        say("The gate kept the champion", "not even the first look was hopeful, so that no release was built with it.")
        run("models handbook")
        return False
    else:
        say("The gate kept the champion", "a person may decide otherwise, and the log says who and why.")
        run(f'promote handbook {challenger} --override --why "an exception, to show how a model is promoted"')
    expect(live() == 3, f"release 3, built by the challenger, is live, not {live()}")
    expect(serving() == challenger, f"{challenger} embeds the questions, not {serving()}")
    return True


def pairs() -> None:
    question = shlex.quote("what may the owner fiddle with on his own")  # of the test split, like all of its document
    say("A model and its release", "they move together; an older release is still asked with its own model.")
    run(f"search handbook {question} -k 1")
    run(f"search handbook {question} -k 1 --as-of 2")
    say("And back, both at once", "the model before and the release before serve again.")
    run('demote handbook --why "the end of the demo"')
    expect((live(), serving()) == (2, None), f"release 2 and the configured model serve, not {live()} and {serving()}")
    run("models handbook")
    run("status")


def ending(config: Path, took_s: float) -> None:
    say("What to try next", f"all of this took {took_s:.0f} s.")
    print(
        f"  export PATH={shlex.quote(str(ROOT / '.venv' / 'bin'))}:$PATH\n"
        f"  export PENSTOCK_CONFIG={shlex.quote(str(config))}\n"
        '  penstock resume handbook --why "what a demotion put on hold may go on"\n'
        '  penstock ask handbook "Which turbine needs no hole in the weir?"\n'
        "  penstock explain handbook mail/2026-03-flood-closure.eml\n"
        "  penstock report handbook 2 --out report.html\n"
        "  penstock log\n"
        "  penstock --help\n"
        "\n"
        "  penstock init my-project       a project of your own\n"
        f"  make -C {shlex.quote(str(ROOT))} airflow    the same line on a schedule, with approvals and a page\n"
        f"  make -C {shlex.quote(str(ROOT))} test       the tests"
    )


# what the demo stands on


def say(title: str, rest: str = "") -> None:
    from penstock.display import paper

    paper.blank()
    paper.prose((title, "bold magenta"), f": {rest}" if rest else "", indent=0)


def run(arguments: str, may_refuse: bool = False) -> bool:
    """Print a command line and run it, in this process: what is heavy is imported once. Whether a gate refused."""
    from penstock.cli import app
    from penstock.display import paper
    from penstock.errors import PenstockError

    paper.blank()
    paper.line(("$ ", "dim"), ("penstock " + arguments, "bold cyan"))
    sys.stdout.flush()
    try:
        code = app(shlex.split(arguments), prog_name="penstock", standalone_mode=False)
    except PenstockError as error:
        fail(f"`penstock {arguments}` ends with: {error}")
    expect(not code or (may_refuse and code == 1), f"`penstock {arguments}` ends with exit code 0, not {code}")
    return bool(code)


def live() -> int | None:
    from penstock.inspection import status
    from penstock.platform import Platform

    number: int | None = status(Platform(), "handbook")[0]["live"]
    return number


def waiting() -> bool:
    """Whether a release waits, such as a challenger's for its promotion."""
    from penstock.inspection import status
    from penstock.platform import Platform

    return status(Platform(), "handbook")[0]["waiting"] is not None


def models() -> dict[str, Any]:
    from penstock.platform import Platform
    from penstock.promotion import listing

    return listing.models(Platform(), "handbook")


def serving() -> str | None:
    """The tuned embedder that serves; none where it is the configured one."""
    found: str | None = models()["champions"]["embedder"]["trained"]
    return found


def fix_digests() -> None:
    """Give this catalog the key that the demo has everywhere: questions are split by their digests.

    With a key of chance the test split would be one time of four subjects and another of twelve. This one was taken of
    the first dozen for its split alone (about a quarter to test, an eighth to validate), before a model was trained on
    it. An installation makes a secret key of its own; what the samples say is no secret.
    """
    from penstock.catalog.schema import digest_keys
    from penstock.interactions.digests import NAME
    from penstock.platform import Platform

    with Platform().catalog.write() as connection:
        connection.execute(digest_keys.insert().values(name=NAME, key="01" * 32))


def differences(a: int, b: int) -> set[tuple[str, str]]:
    from penstock.inspection import diff
    from penstock.platform import Platform

    return {(one["key"], one["change"]) for one in diff(Platform(), "handbook", a, b)["documents"]}


def hits(
    question: str, principals: tuple[str, ...] = (), as_of: int | None = None, k: int = 10
) -> list[tuple[str, str, str]]:
    """Key, text on one line and chunk id of each hit."""
    from penstock.platform import Platform
    from penstock.retrieval import search

    found = search(Platform(), "handbook", question, as_of, principals, k=k).hits
    expect(bool(found), f"something answers {question!r}")
    return [(hit.key, " ".join(hit.text.split()), hit.chunk_id) for hit in found]


def said(question: str) -> tuple[bool, list[str]]:
    """Whether the answer was refused, and the quotes of its claims."""
    from penstock.answers import ask
    from penstock.platform import Platform

    answer = ask(Platform(), "handbook", question)
    return answer.refused is not None, [quote.text for quote in answer.quotes]


def quarantined() -> list[str]:
    from penstock.platform import Platform
    from penstock.provenance import quarantine

    return [one["key"] for one in quarantine(Platform())]


def changed_keys(changes: dict[str, object]) -> tuple[str, str, str]:
    edit, add = changes["edit"], changes["add"]
    assert isinstance(edit, dict)
    assert isinstance(add, dict)
    return str(edit["key"]), str(add["key"]), str(changes["delete"])


def expect(held: bool, promise: str) -> None:
    if not held:
        fail(f"the demo promises that {promise}")


def fail(message: str) -> NoReturn:
    sys.stdout.flush()
    sys.exit(f"demo: {message}")


if __name__ == "__main__":
    main()
