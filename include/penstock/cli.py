"""Every step without Airflow. Exit 0 done, 1 refused by a gate or a decision, 2 wrong use, 3 failed.

``--json`` on any command prints one JSON document on stdout and nothing else there; logs and progress go to stderr.
What a command does is imported when it runs, so that ``penstock --help`` answers at once.
"""

from __future__ import annotations

import io
import json
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

if TYPE_CHECKING:
    from penstock.decisions import Who
    from penstock.platform import Platform
    from penstock.progress import Progress
    from penstock.runs import RunReport

app = typer.Typer(
    name="penstock",
    help="Numbered, gated, reversible releases of a search index.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,  # plain help: rich would take longer to import than everything else here
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
quarantine_app = typer.Typer(help="Documents that wait, and why.", no_args_is_help=True, rich_markup_mode=None)
app.add_typer(quarantine_app, name="quarantine")
interactions_app = typer.Typer(help="What was asked and shown.", no_args_is_help=True, rich_markup_mode=None)
app.add_typer(interactions_app, name="interactions")
feedback_app = typer.Typer(help="What people said of it.", no_args_is_help=True, rich_markup_mode=None)
app.add_typer(feedback_app, name="feedback")

Json = Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout and nothing else there.")]
Index = Annotated[str, typer.Argument(metavar="INDEX", help="An index of the configuration.")]
Release = Annotated[int, typer.Argument(metavar="N", help="A release's number.")]
Why = Annotated[str, typer.Option("--why", help="The reason, kept in the log for ever.")]
Wait = Annotated[
    float, typer.Option("--wait", metavar="SECONDS", help="Wait so long for another writer's turn to end.")
]


def main() -> None:
    """Entry point: whatever goes wrong ends in a message and an exit code, and with ``--json`` in a document."""
    from penstock.errors import PenstockError

    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a key that is no Unicode: in JSON this is its escape
    try:
        code = app(standalone_mode=False)
    except PenstockError as error:
        typer.secho(f"penstock: {error}", err=True, fg="red")
        _fail(error, str(error), error.exit_code)
    except Exception as error:  # noqa: BLE001 - Python's own exit code 1 would say that a gate refused
        wrong_use = getattr(error, "format_message", None)
        if wrong_use is None:
            traceback.print_exc()
            _fail(error, f"{type(error).__name__}: {error}", 3)
        error.show()  # type: ignore[attr-defined]
        _fail(error, wrong_use(), 2)
    sys.exit(code or 0)


def _fail(error: Exception, message: str, code: int) -> NoReturn:
    if "--json" in sys.argv:
        print(json.dumps({"error": message, "kind": type(error).__name__, "exit_code": code}, ensure_ascii=False))
    sys.exit(code)


@contextmanager
def _platform() -> Iterator[Platform]:
    from penstock.logs import configure
    from penstock.platform import Platform

    configure()
    platform = Platform()
    try:
        yield platform
    finally:
        platform.close()


def _emit(value: Any, as_json: bool, draw: Callable[[Any], None]) -> None:
    if as_json:
        print(json.dumps(value, ensure_ascii=False, default=str))
    else:
        draw(value)


def _who() -> Who:
    from penstock.decisions import from_shell

    return from_shell()


@contextmanager
def _progress(as_json: bool) -> Iterator[Progress]:
    from penstock.progress import Progress

    if as_json or not sys.stderr.isatty():
        yield Progress()
        return
    from penstock.display import Bars

    with Bars() as bars:
        yield bars


def _ended(report: RunReport, as_json: bool) -> None:
    from penstock import display

    _emit(report.to_dict(), as_json, lambda _: display.run(report))
    raise typer.Exit(report.exit_code)


@app.command()
def init(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="A new or empty folder.")], as_json: Json = False
) -> None:
    """Write a runnable project configuration into DIR."""
    from penstock import display, starter

    _emit(starter.write(directory), as_json, display.started)


@app.command()
def preview(
    source: Annotated[str, typer.Argument(metavar="SOURCE", help="A source of the configuration.")],
    n: Annotated[int, typer.Option("-n", min=1, max=100, help="How many documents.")] = 5,
    as_json: Json = False,
) -> None:
    """Show how a few documents would be parsed; nothing is kept."""
    from penstock import display
    from penstock.previewing import preview as run_preview

    with _platform() as platform:
        _emit(run_preview(platform, source, n), as_json, display.previews)


@app.command()
def plan(
    index: Index,
    source: Annotated[str | None, typer.Option("--source", help="Look at this source only.")] = None,
    verify: Annotated[bool, typer.Option("--verify", help="Fetch everything, trust no hint.")] = False,
    wait: Wait = 0.0,
    as_json: Json = False,
) -> None:
    """Say what a sync would do: documents, texts to embed, tokens.

    Fetches and parses what changed, so that the next sync need not; embeds and publishes nothing."""
    from penstock import display
    from penstock.previewing import plan as run_plan

    with _platform() as platform:
        with _progress(as_json) as progress:
            found = run_plan(platform, index, source, verify, wait, progress)
        _emit(found, as_json, display.plan)


@app.command()
def sync(
    index: Index,
    source: Annotated[str | None, typer.Option("--source", help="Only this source.")] = None,
    verify: Annotated[bool, typer.Option("--verify", help="Fetch everything, trust no hint.")] = False,
    wait: Wait = 0.0,
    as_json: Json = False,
) -> None:
    """Bring INDEX up to date; publish where every gate passes."""
    from penstock.sync import sync as run_sync

    with _platform() as platform, _progress(as_json) as progress:
        report = run_sync(platform, index, source, verify, wait, progress)
    _ended(report, as_json)


@app.command()
def reindex(index: Index, wait: Wait = 0.0, as_json: Json = False) -> None:
    """Rebuild INDEX under today's configuration, gate, switch."""
    from penstock.sync import reindex as run_reindex

    with _platform() as platform, _progress(as_json) as progress:
        report = run_reindex(platform, index, wait, progress)
    _ended(report, as_json)


@app.command()
def releases(index: Index, as_json: Json = False) -> None:
    """List the releases of INDEX, the newest first."""
    from penstock import display, inspection

    with _platform() as platform:
        _emit(inspection.list_releases(platform, index), as_json, display.releases)


@app.command()
def diff(
    index: Index,
    a: Annotated[int, typer.Argument(metavar="A")],
    b: Annotated[int, typer.Argument(metavar="B")],
    as_json: Json = False,
) -> None:
    """Show what changed from release A to release B."""
    from penstock import display, inspection

    with _platform() as platform:
        _emit(inspection.diff(platform, index, a, b), as_json, display.diff)


@app.command()
def rollback(
    index: Index,
    why: Why,
    to: Annotated[int | None, typer.Option("--to", metavar="N", help="The release to go back to.")] = None,
    as_json: Json = False,
) -> None:
    """Make an earlier release live again and put INDEX on hold."""
    from penstock import display, release

    with _platform() as platform:
        _emit(asdict(release.rollback(platform, index, _who(), why, to)), as_json, display.moved)


@app.command()
def resume(index: Index, why: Why, as_json: Json = False) -> None:
    """End a hold and follow the newest release again."""
    from penstock import display, release

    with _platform() as platform:
        _emit(asdict(release.resume(platform, index, _who(), why)), as_json, display.moved)


@app.command()
def approve(index: Index, n: Release, why: Why, as_json: Json = False) -> None:
    """Publish a release that a gate refused, by your word."""
    from penstock import display, release

    with _platform() as platform:
        _emit(asdict(release.approve(platform, index, n, _who(), why)), as_json, display.moved)


@app.command()
def reject(index: Index, n: Release, why: Why, as_json: Json = False) -> None:
    """Refuse a release that waits; nobody will ever see it."""
    from penstock import display, release

    with _platform() as platform:
        _emit(asdict(release.reject(platform, index, n, _who(), why)), as_json, display.moved)


@app.command()
def search(
    index: Index,
    text: Annotated[str, typer.Argument(metavar="TEXT", help="The question.")],
    as_of: Annotated[int | None, typer.Option("--as-of", metavar="N", help="Read this release.")] = None,
    principal: Annotated[list[str] | None, typer.Option("--principal", "-p", help="Who is asking; repeatable.")] = None,
    where: Annotated[list[str] | None, typer.Option("--where", metavar="FIELD=VALUE", help="Only these.")] = None,
    k: Annotated[int, typer.Option("-k", help="How many.")] = 10,
    mode: Annotated[str | None, typer.Option(help="hybrid, vector or text; by default as configured.")] = None,
    explain: Annotated[bool, typer.Option("--explain", help="Show what each stage did to the ranks.")] = False,
    record: Annotated[bool, typer.Option("--record", help="Keep it as an interaction; prints its id.")] = False,
    as_json: Json = False,
) -> None:
    """Search INDEX and cite the exact places.

    Nothing is recorded unless you say so: what you try at a terminal is not what readers ask."""
    from penstock import display, retrieval

    readers = tuple(principal or ())
    with _platform() as platform:
        found = retrieval.search(platform, index, text, as_of, readers, retrieval.parse_where(where or []), k, mode)
        answer = found.to_dict()
        if record:
            from penstock import interactions

            answer["interaction"] = interactions.record(platform, found, interactions.Asker(readers, _who().name))
        _emit(answer, as_json, display.explained if explain else display.found)


@app.command()
def evaluate(
    index: Index,
    questions: Annotated[
        Path | None,
        typer.Argument(metavar="[QUESTIONS]", help="Golden questions (JSONL) or a BEIR folder; by default the gate's."),
    ] = None,
    split: Annotated[str, typer.Option("--split", help="Of a BEIR folder.")] = "test",
    as_of: Annotated[int | None, typer.Option("--as-of", metavar="N", help="Ask this release.")] = None,
    changes: Annotated[str, typer.Option("--with", metavar="KEY=VALUE,…", help="Settings of retrieval.")] = "",
    against: Annotated[
        str | None,
        typer.Option(
            "--against", metavar="N|KEY=VALUE,…", help="Compare with a release, with other settings, or both."
        ),
    ] = None,
    principal: Annotated[
        list[str] | None, typer.Option("--principal", "-p", help="Who asks what names nobody; repeatable.")
    ] = None,
    history: Annotated[bool, typer.Option("--history", help="Ask nothing; show what was measured before.")] = False,
    out: Annotated[Path | None, typer.Option("-o", "--out", help="Also write an HTML page with plots.")] = None,
    as_json: Json = False,
) -> None:
    """Measure how well INDEX answers known questions.

    nDCG@10, recall and reciprocal rank by document, with 95 % intervals; kept, so that --history can show them."""
    from penstock import display, evaluation
    from penstock.evaluation import pages, running

    with _platform() as platform:
        if history:
            chosen = evaluation.read(questions, split).name if questions else None
            if out is not None:
                _write(out, pages.page(platform, index, set_name=chosen))
            _emit(evaluation.history(platform, index, chosen), as_json, display.history)
            return
        asked = running.as_readers(running.questions_of(platform, index, questions, split), tuple(principal or ()))
        ours, theirs = evaluation.sides(platform, index, as_of, changes, against)
        with _progress(as_json) as progress:
            found = evaluation.evaluate(platform, index, asked, ours, theirs, progress)
        if out is not None:
            _write(out, pages.page(platform, index, found, asked.name))
        _emit(found.to_dict(), as_json, display.evaluated)


@app.command()
def ask(
    index: Index,
    text: Annotated[str, typer.Argument(metavar="TEXT", help="The question.")],
    as_of: Annotated[int | None, typer.Option("--as-of", metavar="N", help="Read this release.")] = None,
    principal: Annotated[list[str] | None, typer.Option("--principal", "-p", help="Who is asking; repeatable.")] = None,
    where: Annotated[list[str] | None, typer.Option("--where", metavar="FIELD=VALUE", help="Only these.")] = None,
    explain: Annotated[bool, typer.Option("--explain", help="Show what each stage took.")] = False,
    as_json: Json = False,
) -> None:
    """Answer from INDEX with exact quotes, or refuse.

    Exit 0 also where the index does not hold the answer; 3 where a generator failed or broke off."""
    from penstock import answers, display, retrieval

    with _platform() as platform:
        answer = answers.ask(platform, index, text, as_of, tuple(principal or ()), retrieval.parse_where(where or []))
        _emit(answer.to_dict(), as_json, display.answer_explained if explain else display.answered)
        raise typer.Exit(3 if answer.broken_off else 0)


@app.command()
def status(
    index: Annotated[str | None, typer.Argument(metavar="[INDEX]", help="All indexes unless named.")] = None,
    as_json: Json = False,
) -> None:
    """Say what is live, how fresh each source is, and what waits."""
    from penstock import display, inspection

    with _platform() as platform:
        _emit(inspection.status(platform, index), as_json, display.status)


@app.command()
def explain(
    source: Annotated[str, typer.Argument(metavar="SOURCE")],
    key: Annotated[str, typer.Argument(metavar="KEY")],
    as_json: Json = False,
) -> None:
    """Say why a document is or is not served, with its history."""
    from penstock import display, provenance

    with _platform() as platform:
        _emit(provenance.explain(platform, source, key), as_json, display.explanation)


@app.command()
def trace(chunk_id: Annotated[str, typer.Argument(metavar="CHUNK_ID")], as_json: Json = False) -> None:
    """Follow a chunk back to its bytes, parser, model and run."""
    from penstock import display, provenance

    with _platform() as platform:
        _emit(provenance.trace(platform, chunk_id), as_json, display.tree)


@quarantine_app.command("list")
def quarantine_list(
    index: Annotated[str | None, typer.Argument(metavar="[INDEX]")] = None, as_json: Json = False
) -> None:
    """List the documents in quarantine, with typed reasons."""
    from penstock import display, provenance

    with _platform() as platform:
        _emit(provenance.quarantine(platform, index), as_json, display.quarantine)


@quarantine_app.command("show")
def quarantine_show(
    source: Annotated[str, typer.Argument(metavar="SOURCE")],
    key: Annotated[str, typer.Argument(metavar="KEY")],
    as_json: Json = False,
) -> None:
    """Show why one document waits, and what to do about it."""
    from penstock import display, provenance

    with _platform() as platform:
        _emit(provenance.quarantined(platform, source, key), as_json, display.tree)


@quarantine_app.command("retry")
def quarantine_retry(
    source: Annotated[str | None, typer.Argument(metavar="[SOURCE]")] = None,
    key: Annotated[str | None, typer.Argument(metavar="[KEY]")] = None,
    as_json: Json = False,
) -> None:
    """Have the next sync try quarantined documents again."""
    from penstock import display, maintenance, provenance

    with _platform() as platform:
        if source is not None and key is not None:
            provenance.find_document(platform, source, key)
        elif source is not None:
            platform.settings.source(source)
        count = maintenance.retry_quarantined(platform, source, key)
        _emit({"to_retry": count}, as_json, display.retried)


@app.command()
def prune(
    index: Index,
    keep: Annotated[int, typer.Option("--keep", metavar="N", help="How many of the newest releases stay.")],
    wait: Wait = 0.0,
    as_json: Json = False,
) -> None:
    """Forget old releases and sweep what nothing names any more."""
    from penstock import display, maintenance

    with _platform() as platform:
        _emit(maintenance.prune(platform, index, keep, wait), as_json, display.tree)


@app.command()
def erase(
    source: Annotated[str, typer.Argument(metavar="SOURCE")],
    key: Annotated[str, typer.Argument(metavar="KEY")],
    why: Why,
    wait: Wait = 0.0,
    as_json: Json = False,
) -> None:
    """Forget a document for good, in every release.

    Prints a certificate that holds no content."""
    from penstock import display, erasure

    with _platform() as platform:
        _emit(erasure.erase(platform, source, key, _who(), why, wait), as_json, display.tree)


@app.command()
def move(
    index: Index,
    to: Annotated[str | None, typer.Option("--to", metavar="STORE", help="As store.index: weaviate, a folder.")] = None,
    from_: Annotated[str | None, typer.Option("--from", metavar="STORE", help="The configured one by default.")] = None,
    drop_old: Annotated[bool, typer.Option("--drop-old", help="Delete what an earlier move left behind.")] = False,
    wait: Wait = 0.0,
    as_json: Json = False,
) -> None:
    """Copy INDEX to another store, with no re-embedding.

    Compared by count and digest; then set store.index. The old copy stays until --drop-old."""
    from penstock import display, moving
    from penstock.errors import UsageError

    if drop_old == (to is not None):
        raise UsageError("name either --to STORE or --drop-old")
    with _platform() as platform:
        done = moving.move(platform, index, to, from_, wait) if to else moving.drop_moved(platform, index, wait)
        _emit(done, as_json, display.tree)


@app.command()
def verify(index: Index, as_json: Json = False) -> None:
    """Read and compare everything; exit 3 where anything differs."""
    from penstock import display, maintenance

    with _platform() as platform:
        findings = [one.to_dict() for one in maintenance.verify(platform, index)]
        _emit({"index": index, "findings": findings}, as_json, display.findings)
        raise typer.Exit(3 if findings else 0)


@app.command()
def doctor(as_json: Json = False) -> None:
    """Check configuration, stores, models, parsers and sources."""
    from penstock import display
    from penstock.checkup import examine

    checks = [asdict(check) for check in examine()]
    _emit(checks, as_json, display.checks)
    raise typer.Exit(3 if any(check["state"] == "bad" for check in checks) else 0)


@app.command()
def log(
    index: Annotated[str | None, typer.Argument(metavar="[INDEX]")] = None,
    limit: Annotated[int, typer.Option("-n", min=1, help="How many.")] = 50,
    as_json: Json = False,
) -> None:
    """Show who decided what, when and why."""
    from penstock import display, inspection

    with _platform() as platform:
        _emit(inspection.log(platform, index, limit), as_json, display.decisions)


@app.command()
def report(
    index: Index,
    n: Release,
    out: Annotated[Path, typer.Option("-o", "--out", help="Where to write the page.")] = Path("report.html"),
    as_json: Json = False,
) -> None:
    """Write the HTML report of a release.

    Its gates with their figures, and the run that made it."""
    from penstock import display, reports

    with _platform() as platform:
        _write(out, reports.release_report_html(platform, index, n))
        _emit({"report": str(out)}, as_json, display.tree)


Since = Annotated[str | None, typer.Option("--since", metavar="WHEN", help="2026-05-01, or 30d: so many days ago.")]


@interactions_app.command("export")
def interactions_export(
    index: Index,
    out: Annotated[Path, typer.Option("-o", "--out", metavar="FILE", help="A Parquet file.")],
    since: Since = None,
    until: Annotated[str | None, typer.Option("--until", metavar="WHEN", help="As --since.")] = None,
    as_json: Json = False,
) -> None:
    """Write what was asked, shown and answered into a Parquet file.

    What is erased later stays in the file."""
    from penstock import display, interactions
    from penstock.moments import parse_moment

    with _platform() as platform:
        count = interactions.export(platform, index, out, parse_moment(since), parse_moment(until))
        _emit({"interactions": count, "file": str(out)}, as_json, display.tree)


@interactions_app.command("prune")
def interactions_prune(as_json: Json = False) -> None:
    """Delete what is older than interactions.keep_days, of every index."""
    from penstock import display, interactions

    with _platform() as platform:
        _emit(interactions.prune(platform), as_json, display.tree)


@interactions_app.command("erase")
def interactions_erase(
    why: Why,
    person: Annotated[str | None, typer.Option("--person", metavar="P", help="As the service was told.")] = None,
    session: Annotated[str | None, typer.Option("--session", metavar="S", help="One session.")] = None,
    as_json: Json = False,
) -> None:
    """Forget what a person, or a session, asked and said.

    Prints a certificate that holds no content."""
    from penstock import display, interactions

    with _platform() as platform:
        _emit(interactions.erase(platform, _who(), why, person, session), as_json, display.tree)


@feedback_app.command("import")
def feedback_import(
    index: Index,
    files: Annotated[list[str], typer.Argument(metavar="FILE...", help="JSONL, CSV or Parquet; or s3://bucket/key.")],
    mapping: Annotated[
        Path | None, typer.Option("--mapping", metavar="FILE", help="Instead of indexes.INDEX.feedback.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Take in a log of feedback. Importing it again changes nothing.

    A bad row is named with its line and stops nothing; the exit code is then 1."""
    from penstock import display, feedback
    from penstock.feedback.mapping import load_mapping

    with _platform() as platform:
        done = feedback.import_files(platform, index, files, load_mapping(mapping) if mapping else None)
    _emit(done.to_dict(), as_json, display.imported)
    raise typer.Exit(1 if done.bad else 0)


@feedback_app.command("report")
def feedback_report(
    index: Index,
    since: Since = None,
    out: Annotated[Path | None, typer.Option("-o", "--out", metavar="FILE", help="Also write an HTML page.")] = None,
    topics: Annotated[bool, typer.Option(help="Group the questions; embeds them.")] = True,
    as_json: Json = False,
) -> None:
    """Show volumes, ratings over time, worst questions, unanswered topics and documents."""
    from penstock import display, feedback
    from penstock.moments import parse_moment

    with _platform() as platform:
        found = feedback.report(platform, index, parse_moment(since), topics)
    if out is not None:
        from penstock.feedback.page import page

        _write(out, page(found))
    _emit(found, as_json, display.feedback)


def _write(out: Path, page: str) -> None:
    from penstock.errors import UsageError

    try:
        out.write_text(page, encoding="utf-8")
    except OSError as error:
        raise UsageError(f"--out {out}: {error.strerror}; name a file in a folder that can be written") from None


if __name__ == "__main__":
    main()
