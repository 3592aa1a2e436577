"""An embedder is tuned, exported and kept: the whole line, on a model of a few thousand weights."""

from __future__ import annotations

from pathlib import Path

import pytest

from penstock.embedding import open_embedder
from penstock.settings import EmbedderSettings
from penstock.trained import Purpose, model_row, on_disk
from penstock.tuning.running import train
from penstock.tuning_settings import EmbedderRecipe
from support import tuning

pytest.importorskip("torch", reason="the extra `train` is not installed")
QUICK = EmbedderRecipe(batch=16, max_length=16, epochs=6, learning_rate=5e-3, mixes=(0.5, 1.0), negatives=1)


def test_an_embedder_learns_and_is_kept_as_the_serving_path_reads_it(tmp_path: Path) -> None:
    platform = tuning.platform(tmp_path, quick=QUICK)
    set_ = tuning.frozen(platform, Purpose.EMBEDDER)
    made = train(platform, "main", Purpose.EMBEDDER, "quick")
    print(made)
    assert made.set_id == set_.id
    assert made.figures["after"]["nDCG@10"] > made.figures["before"]["nDCG@10"] + 0.1
    assert made.figures["cosine to torch"] >= 0.9999
    with platform.catalog.read() as connection:
        row = model_row(connection, "main", made.id)
    assert (row.base, row.set_id, row.purpose) == (str(tmp_path / "model"), set_.id, "embedder")
    served = open_embedder(EmbedderSettings(model=on_disk(platform, f"trained:{made.id}"), precision="float32"))
    assert served.dimension == 32
    assert not list((platform.settings.home / "tuning" / "main" / "embedder").glob("*/"))
    assert train(platform, "main", Purpose.EMBEDDER, "quick").id == made.id, "the same set and recipe: the same model"
    platform.close()
