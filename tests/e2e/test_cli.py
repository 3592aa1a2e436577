"""The command line from outside: the real executable, its exit codes, and one JSON document on stdout.

A process costs seconds, so one story is told once, most of it through ``main`` in one process; the tests look at what
each command said in it. What ends with 0, 1, 2 and 3 is also seen of the executable itself.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("cli")]

PENSTOCK = Path(sys.executable).with_name("penstock")
CONFIG = """
[sources.notes]
type = "folder"
path = "notes"
when_silent = ["public"]
access_from = "sidecar"

[indexes.notes]
sources = ["notes"]
embedder = { backend = "hashing" }
gates = { max_quarantined_share = 0.5 }

[parser]
workers = 1
"""
SUBJECTS = "barley canal dam eel flood gauge heron ice jetty keel lock mill".split()  # noqa: SIM905 - reads better


@dataclass
class Said:
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


ONE_PROCESS = """
import contextlib, io, json, sys
from penstock.cli import main
for line in sys.stdin:
    sys.argv = ["penstock", *json.loads(line)]
    out, err, code = io.StringIO(), io.StringIO(), 0
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            main()
        except SystemExit as ended:
            code = ended.code
    print(json.dumps([code, out.getvalue(), err.getvalue()]), flush=True)
"""


class Shell:
    """Runs command lines in a folder: the executable itself, or its ``main`` many times in one process."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.said: dict[str, Said] = {}
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("PENSTOCK_")}
        config = {"PENSTOCK_CONFIG": str(root / "penstock.toml"), "PENSTOCK_USER": "tester", "COLUMNS": "80"}
        self.env = {**inherited, **config}
        self._process: subprocess.Popen[str] | None = None

    def executable(self, *arguments: str, **env: str) -> Said:
        ended = subprocess.run(
            [PENSTOCK, *arguments],
            cwd=self.root,
            env={**self.env, **env},
            capture_output=True,
            text=True,
            timeout=600,
        )
        return Said(ended.returncode, ended.stdout, ended.stderr)

    def main(self, *arguments: str) -> Said:
        """What the executable calls. Something printed past ``sys.stdout`` spoils the answer, and so is noticed."""
        if self._process is None:
            python = [sys.executable, "-c", ONE_PROCESS]
            self._process = subprocess.Popen(
                python, cwd=self.root, env=self.env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
            )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print(json.dumps(arguments), file=self._process.stdin, flush=True)
        return Said(*json.loads(self._process.stdout.readline()))

    def tell(self, name: str, *arguments: str) -> Said:
        """Run a command and remember what it said under a name."""
        self.said[name] = self.main(*arguments)
        return self.said[name]

    def close(self) -> None:
        if self._process is not None:
            self._process.communicate(timeout=60)


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Said]:
    with closing(Shell(tmp_path_factory.mktemp("cli"))) as shell:
        tell(shell)
    return shell.said


def tell(shell: Shell) -> None:
    notes = shell.root / "notes"
    notes.mkdir()
    (shell.root / "penstock.toml").write_text(CONFIG)
    for subject in SUBJECTS:
        (notes / f"{subject}.md").write_text(f"# The {subject}\n\nOf the {subject} we know this and that.\n")
    (notes / "secret.md").write_text("# The treasure\n\nThe treasure lies under the oldest willow.\n")
    (notes / "secret.md.access.json").write_text('{"principals": ["group:keepers"]}')
    (notes / "broken.docx").write_bytes(b"PK\x03\x04 this is no archive")
    first_days(shell, notes)
    reading(shell)
    speaking(shell)
    refusals(shell, notes)
    wrong_use(shell)


def first_days(shell: Shell, notes: Path) -> None:
    shell.said["sync 1"] = shell.executable("sync", "notes")
    (notes / "barley.md").write_text("# The barley\n\nBarley costs £12 a sack since Tuesday.\n")
    shell.tell("plan", "plan", "notes", "--json")
    shell.tell("sync 2", "sync", "notes", "--json")


def reading(shell: Shell) -> None:
    question = ("search", "notes", "what does barley cost", "--json")
    found = shell.tell("search", *question, "-k", "3")
    shell.tell("preview", "preview", "notes", "-n", "2", "--json")
    shell.tell("releases", "releases", "notes", "--json")
    shell.tell("diff", "diff", "notes", "1", "2", "--json")
    shell.tell("search as of", *question, "--as-of", "1", "-k", "3")
    shell.tell("search stranger", "search", "notes", "treasure willow", "--json")
    shell.tell("search keeper", "search", "notes", "treasure willow", "-p", "group:keepers", "--json")
    shell.tell("search blank", "search", "notes", "\u200b\x01", "--json")
    shell.tell("ask blank", "ask", "notes", "\u200b\x01", "--json")
    shell.tell("search half", "search", "notes", "barley", "--where", "key = ", "--json")
    shell.tell("search where", "search", "notes", "barley", "--where", "key=mill.md", "--json")
    shell.tell("search people", "search", "notes", "what does barley cost", "-k", "1")
    shell.tell("ask", "ask", "notes", "what does barley cost", "--json")
    shell.tell("ask as of", "ask", "notes", "what do we know of barley", "--as-of", "1", "--json")
    shell.tell("ask people", "ask", "notes", "what does barley cost", "--explain")
    shell.tell("ask in vain", "ask", "notes", "how is a quasar spun", "--json")
    shell.tell(
        "ask a stranger", "ask", "notes", "under which willow lies the treasure", "--where", "key=secret.md", "--json"
    )
    shell.tell("status", "status", "--json")
    shell.tell("explain", "explain", "notes", "barley.md", "--json")
    shell.tell("trace", "trace", found.json["hits"][0]["chunk_id"], "--json")
    shell.tell("quarantine list", "quarantine", "list", "--json")
    shell.tell("quarantine show", "quarantine", "show", "notes", "broken.docx", "--json")
    shell.tell("verify", "verify", "notes", "--json")
    shell.tell("doctor", "doctor", "--json")
    shell.tell("report", "report", "notes", "2", "--out", "report.html", "--json")
    evaluating(shell)


def evaluating(shell: Shell) -> None:
    line = '{{"id": "{0}", "question": "what do we know of the {0}", "keys": ["{0}.md"]}}'
    (shell.root / "golden.jsonl").write_text("\n".join(line.format(one) for one in ("dam", "mill", "treasure")))
    ask = ("evaluate", "notes", "golden.jsonl")
    shell.tell("evaluate", *ask, "--against", "1,mode=text", "-o", "how.html", "--json")
    shell.tell("evaluate people", *ask)
    shell.tell("evaluate to nowhere", *ask, "-o", "nowhere/how.html")
    shell.tell("evaluate history", "evaluate", "notes", "--history", "--json")
    shell.tell("evaluate nothing", "evaluate", "notes")


def speaking(shell: Shell) -> None:
    asked = shell.tell("search record", "search", "notes", "what does barley cost", "-k", "1", "--record", "--json")
    answer = shell.tell(
        "ask record", "ask", "notes", "what does barley cost", "--where", "key=barley.md", "--record", "--json"
    )
    give = ("feedback", "give", answer.json["interaction"])
    shell.tell("feedback give", *give, "--rating", "good", "--right", "eel.md", "--span", "the eel we know", "--json")
    shell.tell("feedback give badly", *give, "--comment", "no", "--copied", "--passage", "eels.md", "--json")
    shell.tell("feedback give nothing", *give, "--json")
    rows = [
        {"interaction": asked.json["interaction"], "rating": "up"},
        {"question": "who keeps the eels?", "shown": ["eel.md"], "rating": "down", "comment": "that is not said"},
        {"question": "who keeps the eels?", "shown": ["eels.md"], "rating": "down"},
    ]
    (shell.root / "log.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    shell.tell("feedback import", "feedback", "import", "notes", "log.jsonl", "--json")
    shell.tell("feedback import people", "feedback", "import", "notes", "log.jsonl")
    shell.tell("feedback report", "feedback", "report", "notes", "--since", "1d", "-o", "feedback.html", "--json")
    shell.tell("feedback report people", "feedback", "report", "notes")
    shell.tell("evaluate feedback", "evaluate", "notes", "--feedback", "--since", "1d", "--json")
    shell.tell("evaluate answers", "evaluate", "notes", "golden.jsonl", "--answers", "-o", "answers.html", "--json")
    shell.tell("evaluate answers people", "evaluate", "notes", "golden.jsonl", "--answers")
    shell.tell("evaluate judge", "evaluate", "notes", "golden.jsonl", "--answers", "--judge")
    shell.tell("evaluate both", "evaluate", "notes", "log.jsonl", "--feedback")
    shell.tell("interactions export", "interactions", "export", "notes", "-o", "log.parquet", "--json")
    shell.tell("interactions erase", "interactions", "erase", "--person", "tester", "--why", "the law", "--json")
    shell.tell("interactions prune", "interactions", "prune", "--json")
    made = shell.tell("keys create", "keys", "create", "intranet", "-p", "group:keepers", "--expires", "90", "--json")
    shell.tell("keys create people", "keys", "create", "kiosk", "-p", "public")
    shell.tell("keys list", "keys", "list", "--json")
    shell.tell("keys list people", "keys", "list")
    shell.tell("keys revoke", "keys", "revoke", made.json["id"], "--why", "its holder left", "--json")
    shell.tell("keys create again", "keys", "create", "kiosk", "-p", "group:keepers")


def refusals(shell: Shell, notes: Path) -> None:
    shell.tell("quarantine retry", "quarantine", "retry", "notes", "broken.docx", "--json")
    for subject in SUBJECTS[1:6]:
        (notes / f"{subject}.md").unlink()
    shell.tell("refused", "sync", "notes", "--json")
    shell.tell("approve blank", "approve", "notes", "3", "--why", "  ", "--json")
    shell.tell("approve", "approve", "notes", "3", "--why", "we gave these up", "--json")
    again = ("approve", "notes", "3", "--why", "really", "--json")
    shell.said["approve again"] = shell.executable(*again)
    shell.tell("rollback", "rollback", "notes", "--to", "1", "--why", "a look back", "--json")
    shell.tell("resume", "resume", "notes", "--why", "seen enough", "--json")
    shell.tell("reindex", "reindex", "notes", "--json")
    shell.tell("erase", "erase", "notes", "secret.md", "--why", "the law", "--json")
    for subject in SUBJECTS[6:10]:
        (notes / f"{subject}.md").unlink()
    shell.tell("refused again", "sync", "notes", "--json")
    shell.tell("reject", "reject", "notes", "5", "--why", "these must stay", "--json")
    shell.tell("prune", "prune", "notes", "--keep", "1", "--json")
    away = notes.rename(notes.with_name("away"))
    notes.mkdir()
    shell.said["empty"] = shell.executable("sync", "notes", "--json")
    notes.rmdir()
    away.rename(notes)
    shell.tell("status after", "status", "notes", "--json")
    shell.tell("log", "log", "--json")
    shell.tell("log people", "log")


def wrong_use(shell: Shell) -> None:
    bad = shell.root / "bad.toml"
    bad.write_text(CONFIG.replace("access_from", "acess_from"))
    shell.said["unknown index"] = shell.executable("sync", "note", "--json")
    shell.tell("unknown release", "diff", "notes", "4", "99")
    shell.tell("no argument", "sync", "--json")
    shell.said["no command"] = shell.executable("snyc")
    shell.said["bad config"] = shell.executable("status", PENSTOCK_CONFIG=str(bad))
    shell.said["no config"] = shell.executable("status", "--json", PENSTOCK_CONFIG=str(shell.root / "none.toml"))


SUCCEEDS = (
    "plan",
    "sync 2",
    "search",
    "preview",
    "releases",
    "diff",
    "search as of",
    "search stranger",
    "search keeper",
    "search where",
    "status",
    "explain",
    "trace",
    "quarantine list",
    "quarantine show",
    "verify",
    "doctor",
    "report",
    "evaluate",
    "evaluate history",
    "search record",
    "ask record",
    "feedback give",
    "evaluate feedback",
    "evaluate answers",
    "feedback report",
    "interactions export",
    "interactions erase",
    "interactions prune",
    "keys create",
    "keys list",
    "keys revoke",
    "quarantine retry",
    "approve",
    "rollback",
    "resume",
    "reindex",
    "erase",
    "reject",
    "prune",
    "log",
)


@pytest.mark.parametrize("name", SUCCEEDS)
def test_json_is_one_document_and_the_code_is_0(story: dict[str, Said], name: str) -> None:
    assert story[name].code == 0, story[name].err + story[name].out
    assert len(story[name].out.splitlines()) == 1
    assert story[name].json is not None


def test_people_read_what_a_run_did(story: dict[str, Said]) -> None:
    said = story["sync 1"]
    assert said.code == 0, said.err
    assert said.out.startswith("Release 1 is live\nnotes, run 1 (sync), ")
    assert "  listed   14 documents\n           13 new\n" in said.out
    assert "  texts    13 distinct: 13 embedded, 0 from the cache\n" in said.out
    assert "\x1b" not in said.out


def test_a_plan_says_what_the_sync_then_does(story: dict[str, Said]) -> None:
    plan, counts = story["plan"].json, story["sync 2"].json["counts"]
    assert (plan["changed"], plan["texts_to_embed"]) == (1, 1)
    assert (counts["changed"], counts["embedded"]) == (1, 1)
    assert plan["documents"] == [{"change": "changed", "source": "notes", "key": "barley.md"}]


def test_a_diff_names_what_changed(story: dict[str, Said]) -> None:
    assert [(one["key"], one["change"]) for one in story["diff"].json["documents"]] == [("barley.md", "changed")]


def test_a_search_reads_the_release_that_it_is_told(story: dict[str, Said]) -> None:
    now, before = story["search"].json, story["search as of"].json
    assert (now["release"], before["release"]) == (2, 1)
    assert "£12" in now["hits"][0]["text"]
    assert all("£12" not in hit["text"] for hit in before["hits"])


def test_a_search_shows_what_the_reader_may_see(story: dict[str, Said]) -> None:
    assert all(hit["key"] != "secret.md" for hit in story["search stranger"].json["hits"])
    assert story["search keeper"].json["hits"][0]["key"] == "secret.md"
    assert {hit["key"] for hit in story["search where"].json["hits"]} == {"mill.md"}


def test_half_a_question_is_refused(story: dict[str, Said]) -> None:
    blank = "the question is blank; write some words to search for"
    half = "filter, character 7: found the end where a text in quotes, a number or a date would do"
    said = [(story[name].code, story[name].json["error"]) for name in ("search blank", "ask blank", "search half")]
    assert said == [(2, blank), (2, blank), (2, half)]


def test_people_can_trace_what_a_search_prints(story: dict[str, Said]) -> None:
    chunk = story["search"].json["hits"][0]["chunk_id"]
    assert f"    chunk {chunk}\n" in story["search people"].out
    assert story["trace"].json["chunk"]["id"] == chunk


def test_a_key_is_shown_once(story: dict[str, Said]) -> None:
    made, people = story["keys create"].json, story["keys create people"].out
    shown = re.search(r"^psk_[0-9a-f]{12}_([0-9a-f]{64})$", people, re.MULTILINE)
    assert shown
    assert people.startswith("Key kiosk gives public, until it is revoked.\n")
    listed = story["keys list"].json
    assert [(one["name"], one["principals"], one["state"]) for one in listed] == [
        ("kiosk", ["public"], "valid"),
        ("intranet", ["group:keepers"], "valid"),
    ]
    assert made["expires_at"] - made["created_at"] == 90 * 86_400
    everything = "".join(one.out for name, one in story.items() if not name.startswith("keys create"))
    assert made["key"].rpartition("_")[2] not in everything
    assert shown[1] not in everything
    assert f"{made['id']}  intranet  valid  made " in story["keys list people"].out
    assert (story["keys create again"].code, "there is a key 'kiosk' already" in story["keys create again"].err) == (
        2,
        True,
    )


def test_questions_with_known_answers_are_measured_and_kept(story: dict[str, Said]) -> None:
    found = story["evaluate"].json
    assert (found["questions"]["asked"], found["absent"]) == (2, {"treasure": "unknown"})
    assert (found["release"], found["figures"]["R@1"]["mean"]) == (2, 1.0)
    assert (found["against"]["release"], found["against"]["settings"]["mode"]) == (1, "text")
    said = story["evaluate people"].out
    assert said.startswith("notes, release 2, hybrid   2 questions of golden, ")
    assert "\n  nDCG@10  1.000  [0.342, 1.000]\n" in said
    assert said.endswith("  not asked, unknown: treasure\n")
    history = [(one["release"], one["set_name"]) for one in story["evaluate history"].json]
    assert history == [(1, "golden"), (2, "golden"), (2, "golden")]
    nowhere = story["evaluate to nowhere"]  # no question was asked for it: the history has none
    assert (nowhere.code, nowhere.out) == (2, "")
    assert "--out nowhere/how.html: No such file or directory; name a file in a folder that" in nowhere.err
    assert story["evaluate nothing"].code == 2
    assert "name a file of golden questions or a BEIR folder" in story["evaluate nothing"].err


def test_feedback_is_taken_row_by_row_and_a_bad_one_ends_with_1(story: dict[str, Said]) -> None:
    done = story["feedback import"]
    assert done.code == 1
    assert (done.json["rows"], done.json["taken"], done.json["interactions"], done.json["feedback"]) == (3, 2, 1, 3)
    problem = "no source of 'notes' has a document 'eels.md'; write its key, or SOURCE:KEY"
    assert done.json["bad"] == [{"file": "log.jsonl", "line": 3, "problem": problem}]
    again = story["feedback import people"]
    assert again.code == 1
    assert f"  log.jsonl:3  {problem}\n" in again.out
    assert "  new            nothing\n  known already  2 interactions, 3 feedback\n" in again.out


def test_people_read_what_was_said(story: dict[str, Said]) -> None:
    volumes = story["feedback report"].json["volumes"]
    assert (volumes["interactions"], volumes["answers"]) == (3, 1)
    assert volumes["feedback"] == {"rating": 3, "comment": 1, "right-passage": 1}
    said = story["feedback report people"].out
    assert "Worst questions\n  -1.00  1 rated  who keeps the eels?\n" in said
    assert "Unanswered topics\n  1 asked  1 wording  who keeps the eels?\n" in said
    assert "  -1.00  1 rated  1 shown  named as right 1 ×  notes:eel.md\n" in said


def test_what_is_said_at_once_is_kept_whole_or_not_at_all(story: dict[str, Said]) -> None:
    given = story["feedback give"].json
    assert (given["interaction"], len(given["feedback"])) == (story["ask record"].json["interaction"], 2)
    badly, nothing = story["feedback give badly"], story["feedback give nothing"]
    assert (badly.code, nothing.code) == (2, 2)
    assert badly.json["error"] == "no source of 'notes' has a document 'eels.md'; write its key, or SOURCE:KEY"
    assert nothing.json["error"].startswith("nothing is said; give a rating, a comment,")


def test_what_people_asked_and_judged_is_evaluated(story: dict[str, Said]) -> None:
    found = story["evaluate feedback"].json
    assert (found["questions"]["set"], found["questions"]["asked"]) == ("feedback", 2)  # one with a filter, one without
    assert found["remarks"][0].startswith("only what was shown could be judged: what no search ever brought up counts")
    answers = story["evaluate answers"].json
    assert (answers["questions"]["set"], answers["judge"], answers["absent"]) == (
        "golden",
        None,
        {"treasure": "unknown"},
    )
    assert story["evaluate answers people"].out.startswith("notes, release 2, answers by extractive   2 questions of ")
    assert story["evaluate judge"].code == 2
    assert "name a chat model as indexes.notes.judge in " in story["evaluate judge"].err
    assert story["evaluate both"].code == 2
    assert "name either log.jsonl or --feedback" in story["evaluate both"].err


def test_a_person_who_asked_at_the_terminal_can_be_forgotten(story: dict[str, Said]) -> None:
    assert story["interactions export"].json["interactions"] == 3
    certificate = story["interactions erase"].json
    assert (certificate["interactions_erased"], certificate["feedback_erased"]) == (2, 3)


def test_the_broken_document_waits_alone(story: dict[str, Said]) -> None:
    assert [one["key"] for one in story["quarantine list"].json] == ["broken.docx"]
    assert story["quarantine show"].json["reason"]
    assert story["quarantine retry"].json == {"to_retry": 1}


def test_a_refused_release_ends_with_1_and_waits(story: dict[str, Said]) -> None:
    refused = story["refused"]
    assert refused.code == 1
    assert refused.json["state"] == "waiting"
    assert refused.json["message"].startswith("release 3 was refused (removals: ")


def test_a_decision_needs_a_reason(story: dict[str, Said]) -> None:
    assert story["approve blank"].code == 2
    assert story["approve blank"].json["error"] == "a decision needs a reason: say in a few words why (--why TEXT)"


def test_the_first_decision_wins_and_the_second_is_told(story: dict[str, Said]) -> None:
    assert story["approve"].json["live"] == 3
    assert story["approve again"].code == 1
    assert story["approve again"].json["error"] == (
        "release 3 of 'notes' was decided before: approve by tester (we gave these up)"
    )


def test_rollback_and_resume_move_the_live_release(story: dict[str, Said]) -> None:
    assert (story["rollback"].json["before"], story["rollback"].json["live"]) == (3, 1)
    assert (story["resume"].json["before"], story["resume"].json["live"]) == (1, 3)
    assert story["reindex"].json["release"] == 4


def test_every_decision_is_in_the_log(story: dict[str, Said]) -> None:
    decided = [(one["what"], one["release"], one["who"], one["why"]) for one in reversed(story["log"].json)]
    kiosk, intranet = (one["id"] for one in story["keys list"].json)
    assert decided == [
        ("erase-person", None, "tester", "the law"),
        ("create-key", None, "tester", f"key {intranet} gives group:keepers"),
        ("create-key", None, "tester", f"key {kiosk} gives public"),
        ("revoke-key", None, "tester", f"key {intranet}: its holder left"),
        ("approve", 3, "tester", "we gave these up"),
        ("rollback", 1, "tester", "a look back"),
        ("resume", 3, "tester", "seen enough"),
        ("erase", None, "tester", "the law"),
        ("reject", 5, "tester", "these must stay"),
    ]
    assert "approve notes 3  by tester (cli)\n                  we gave these up\n" in story["log people"].out
    assert "secret.md" not in story["log people"].out


def test_an_empty_folder_fails_and_removes_nothing(story: dict[str, Said]) -> None:
    assert story["empty"].code == 3, story["empty"].out
    after = story["status after"].json[0]
    assert (after["live"], after["documents"]) == (4, 7)
    assert after["sources"][0]["error"]


def test_unknown_names_come_with_the_near_ones(story: dict[str, Said]) -> None:
    unknown = story["unknown index"]
    assert unknown.code == 2
    assert unknown.json["error"] == "unknown index 'note'; did you mean 'notes'?"
    assert unknown.err == "penstock: unknown index 'note'; did you mean 'notes'?\n"
    assert story["unknown release"].code == 2
    assert "99" in story["unknown release"].err


def test_a_question_is_answered_from_its_source_or_refused(story: dict[str, Said]) -> None:
    answer = story["ask"].json
    assert (story["ask"].code, answer["refused"], answer["release"]) == (0, False, 2)
    assert answer["text"] == "Barley costs £12 a sack since Tuesday."
    assert answer["quotes"][0]["key"] == "barley.md"
    assert story["ask as of"].json["text"] == "Of the barley we know this and that."
    assert "  Barley costs £12 a sack since Tuesday. [1]\n\n 1  The barley\n" in story["ask people"].out
    refused = story["ask in vain"]
    assert (refused.code, refused.json["refused"], refused.json["claims"]) == (0, True, [])
    assert (
        story["ask a stranger"].json["reason"]
        == "nothing was found that passes the filter and that this reader may see"
    )


def test_wrong_use_ends_with_2(story: dict[str, Said]) -> None:
    assert story["no argument"].code == 2
    assert story["no argument"].json["error"] == "Missing argument 'INDEX'."
    assert (story["no command"].code, story["no command"].out) == (2, "")
    assert "Did you mean 'sync'?" in story["no command"].err


def test_a_wrong_configuration_names_file_key_and_remedy(story: dict[str, Said]) -> None:
    said = story["bad config"]
    assert (said.code, said.out) == (2, "")
    assert "bad.toml: unknown key 'sources.notes.acess_from'; did you mean 'access_from'" in said.err
    assert story["no config"].code == 2
    assert "run `penstock init DIR` to write one" in story["no config"].json["error"]


def test_init_writes_a_project_that_runs(tmp_path: Path) -> None:
    project = tmp_path / "fresh"
    with closing(Shell(tmp_path)) as outside:
        made = outside.main("init", str(project), "--json")
        again = outside.main("init", str(project))
    assert made.code == 0, made.err
    assert made.json["written"] == ["penstock.toml", "documents/welcome.md", ".gitignore"]
    assert again.code == 2
    assert again.err == f"penstock: {project}/penstock.toml exists already; name another folder, or edit that file\n"
    with closing(Shell(project)) as shell:
        synced = shell.main("sync", "library", "--json")
        found = shell.main("search", "library", "how do I go back?", "--json")
    assert (synced.code, synced.json["release"]) == (0, 1), synced.err
    assert found.json["hits"][0]["headings"][-1] == "How to go back"
