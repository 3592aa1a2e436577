"""Models that were trained here: kept in the lake, each file under its hash, and on disk where a runtime needs them.

A model goes by the hash of its files, so that the same training gives the same name, and settings call it
``trained:ID``. It is written to the lake first and to the catalog last: a model that has a row is whole.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import structlog
from sqlalchemy import Connection, select
from sqlalchemy.engine import Row

from penstock.catalog import insert_or_update
from penstock.catalog.schema import models
from penstock.embedding.folder import file_hash, pickles
from penstock.errors import ModelError, UnknownNameError
from penstock.ids import fingerprint, sha256
from penstock.lake import Kind
from penstock.platform import Platform
from penstock.purposes import Purpose
from penstock.settings import TRAINED

log = structlog.get_logger("penstock")

LEARNED = ("at", "base", "set_id", "recipe", "figures", "tracking", "tainted")
"""Columns that say what a model was trained on, and how that went."""


@dataclass(frozen=True, slots=True)
class Training:
    """How a model came to be: what was tuned, on which training set, how, and the figures of it."""

    base: str
    set_id: str
    recipe: Mapping[str, Any]
    figures: Mapping[str, Any]
    tracking: str | None = None


def keep(
    platform: Platform,
    index: str,
    purpose: Purpose,
    folder: Path,
    training: Training,
    still: Callable[[Connection], None] | None = None,
) -> str:
    """Keep every file below ``folder`` as one model; return its id, 16 hex digits. Keeping it twice changes nothing.

    One that learned what was erased since, and was trained again without that, is the proof that it holds nothing of
    it: it is kept as what was trained last.

    Raises ``ModelError`` for a folder that is empty, or holds a file that can run code when it is loaded; and what
    ``still`` raises, in the transaction that names the model, where what it was trained on is not as it was.
    """
    if found := pickles(folder):
        raise ModelError(f"{_name(found[0], folder)} can run code when it is loaded; save the weights as safetensors")
    files: dict[str, str] = {}
    size = 0
    for path in sorted(one for one in folder.rglob("*") if one.is_file()):
        name = _name(path, folder)
        data = path.read_bytes()
        files[name] = sha256(data)
        size += len(data)
        platform.lake.put(Kind.MODELS, files[name], data)
    if not files:
        raise ModelError(f"{folder} holds no file, so there is no model to keep")
    id_ = fingerprint(files)
    with platform.catalog.write() as connection:
        if still is not None:
            still(connection)
        row = {
            "id": id_,
            "index_name": index,
            "purpose": purpose,
            "at": platform.catalog.now(connection),
            "base": platform.settings.named(training.base),
            "set_id": training.set_id,
            "recipe": dict(training.recipe),
            "files": files,
            "size_bytes": size,
            "figures": dict(training.figures),
            "tracking": training.tracking,
            "tainted": _inherited(connection, training.base),
        }
        stained = connection.execute(select(models.c.tainted).where(models.c.id == id_)).scalar()
        insert_or_update(connection, models, [row], LEARNED if stained else [])
    return id_


def _inherited(connection: Connection, base: str) -> list[int]:
    """The decisions that erased something which the base had learned: what is tuned from it holds that too."""
    query = select(models.c.tainted).where(models.c.id == base.removeprefix(TRAINED))
    return list(connection.execute(query).scalar() or ()) if base.startswith(TRAINED) else []


def model_row(connection: Connection, index: str, id_: str) -> Row[Any]:
    """One model of an index, by its id or how that begins. Raises ``UnknownNameError`` naming those that there are."""
    rows = connection.execute(select(models).where(models.c.index_name == index)).all()
    found = [row for row in rows if id_ and row.id.startswith(id_)]
    if len(found) != 1:
        raise UnknownNameError(f"model of {index!r}:", id_, [row.id for row in rows])
    return found[0]


def learned(connection: Connection, model: Row[Any]) -> list[str]:
    """The sets that a model was trained on, and those of the models that it was tuned from."""
    found = [model.set_id]
    while model.base.startswith(TRAINED):
        model = connection.execute(select(models).where(models.c.id == model.base.removeprefix(TRAINED))).one()
        found.append(model.set_id)
    return found


def of_index(connection: Connection, index: str, purpose: Purpose | None = None) -> list[Row[Any]]:
    """The models of an index, the newest first."""
    query = select(models).where(models.c.index_name == index).order_by(models.c.at.desc(), models.c.id)
    return list(connection.execute(query if purpose is None else query.where(models.c.purpose == purpose)))


def on_disk(platform: Platform, name: str) -> str:
    """The folder of a model that settings name: one that was trained here is fetched from the lake, once a machine.

    A copy that was edited since is fetched anew. Any other name is returned as it is. Raises ``ModelError`` where no
    such model is kept, ``AlteredObjectError`` where the lake holds something else under the name of a file.
    """
    if not name.startswith(TRAINED):
        return name
    id_ = name.removeprefix(TRAINED)
    with platform.catalog.read() as connection:
        files = connection.execute(select(models.c.files).where(models.c.id == id_)).scalar()
    if files is None:
        raise ModelError(f"{name!r} names no model of this catalog; `penstock models INDEX` lists them")
    folder = copy_of(platform, id_)
    if edited := altered(folder, files):
        log.warning("model.altered", model=id_, file=str(edited), remedy="it is fetched from the lake again")
    if edited or not _whole(folder, files):
        _fetch(platform, files, folder)
    return str(folder)


def copy_of(platform: Platform, id_: str) -> Path:
    """Where this machine has its copy of a model, if anything opened it here."""
    return platform.settings.home / "models" / id_


def altered(folder: Path, files: Mapping[str, str]) -> Path | None:
    """A file of a copy that is not what was kept; ``None`` where there is none, and of one that is missing."""
    there = (folder / name for name in files)
    return next((path for path in there if path.is_file() and file_hash(path) != files[_name(path, folder)]), None)


def _name(path: Path, folder: Path) -> str:
    return path.relative_to(folder).as_posix()


def _whole(folder: Path, files: Iterable[str]) -> bool:
    return all((folder / name).is_file() for name in files)


def _fetch(platform: Platform, files: Mapping[str, str], folder: Path) -> None:
    """Written beside and moved: another process that looks meanwhile finds all of it or nothing."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}-") as beside:
        whole = Path(beside) / "model"
        for name, digest in files.items():
            path = whole / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(platform.lake.get(Kind.MODELS, digest))
        if folder.exists():
            shutil.rmtree(folder)  # incomplete or edited, as whoever called has seen
        try:
            whole.rename(folder)
        except OSError:
            if not _whole(folder, files):  # else another process was faster
                raise
