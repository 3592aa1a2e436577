"""Questions to an index, answered here or over HTTP, and how well they are."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer

from penstock.cli.app import app
from penstock.cli.parts import Index, Json, Since, Where, emit, opened, progress_shown, require_place, who, write_page


@app.command()
def search(
    index: Index,
    text: Annotated[str, typer.Argument(metavar="TEXT", help="The question.")],
    as_of: Annotated[int | None, typer.Option("--as-of", metavar="N", help="Read this release.")] = None,
    principal: Annotated[list[str] | None, typer.Option("--principal", "-p", help="Who is asking; repeatable.")] = None,
    where: Where = None,
    k: Annotated[int, typer.Option("-k", help="How many.")] = 10,
    mode: Annotated[str | None, typer.Option(help="hybrid, vector or text; by default as configured.")] = None,
    explain: Annotated[bool, typer.Option("--explain", help="Show what each stage did to the ranks.")] = False,
    record: Annotated[bool, typer.Option("--record", help="Keep it as an interaction; prints its id.")] = False,
    as_json: Json = False,
) -> None:
    """Search INDEX and cite the exact places.

    Nothing is recorded unless you say so: what you try at a terminal is not what readers ask."""
    from penstock import display, retrieval

    readers, began = tuple(principal or ()), time.time()
    with opened() as platform:
        found = retrieval.search(platform, index, text, as_of, readers, retrieval.parse_where(where or []), k, mode)
        answer = found.to_dict()
        if record:
            from penstock import interactions

            asker = interactions.Asker(readers, who().name, at=began)
            answer["interaction"] = interactions.record(platform, found, asker)
        emit(answer, as_json, display.explained if explain else display.found)


@app.command()
def ask(
    index: Index,
    text: Annotated[str, typer.Argument(metavar="TEXT", help="The question.")],
    as_of: Annotated[int | None, typer.Option("--as-of", metavar="N", help="Read this release.")] = None,
    principal: Annotated[list[str] | None, typer.Option("--principal", "-p", help="Who is asking; repeatable.")] = None,
    where: Where = None,
    explain: Annotated[bool, typer.Option("--explain", help="Show what each stage took.")] = False,
    record: Annotated[bool, typer.Option("--record", help="Keep it as an interaction; prints its id.")] = False,
    as_json: Json = False,
) -> None:
    """Answer from INDEX with exact quotes, or refuse.

    Exit 0 also where the index does not hold the answer; 3 where a generator failed or broke off."""
    from penstock import answers, display, interactions, retrieval

    readers = tuple(principal or ())
    with opened() as platform:
        events = answers.stream(platform, index, text, as_of, readers, retrieval.parse_where(where or []))
        if record:
            events = answers.recorded(platform, events, interactions.Asker(readers, who().name))
        ended = answers.last(events)
        answer = ended.answer.to_dict() | ({"interaction": ended.interaction} if record else {})
        emit(answer, as_json, display.answer_explained if explain else display.answered)
        raise typer.Exit(3 if ended.answer.broken_off else 0)


@app.command()
def serve(
    host: Annotated[str | None, typer.Option("--host", help="Instead of service.host.")] = None,
    port: Annotated[
        int | None, typer.Option("--port", min=0, max=65_535, help="Instead of service.port: 0 to 65535, 0 for any.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Answer over HTTP, with a page at /, until stopped."""
    from penstock import display
    from penstock.service.serving import serve as run

    with opened() as platform:
        chosen = platform.settings.service
        run(
            platform,
            chosen.host if host is None else host,
            chosen.port if port is None else port,
            lambda url: emit({"url": url}, as_json, display.tree),
        )


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
    feedback: Annotated[bool, typer.Option("--feedback", help="Ask what people asked, by what they judged.")] = False,
    since: Since = None,
    answers: Annotated[bool, typer.Option("--answers", help="Grade answers instead of rankings.")] = False,
    judge: Annotated[bool, typer.Option("--judge", help="With --answers: also a model's opinion.")] = False,
    history: Annotated[bool, typer.Option("--history", help="Ask nothing; show what was measured before.")] = False,
    out: Annotated[Path | None, typer.Option("-o", "--out", help="Also write an HTML page with plots.")] = None,
    as_json: Json = False,
) -> None:
    """Measure how well INDEX answers known questions.

    nDCG@10, recall and reciprocal rank by document, with 95 % intervals; kept, so that --history can show them."""
    from penstock import display, evaluation
    from penstock.errors import UsageError
    from penstock.evaluation import answering, judged, pages, running
    from penstock.moments import parse_since

    if feedback and questions is not None:
        raise UsageError(f"name either {questions} or --feedback")
    if since is not None and not feedback:
        raise UsageError("--since is about --feedback; leave it out")
    if judge and not answers:
        raise UsageError("--judge is about answers; add --answers")
    if answers and (against is not None or changes or history):
        raise UsageError("--answers grades the answers of one release; leave --against, --with and --history out")
    require_place(out)
    with opened() as platform:
        if history:
            chosen = judged.NAME if feedback else evaluation.read(questions, split).name if questions else None
            if out is not None:
                write_page(out, pages.page(platform, index, set_name=chosen))
            emit(evaluation.history(platform, index, chosen), as_json, display.history)
            return
        readers = tuple(principal or ())
        if feedback:
            asked = judged.read(platform, index, readers, parse_since(since))
        else:
            asked = running.as_readers(running.questions_of(platform, index, questions, split), readers)
        ours, theirs = evaluation.sides(platform, index, as_of, changes, against)
        if answers:
            opinions = answering.open_judge(platform, index) if judge else None
            with progress_shown(as_json) as progress:
                graded = answering.evaluate_answers(platform, index, asked, ours.release, opinions, progress)
            if out is not None:
                write_page(out, pages.answers_page(graded))
            emit(graded.to_dict(), as_json, display.answers_evaluated)
            return
        with progress_shown(as_json) as progress:
            found = evaluation.evaluate(platform, index, asked, ours, theirs, progress)
        if out is not None:
            write_page(out, pages.page(platform, index, found, asked.name))
        emit(found.to_dict(), as_json, display.evaluated)
