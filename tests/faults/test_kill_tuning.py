"""A training that is killed goes on from its last checkpoint, and ends with the model that it would have made.

To the bit on one thread; with more, torch's sums may differ in the last one after a new start.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from penstock.progress import Progress
from penstock.purposes import Purpose
from penstock.tuning.running import train
from penstock.tuning_settings import EmbedderRecipe
from support import tuning

pytest.importorskip("torch", reason="the extra `train` is not installed")
RECIPE = EmbedderRecipe(batch=16, max_length=16, epochs=12, learning_rate=5e-3, mixes=(1.0,), patience=100)
VICTIM = """
import sys
from pathlib import Path
from penstock.purposes import Purpose
from penstock.tuning.running import train
from support import tuning
from faults.test_kill_tuning import RECIPE

train(tuning.platform(Path(sys.argv[1]), quick=RECIPE), "main", Purpose.EMBEDDER, "quick")
"""
TESTS = Path(__file__).parents[1]


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def test_a_killed_training_goes_on_from_its_last_checkpoint(tmp_path: Path) -> None:
    platform = tuning.platform(tmp_path, quick=RECIPE)
    tuning.frozen(platform, Purpose.EMBEDDER)
    work = platform.settings.home / "tuning" / "main" / "embedder"
    victim = subprocess.Popen(
        [sys.executable, "-c", VICTIM, str(tmp_path)],
        env={**os.environ, "PYTHONPATH": str(TESTS), "OMP_NUM_THREADS": "1"},
    )
    while not (states := list(work.glob("*/checkpoints/checkpoint-*/trainer_state.json"))):
        assert victim.poll() is None, "it ended before it could be killed"
        time.sleep(0.01)
    victim.send_signal(signal.SIGKILL)
    victim.wait()
    states = list(work.glob("*/checkpoints/checkpoint-*/trainer_state.json"))
    reached = max(json.loads(one.read_text())["global_step"] for one in states)
    cut_short = states[0].parent.with_name("checkpoint-9999")
    cut_short.mkdir()
    (cut_short / "trainer_state.json").write_text('{"global_')

    steps = Steps()
    after = train(platform, "main", Purpose.EMBEDDER, "quick", progress=steps)
    assert steps.done["train"][0] == reached, "what was done before it died is not done again"
    assert len(set(tuning.steps(platform, after.tracking))) == after.figures["steps"], "one curve, without a gap"
    assert train(platform, "main", Purpose.EMBEDDER, "quick").id == after.id, "the same as without a kill"
    platform.close()


class Steps(Progress):
    """What each stage said that it did."""

    def __init__(self) -> None:
        self.done: dict[str, list[int]] = {}

    def stage(self, name: str, total: int | None = None) -> None:
        assert total is None or total > 0
        self.done[name] = []

    def advance(self, steps: int = 1) -> None:
        list(self.done.values())[-1].append(steps)
