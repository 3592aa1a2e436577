"""An index whose search fails its readers, and what they said of it: enough to learn from, in seconds.

Questions and documents use two vocabularies. A search by words finds nothing, and a tiny embedder of random weights
little more, until it is tuned on what people called right; so triage blames the search, and advises another embedder.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from penstock import feedback
from penstock.settings import IndexSettings, Settings
from penstock.tuning_settings import EmbedderRecipe
from support import tiny_models, tuning
from support.workspace import Workspace

THINGS = {f"gru{a}{b}": f"{b}{a}lom" for a in "aei" for b in "bdf"}
"""What readers call a thing, and what the documents call it."""
PLACES = {f"ski{a}{b}": f"{b}{a}net" for a in "aei" for b in "kmp"}
PEOPLE = 12
RECIPE = EmbedderRecipe(
    method="full", batch=16, max_length=16, epochs=15, learning_rate=5e-3, mixes=(1.0,), evaluations=1, patience=15
)
ENOUGH = {"min_examples": 50, "gate": {"min_test_examples": 10, "max_latency_ratio": 50.0}}


def pages() -> dict[str, tuple[str, str]]:
    """Key → the question that it answers, and its one sentence."""
    return {
        f"{thing}-{place}.md": (f"where {asked} of {near}", f"keeper says {thing} {place} stands ready")
        for asked, thing in THINGS.items()
        for near, place in PLACES.items()
    }


def configure(w: Workspace, training: dict[str, Any] | None = None, **retrain: Any) -> None:
    """Name the tiny embedder, search by meaning alone, and ask for few examples; ``retrain`` adds to its table."""
    made = IndexSettings(
        sources=("docs",),
        embedder={"model": str(w.root / "model"), "threads": 1, "precision": "float32"},
        chunker={"max_tokens": 60},
        gates=w.settings.indexes["main"].gates,
        retrieval={"mode": "vector", "collapse": False},
        training={**ENOUGH, **(training or {})},
        retrain={"recipe": "quick", **retrain},
    )
    w.settings = Settings(
        **{name: getattr(w.settings, name) for name in ("sources", "parser", "store", "file", "home")},
        indexes={"main": made},
        recipes={"quick": RECIPE},
    )
    w.platform.close()
    w.platform = w.open()


def fill(w: Workspace) -> None:
    """Make the model, publish the documents, and take in a complaint about each."""
    tiny_models.embedder(w.root / "model", [text for both in pages().values() for text in both])
    configure(w)
    (w.settings.home / "mlflow.db").write_bytes(tuning.empty_tracking())
    for key, (_question, sentence) in pages().items():
        w.write(key, f"{sentence}\n")
    assert w.sync().state == "published"
    w.fix_splits()
    complain(w)


def complain(w: Workspace, session: str = "s", more: str = "") -> None:
    """Everybody says of each question that something else was shown than the right document."""
    keys = list(pages())
    rows = [
        {
            "question": question + more,
            "shown": [keys[n - 1]],
            "rating": "down",
            "right": key,
            "right_text": sentence,
            "person": f"person-{n % PEOPLE}",
            "session": f"{session}-{n}",
            "at": "2026-05-15T06:57:01Z",
        }
        for n, (key, (question, sentence)) in enumerate(pages().items())
    ]
    path = Path(w.root / f"{session}.jsonl")
    path.write_text("".join(json.dumps(one) + os.linesep for one in rows), encoding="utf-8")
    done = feedback.import_files(w.platform, "main", [str(path)])
    assert (done.taken, done.bad) == (len(rows), []), done


def toml(w: Workspace, retrain: str = "") -> str:
    """The same installation as a ``penstock.toml`` for other processes."""
    return f"""
home = "{w.settings.home}"

[sources.docs]
type = "folder"
path = "{w.folder}"
when_silent = ["public"]
access_from = "sidecar"

[indexes.main]
sources = ["docs"]
embedder = {{ model = "{w.root / "model"}", threads = 1, precision = "float32" }}
chunker = {{ max_tokens = 60 }}
retrieval = {{ mode = "vector", collapse = false }}
training = {{ min_examples = 50, gate = {{ min_test_examples = 10, max_latency_ratio = 50.0 }} }}
gates = {{ max_removed_share = 1.0, max_quarantined_share = 1.0, max_embedded_share = 1.0 }}

[indexes.main.retrain]
recipe = "quick"
{retrain}

[recipes.quick]
purpose = "embedder"
method = "full"
batch = {RECIPE.batch}
max_length = {RECIPE.max_length}
epochs = {RECIPE.epochs}
learning_rate = {RECIPE.learning_rate}
mixes = [1.0]
evaluations = 1
patience = {RECIPE.patience}
"""
