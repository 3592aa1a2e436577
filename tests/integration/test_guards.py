"""Question sets of other domains: what a challenger lost there, and what is wrong with a folder."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from penstock.embedding import open_embedder
from penstock.errors import UsageError
from penstock.promotion import guards
from penstock.promotion_settings import GuardSettings
from penstock.settings import EmbedderSettings
from support import tuned
from support.tuned import MARKS, THINGS
from support.workspace import Workspace


@pytest.fixture
def domain(tmp_path: Path) -> Path:
    """A BEIR folder with a question about each thing."""
    at = tmp_path / "things"
    (at / "qrels").mkdir(parents=True)
    documents = [
        {"_id": f"d{n}", "title": "Page", "text": f"the page is about {thing} and {mark}"}
        for n, (thing, mark) in enumerate(zip(THINGS, MARKS, strict=True))
    ]
    asked = [{"_id": f"q{n}", "text": f"what is {thing}"} for n, thing in enumerate(THINGS)]
    for name, rows in (("corpus", documents), ("queries", asked)):
        (at / f"{name}.jsonl").write_text("".join(json.dumps(one) + "\n" for one in rows))
    judged = "".join(f"q{n}\td{n}\t1\n" for n in range(len(THINGS)))
    (at / "qrels" / "test.tsv").write_text(f"query-id\tcorpus-id\tscore\n{judged}")
    return at


def test_what_an_embedder_forgot_shows_on_the_guard(workspace: Workspace, tmp_path: Path, domain: Path) -> None:
    champion, forgetful = (
        open_embedder(EmbedderSettings(model=str(tuned.model(tmp_path / name, unknown)), precision="float32"))
        for name, unknown in (("champion", ()), ("forgetful", THINGS[:20]))
    )
    settings = {"things": GuardSettings(path=domain, max_loss=0.02)}
    (lost, tolerated) = guards.of_embedders(workspace.platform, 1, settings, champion, forgetful)["things"]
    assert (lost.n, tolerated, lost.minimum) == (len(THINGS), 0.02, -0.02)
    assert lost.high < -0.02
    (same, _) = guards.of_embedders(workspace.platform, 1, settings, champion, champion)["things"]
    assert (same.mean, same.low, same.high) == (0.0, 0.0, 0.0)


def test_a_guard_without_its_documents_is_refused(domain: Path) -> None:
    corpus = domain / "corpus.jsonl"
    corpus.write_text('{"_id": "d0"}\n')
    with pytest.raises(UsageError) as refused:
        guards.read(GuardSettings(path=domain))
    assert str(refused.value) == f"{corpus}, line 1: a document is a JSON object with _id and text (KeyError('text'))"
    corpus.unlink()
    with pytest.raises(UsageError) as missing:
        guards.read(GuardSettings(path=domain))
    assert str(missing.value) == f"{corpus}: No such file or directory; a guard needs the documents of its domain"
