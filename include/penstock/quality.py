"""The gates of a release: Great Expectations suites over what was staged and over what the release became.

Two tables are checked. *rows*: one line per staged row (lengths, ids, vectors; no text). *release*: one line of shares
and ratios. Each expectation is one gate; its verdict and figures are kept in the catalog and never recomputed. Where an
index has golden questions, what a release would answer is a gate as well (``evaluation.gate``).
"""

from __future__ import annotations

import hashlib
import json
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from sqlalchemy import Connection, delete, func, insert, select
from sqlalchemy.engine import Row

from penstock import leases, manifest
from penstock.catalog.schema import entries, gates
from penstock.lake import Kind
from penstock.leases import Lease
from penstock.libraries import import_great_expectations
from penstock.platform import Platform
from penstock.records import IndexRow, Reason
from penstock.settings import GateSettings

if TYPE_CHECKING:
    import pandas as pd

NORM_TOLERANCE = 0.01
SHARED_VECTOR_SHARE = 0.05
LINE = np.dtype(
    [
        ("chars", np.int32),
        ("blank", np.bool_),
        ("dimension", np.int32),
        ("norm", np.float64),
        ("finite", np.bool_),
        ("text", np.uint64),
        ("vector", np.uint64),
    ]
)
"""What is held of each staged row while its release is checked, beside its id: 34 bytes. Two are short hashes."""


@dataclass(frozen=True, slots=True)
class Gate:
    """One verdict: what was observed, what was allowed, and what it means for a person."""

    name: str
    passed: bool
    observed: str
    limit: str
    meaning: str


def require_questions(platform: Platform, index: str) -> None:
    """Raise ``ConfigError`` where the golden questions cannot be read: said before the work that they are to judge."""
    if (golden := platform.settings.index(index).gates.golden) is not None:
        from penstock.evaluation import gate

        gate.read(platform, index, golden)


def check(platform: Platform, index: str, number: int, lease: Lease) -> list[Gate]:
    """Run every gate over a staged release and keep the verdicts; also keeps the raw results in the lake.

    Raises ``LeaseLostError`` where another writer has the index now: these verdicts are not about what it staged.
    """
    settings = platform.settings.index(index).gates
    with platform.catalog.read() as connection:
        row = manifest.release_row(connection, index, number)
        base = manifest.release_row(connection, index, row.base) if row.base else None
        generation = manifest.generation_row(connection, index, row.generation)
        unusable = _unusable_share(connection, index, number)
        standing = _unusable_share(connection, index, row.base)
    staged = rows_frame(platform.collection(generation.collection).rows(added_in=number, vectors=True))
    release = release_frame(row, base, staged, unusable, settings.min_chunks_to_compare)
    raw: list[Any] = []
    found: list[Gate] = []
    if len(staged):
        found += _run("rows", staged, _row_expectations(settings, generation.dimension), raw)
    found += _run("release", release, _release_expectations(settings, standing), raw)
    if settings.golden is not None:
        from penstock.evaluation import gate  # searches, and so opens models: only where there are questions

        found += gate.check(platform, index, number, lease)
    platform.lake.put(Kind.REPORTS, f"{index}-{number}.json", json.dumps(raw, default=str).encode())
    _keep(platform, index, number, found, lease)
    return found


def verdicts(connection: Connection, index: str, number: int) -> list[Gate]:
    """The kept gates of one release, the failed ones first."""
    query = (
        select(gates)
        .where(gates.c.index_name == index, gates.c.release == number)
        .order_by(gates.c.passed, gates.c.name)
    )
    return [Gate(row.name, row.passed, row.observed, row.limit, row.meaning) for row in connection.execute(query)]


def passed(found: Iterable[Gate]) -> bool:
    """Whether a release may be published without a person: some gate ran, and none failed."""
    results = [gate.passed for gate in found]
    return bool(results) and all(results)


def rows_frame(rows: Iterable[IndexRow]) -> pd.DataFrame:
    """One line per staged row: id, chars, blank, dimension, norm, finite, repeated, sharing. Holds no text.

    ``repeated`` marks a text that stands in an earlier line too; ``sharing`` counts the different texts that have
    this line's vector (1 is right; case, accents and spacing are folded, since embedders may not see them).
    """
    import pandas as pd

    ids: list[str] = []
    frame = pd.DataFrame(np.fromiter(_lines(rows, ids), LINE))
    frame.insert(0, "id", ids)
    frame["repeated"] = frame["text"].duplicated()
    frame["sharing"] = frame.groupby("vector")["text"].transform("nunique")
    return frame.drop(columns=["text", "vector"])


def _lines(rows: Iterable[IndexRow], ids: list[str]) -> Iterator[tuple[Any, ...]]:
    for row in rows:
        vector = np.asarray(row.vector, dtype=np.float32)
        ids.append(row.id)
        yield (
            len(row.text),
            not row.text.strip(),
            len(vector),
            float(np.linalg.norm(vector)),
            bool(np.isfinite(vector).all()),
            _short_hash(_folded(row.text).encode("utf-8", "surrogatepass")),
            _short_hash(np.round(vector, 5).tobytes()),
        )


def _short_hash(data: bytes) -> int:
    """64 bits: among a million rows two differing ones are taken for equal once in 40 million releases."""
    return int.from_bytes(hashlib.blake2b(data, digest_size=8).digest())


def release_frame(
    row: Row[Any], base: Row[Any] | None, staged: pd.DataFrame, unusable: float, min_chunks: int
) -> pd.DataFrame:
    """One line of figures about the release as a whole. Shares are of 1."""
    import pandas as pd

    delta = row.delta
    listed = row.documents + row.quarantined
    before = base.documents + base.quarantined if base else 0
    comparable = base is not None and base.chunks >= max(1, min_chunks)
    asked = base is None or base.generation != row.generation
    return pd.DataFrame(
        [
            {
                "chunks": row.chunks,
                "removed_share": _share(delta.get("removed", 0), before),
                "quarantined_share": unusable + _share(delta.get("deferred", 0), listed),
                "rewritten_share": 0.0
                if asked or not base or not comparable
                else _share(delta.get("rows_rewritten", 0), base.chunks),
                "chunk_ratio": row.chunks / base.chunks if base and comparable else 1.0,
                "duplicate_share": float(staged["repeated"].mean()) if len(staged) else 0.0,
                "accounting_difference": row.rows_added - len(staged),
            }
        ]
    )


def _unusable_share(connection: Connection, index: str, number: int) -> float:
    """Share of a release's documents that wait in quarantine, leaving out those that are merely empty.

    A page of front matter alone is no sign of trouble. The share that the base release had is allowed to the next: what
    a person accepted once is not refused every night again.
    """
    unusable, listed = connection.execute(
        select(func.count().filter(entries.c.reason != str(Reason.EMPTY)), func.count()).where(
            manifest.in_release(index, number)
        )
    ).one()
    return _share(unusable, listed)


def _share(part: int, whole: int) -> float:
    return part / whole if whole else 0.0


def _folded(text: str) -> str:
    if text.isascii():  # most texts: they hold nothing to take apart
        return " ".join(text.casefold().split())
    plain = unicodedata.normalize("NFKD", text.casefold())
    return " ".join("".join(c for c in plain if not unicodedata.combining(c)).split())


def _row_expectations(settings: GateSettings, dimension: int) -> list[Any]:
    gxe = import_great_expectations().expectations
    return [
        gxe.ExpectColumnValuesToBeUnique(column="id", meta=_meta("ids-unique", "no two staged rows have one id")),
        gxe.ExpectColumnValuesToBeBetween(
            column="chars",
            min_value=1,
            max_value=settings.max_chunk_chars,
            meta=_meta("text-length", "every text has a sane length", f"1 to {settings.max_chunk_chars} characters"),
        ),
        gxe.ExpectColumnValuesToBeInSet(
            column="blank", value_set=[False], meta=_meta("text-not-blank", "no text is only white space")
        ),
        gxe.ExpectColumnValuesToBeInSet(
            column="dimension",
            value_set=[dimension],
            meta=_meta("vector-dimension", "every vector has the index's dimension", str(dimension)),
        ),
        gxe.ExpectColumnValuesToBeInSet(
            column="finite", value_set=[True], meta=_meta("vector-finite", "no vector holds NaN or infinity")
        ),
        gxe.ExpectColumnValuesToBeBetween(
            column="norm",
            min_value=1 - NORM_TOLERANCE,
            max_value=1 + NORM_TOLERANCE,
            meta=_meta("vector-norm", "every vector has length 1", f"1 ± {NORM_TOLERANCE}"),
        ),
        gxe.ExpectColumnValuesToBeInSet(
            column="sharing",
            value_set=[1],
            mostly=1 - SHARED_VECTOR_SHARE,
            meta=_meta(
                "vectors-distinct",
                "different texts have different vectors: an embedder that collapsed shows here",
                f"at most {SHARED_VECTOR_SHARE:.0%} shared",
            ),
        ),
    ]


def _release_expectations(settings: GateSettings, standing: float) -> list[Any]:
    gxe = import_great_expectations().expectations

    def at_most(column: str, limit: float, gate: str, meaning: str) -> Any:
        return gxe.ExpectColumnMaxToBeBetween(
            column=column, max_value=limit, meta=_meta(gate, meaning, f"at most {limit:.0%}")
        )

    return [
        gxe.ExpectColumnMaxToBeBetween(
            column="accounting_difference",
            min_value=0,
            max_value=0,
            meta=_meta("accounting", "rows in the store equal rows in the manifest", "0"),
        ),
        gxe.ExpectColumnMinToBeBetween(
            column="chunks", min_value=1, meta=_meta("not-empty", "the release holds something", "at least 1 chunk")
        ),
        at_most("removed_share", settings.max_removed_share, "removals", "documents that vanished from their source"),
        at_most(
            "quarantined_share",
            max(settings.max_quarantined_share, standing),
            "quarantine",
            "documents that could not be used, empty ones apart"
            + (f"; {standing:.1%} could not before either" if standing > settings.max_quarantined_share else ""),
        ),
        at_most(
            "rewritten_share", settings.max_embedded_share, "rewritten", "rows made anew for documents known before"
        ),
        at_most("duplicate_share", settings.max_duplicate_share, "duplicates", "staged texts that repeat another"),
        gxe.ExpectColumnMaxToBeBetween(
            column="chunk_ratio",
            min_value=settings.min_chunk_ratio,
            max_value=settings.max_chunk_ratio,
            meta=_meta(
                "chunk-count",
                "chunks against the release before",
                f"{settings.min_chunk_ratio:g} to {settings.max_chunk_ratio:g} times",
            ),
        ),
    ]


def _meta(gate: str, meaning: str, limit: str = "all") -> dict[str, str]:
    return {"gate": gate, "meaning": meaning, "limit": limit}


def _run(name: str, frame: pd.DataFrame, expectations: list[Any], raw: list[Any]) -> list[Gate]:
    gx = import_great_expectations()
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False, "metric_calculations": False}
    asset = context.data_sources.add_pandas(name).add_dataframe_asset(name)
    batch = asset.add_batch_definition_whole_dataframe("all").get_batch({"dataframe": frame})
    result = batch.validate(gx.ExpectationSuite(name=name, expectations=expectations))
    raw.append(result.to_json_dict())
    return [_gate(one) for one in result.results]


def _gate(result: Any) -> Gate:
    meta = result.expectation_config.meta
    if result.exception_info and result.exception_info.get("raised_exception"):
        return Gate(
            meta["gate"], False, str(result.exception_info["exception_message"]), meta["limit"], meta["meaning"]
        )
    observed = _observed(result.result, is_share="%" in meta["limit"])
    return Gate(meta["gate"], bool(result.success), observed, meta["limit"], meta["meaning"])


def _observed(result: dict[str, Any], is_share: bool) -> str:
    if "observed_value" in result:
        value = result["observed_value"]
        if is_share:
            return f"{value:.1%}".replace(".0%", "%")
        return f"{value:.4g}" if isinstance(value, float) else str(value)
    return f"{result['unexpected_count']} of {result['element_count']} fail"


def _keep(platform: Platform, index: str, number: int, found: list[Gate], lease: Lease) -> None:
    with platform.catalog.write() as connection:
        leases.check(connection, platform.catalog, lease)
        connection.execute(delete(gates).where(gates.c.index_name == index, gates.c.release == number))
        connection.execute(
            insert(gates),
            [
                {
                    "index_name": index,
                    "release": number,
                    "name": gate.name,
                    "passed": gate.passed,
                    "observed": gate.observed,
                    "limit": gate.limit,
                    "meaning": gate.meaning,
                }
                for gate in found
            ],
        )
