"""kill -9 of a sync that waits for a paid API: its spending is known, and only what was under way is paid for twice."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from penstock import runs
from penstock.embedding.cache import EmbeddingQueue
from penstock.settings import ApiEmbedderSettings
from support.model_api import COHERE_MODEL, DIMENSION, KEY, Fault, model_api
from support.workspace import Workspace

TEXTS_OF_A_REQUEST, GIVE_UP_S = 2, 300.0
SCRIPT = """
import sys
from pathlib import Path
from penstock.platform import Platform
from penstock.settings import Settings
from penstock.sync import sync
sync(Platform(Settings.model_validate_json(Path(sys.argv[1]).read_text())), "main")
"""


def test_a_killed_run_is_known_by_what_it_spent(
    make_workspace: Callable[..., Workspace], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CO_API_KEY", KEY)
    w = make_workspace()
    for n in range(12):
        w.write(f"{n}.md", f"# Page {n}\n\nThis is what page {n} says.\n")
    with model_api() as api:
        w.change_index(
            embedder=ApiEmbedderSettings(
                backend="cohere",
                model=COHERE_MODEL,
                dimension=DIMENSION,
                base_url=api.url,
                batch_texts=TEXTS_OF_A_REQUEST,
            )
        )
        settings = w.root / "settings.json"
        settings.write_text(json.dumps(w.settings.model_dump(mode="json") | {"home": str(w.settings.home)}))
        api.faults.extend([Fault(), Fault(), Fault(), Fault(delay_s=GIVE_UP_S)])
        environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2] / "include")}
        victim = subprocess.Popen([sys.executable, "-c", SCRIPT, str(settings)], env=environment)
        until = time.monotonic() + GIVE_UP_S
        while len(api.asked) < 4 and victim.poll() is None:
            assert time.monotonic() < until, "the victim never came to its fourth request"
            time.sleep(0.01)
        victim.kill()
        assert victim.wait() < 0

        dead = runs.recent(w.platform, "main", 1)[0]
        assert dead.counts["tokens_billed"] > 0
        assert dead.counts["tokens_in_flight"] > 0
        report = w.sync()
        assert report.state == "published"
        spent = [runs.report(w.platform, one).counts for one in (dead.id, report.id)]
        assert api.billed <= sum(one["tokens_billed"] + one["tokens_in_flight"] + one["tokens_unsure"] for one in spent)
        asked = Counter(text for one in api.asked for text in one.body["texts"])
        twice = [text for text, times in asked.items() if times > 1]
        assert 0 < len(twice) <= EmbeddingQueue.AT_ONCE * TEXTS_OF_A_REQUEST
        assert len(asked) == 12
