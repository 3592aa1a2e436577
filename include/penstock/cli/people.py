"""What people asked and said, what follows from it, and who may ask."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from penstock.cli.app import app, feedback, interactions, keys
from penstock.cli.parts import Index, Json, Since, Why, emit, opened, progress_shown, require_place, who, write_page


@interactions.command("export")
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
    from penstock.moments import parse_moment, parse_since

    with opened() as platform:
        count = interactions.export(platform, index, out, parse_since(since), parse_moment(until))
        emit({"interactions": count, "file": str(out)}, as_json, display.tree)


@interactions.command("prune")
def interactions_prune(as_json: Json = False) -> None:
    """Delete what is older than interactions.keep_days, of every index."""
    from penstock import display, interactions

    with opened() as platform:
        emit(interactions.prune(platform), as_json, display.tree)


@interactions.command("erase")
def interactions_erase(
    why: Why,
    person: Annotated[
        str | None,
        typer.Option("--person", metavar="P", help="As the service was told; of an API key KEYNAME:person."),
    ] = None,
    session: Annotated[str | None, typer.Option("--session", metavar="S", help="One session.")] = None,
    as_json: Json = False,
) -> None:
    """Forget what a person, or a session, asked and said.

    Prints a certificate that holds no content."""
    from penstock import display, interactions

    with opened() as platform:
        emit(interactions.erase(platform, who(), why, person, session), as_json, display.tree)


@feedback.command("give")
def feedback_give(
    interaction: Annotated[str, typer.Argument(metavar="INTERACTION", help="The id that --record printed.")],
    rating: Annotated[str | None, typer.Option("--rating", metavar="good|bad|N", help="N: from -1 to 1.")] = None,
    comment: Annotated[str | None, typer.Option("--comment", metavar="TEXT")] = None,
    correction: Annotated[
        str | None, typer.Option("--correction", metavar="TEXT", help="What the answer should have said.")
    ] = None,
    right: Annotated[
        str | None,
        typer.Option("--right", metavar="PASSAGE", help="The right chunk, KEY, SOURCE:KEY or document_id."),
    ] = None,
    span: Annotated[str | None, typer.Option("--span", metavar="TEXT", help="The right words of it.")] = None,
    copied: Annotated[bool, typer.Option("--copied", help="Something was copied.")] = False,
    cited: Annotated[bool, typer.Option("--cited", help="Something was cited.")] = False,
    abandoned: Annotated[bool, typer.Option("--abandoned", help="The answer was left unread.")] = False,
    passage: Annotated[
        str | None, typer.Option("--passage", metavar="PASSAGE", help="What this is about; the whole without it.")
    ] = None,
    principal: Annotated[list[str] | None, typer.Option("--principal", "-p", help="Who says it; repeatable.")] = None,
    as_json: Json = False,
) -> None:
    """Say something of an answer or of a passage that was shown.

    What is said at once is kept whole or not at all."""
    from penstock import display, feedback
    from penstock.feedback.saying import EVENTS, rated, said_at_once
    from penstock.interactions import Asker

    events = [kind for kind, so in zip(EVENTS, (copied, cited, abandoned), strict=True) if so]
    value = None if rating is None else rated(rating)
    said = said_at_once(value, comment, correction, right, span, events, passage)
    with opened() as platform:
        ids = feedback.give_all(platform, interaction, said, Asker(tuple(principal or ()), who().name))
        emit({"interaction": interaction, "feedback": ids}, as_json, display.tree)


@feedback.command("import")
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

    with opened() as platform:
        done = feedback.import_files(platform, index, files, load_mapping(mapping) if mapping else None)
    emit(done.to_dict(), as_json, display.imported)
    raise typer.Exit(1 if done.bad else 0)


@feedback.command("report")
def feedback_report(
    index: Index,
    since: Since = None,
    out: Annotated[Path | None, typer.Option("-o", "--out", metavar="FILE", help="Also write an HTML page.")] = None,
    topics: Annotated[bool, typer.Option(help="Group the questions; embeds them.")] = True,
    as_json: Json = False,
) -> None:
    """Show volumes, ratings over time, worst questions, unanswered topics and documents."""
    from penstock import display, feedback
    from penstock.moments import parse_since

    require_place(out)
    with opened() as platform:
        found = feedback.report(platform, index, parse_since(since), topics)
    if out is not None:
        from penstock.feedback.page import page

        write_page(out, page(found))
    emit(found, as_json, display.feedback)


@app.command()
def triage(index: Index, since: Since = None, as_json: Json = False) -> None:
    """Say which part failed each complaint.

    Documents, rights, search, ranking or answer, with the evidence."""
    from penstock import display
    from penstock.moments import parse_since
    from penstock.triage import triage as run_triage

    with opened() as platform:
        with progress_shown(as_json) as progress:
            found = run_triage(platform, index, parse_since(since), progress)
        emit(found.to_dict(), as_json, display.triaged)


@app.command()
def advise(index: Index, since: Since = None, as_json: Json = False) -> None:
    """Say what to do next, and why.

    Documents, rights, settings, a model, or nothing.
    Replays the questions of the log under other settings of retrieval."""
    from penstock import display
    from penstock.moments import parse_since
    from penstock.triage import advice_for

    with opened() as platform:
        with progress_shown(as_json) as progress:
            found = advice_for(platform, index, parse_since(since), progress)
        emit([one.to_dict() for one in found], as_json, display.advised)


@keys.command("create")
def keys_create(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Who will hold it, such as intranet.")],
    principal: Annotated[list[str], typer.Option("--principal", "-p", help="What it may see as; repeatable.")],
    expires: Annotated[float | None, typer.Option("--expires", metavar="DAYS", help="By default never.")] = None,
    as_json: Json = False,
) -> None:
    """Make an API key and print it, once.

    Only its hash is kept."""
    from penstock import display
    from penstock.credentials import keys

    with opened() as platform:
        emit(keys.create(platform, who(), name, principal, expires), as_json, display.key_made)


@keys.command("list")
def keys_list(as_json: Json = False) -> None:
    """List the keys, the newest first."""
    from penstock import display
    from penstock.credentials import keys

    with opened() as platform:
        emit(keys.list_keys(platform), as_json, display.keys)


@keys.command("revoke")
def keys_revoke(
    id_: Annotated[str, typer.Argument(metavar="ID", help="As `keys list` shows it.")],
    why: Why,
    in_days: Annotated[
        float, typer.Option("--in-days", metavar="DAYS", help="Let it go on for so long, while another takes over.")
    ] = 0.0,
    as_json: Json = False,
) -> None:
    """Make a key open nothing any more, within a second.

    Another key may have its name at once, and goes on with what was asked by it."""
    from penstock import display
    from penstock.credentials import keys

    with opened() as platform:
        emit(keys.revoke(platform, who(), id_, why, in_days), as_json, display.key_revoked)
