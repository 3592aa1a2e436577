"""The configuration that ``init`` writes shows the defaults, all of them true."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from penstock import starter
from penstock.errors import UsageError
from penstock.settings import load


def test_every_commented_key_shows_its_default(tmp_path: Path) -> None:
    config = Path(starter.write(tmp_path / "project")["config"])
    as_written = load(config)
    shown = re.sub(r"^# (\w+ = )", r"\1", starter.CONFIG, flags=re.M)
    # These sections are examples, not defaults: they stay comments.
    for section in ("[[sources.documents.access]]", "[sources.bucket]", "[indexes.library.feedback]", "[indexes.paid]"):
        start = shown.index(f"# {section}")
        end = shown.index("\n\n", start)
        shown = shown[:start] + shown[end:]
    assert shown.count("=") > 30
    config.write_text(shown)
    assert load(config) == as_written


def test_the_examples_in_comments_load(tmp_path: Path) -> None:
    config = Path(starter.write(tmp_path / "project")["config"])
    config.write_text(re.sub(r"^# (\w+ = |\[)", r"\1", starter.CONFIG, flags=re.M))
    settings = load(config)
    assert set(settings.sources) == {"documents", "bucket"}
    assert settings.sources["documents"].access[0].principals == ("group:people-team",)
    assert settings.indexes["paid"].embedder.tokenizer == tmp_path / "project" / "tokenizer.json"  # type: ignore[union-attr]


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    (tmp_path / "documents").mkdir()
    (tmp_path / ".gitignore").write_text("mine\n")
    made = starter.write(tmp_path)
    assert made["written"] == ["penstock.toml"]
    assert sorted(made["kept"]) == [".gitignore", "documents"]
    assert (tmp_path / ".gitignore").read_text() == "mine\n"
    assert list((tmp_path / "documents").iterdir()) == []
    with pytest.raises(UsageError) as raised:
        starter.write(tmp_path)
    assert str(raised.value) == f"{tmp_path}/penstock.toml exists already; name another folder, or edit that file"


def test_a_file_in_the_way_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError) as raised:
        starter.write(tmp_path / "file")
    assert str(raised.value) == (
        f"cannot write a project into {tmp_path}/file: File exists; name a folder that you may write"
    )
