"""The catalog's tables. A document's key stands in ``documents`` alone; every other table knows it by id.

That one rule is what makes forgetting possible: erasing a document blanks one row, and the manifest, the reports
and the log keep counting without knowing what they count. Times are seconds since 1970, UTC.

``entries`` is the manifest of every release at once: like the index's rows, an entry is part of the releases
``added_in <= r < removed_in``, so a release costs what it changed.
"""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    Float,
    ForeignKeyConstraint,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    text,
)

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(referred_table_name)s",
    }
)

documents = Table(
    "documents",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("source", String(64), nullable=False),
    Column("key", Text, comment="blank once erased"),
    Column("parent_id", String(32), comment="the document that this one is attached to"),
    Column("hint", Text, nullable=False, comment="the listing's hint that `revision` was fetched under"),
    Column("revision", String(64), comment="SHA-256 of the bytes last fetched"),
    Column("principals", Text, nullable=False, comment="sorted JSON list: who may read, today"),
    Column("principals_pending", Boolean, nullable=False, comment="not yet carried to every row of the index"),
    Column("fields", Text, nullable=False, comment="sorted JSON object of metadata"),
    Column("problem", JSON(none_as_null=True), comment="why it could not be fetched the last time"),
    Column("first_run", Integer, nullable=False),
    Column("erased_at", Float, comment="a tombstone: nothing brings the document back"),
    Index(None, "source"),
    Index(None, "parent_id"),
)

revisions = Table(
    "revisions",
    metadata,
    Column("document_id", String(32), primary_key=True),
    Column("sha256", String(64), primary_key=True),
    Column("size_bytes", Integer, nullable=False),
    Column("version", Text, comment="the source's own name of the version"),
    Column("fetched_at", Float, nullable=False),
    Column("run_id", Integer, nullable=False),
    Index(None, "sha256"),
)

parses = Table(
    "parses",
    metadata,
    Column("key", String(64), primary_key=True, comment="hash of bytes, claimed type and parser"),
    Column("revision", String(64), nullable=False),
    Column("parser", String(64), nullable=False, comment="fingerprint"),
    Column("parsed_by", Text, comment="library that made the elements"),
    Column("media_type", Text),
    Column("title", Text),
    Column("attachments", JSON, nullable=False, comment="[[name, sha256], ...]"),
    Column("reason", String(32), comment="why it was refused; null where it was parsed"),
    Column("detail", Text),
    Column("remedy", Text),
    Column("run_id", Integer, nullable=False),
    Column("made_at", Float, nullable=False),
    Index(None, "revision"),
)

chunkings = Table(
    "chunkings",
    metadata,
    Column("key", String(64), primary_key=True, comment="hash of parse and chunker"),
    Column("parse_key", String(64), nullable=False),
    Column("chunks", Integer, nullable=False),
    Column("tokens", Integer, nullable=False),
    Column("made_at", Float, nullable=False),
    Index(None, "parse_key"),
)

texts = Table(
    "texts",
    metadata,
    Column("text_hash", String(64), primary_key=True),
    Column("embedder", String(16), primary_key=True, comment="fingerprint"),
    Column("pack", String(64), nullable=False, comment="lake object that holds the vector"),
    Column("position", Integer, nullable=False),
    Index(None, "pack"),
)

packs = Table(
    "packs",
    metadata,
    Column("name", String(64), primary_key=True, comment="lake object, named by its SHA-256"),
    Column("run_id", Integer, nullable=False, comment="the run that embedded it"),
    Column("runtime", JSON, nullable=False, comment="library, precision and threads that it was embedded with"),
    Column("made_at", Float, nullable=False),
)

generations = Table(
    "generations",
    metadata,
    Column("index_name", String(63), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("collection", String(80), nullable=False),
    Column("recipe", JSON, nullable=False, comment="parser, chunker, embedder and fields that made it"),
    Column("embedder", String(16), nullable=False, comment="fingerprint"),
    Column("dimension", Integer, nullable=False),
    Column("created_at", Float, nullable=False),
    Column("dropped_at", Float),
)

releases = Table(
    "releases",
    metadata,
    Column("index_name", String(63), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("generation", Integer, nullable=False),
    Column("base", Integer, nullable=False, comment="the release that the delta was computed against; 0 for none"),
    Column("state", String(16), nullable=False),
    Column("run_id", Integer, nullable=False),
    Column("created_at", Float, nullable=False),
    Column("published_at", Float),
    Column("documents", Integer, nullable=False),
    Column("quarantined", Integer, nullable=False),
    Column("chunks", Integer, nullable=False),
    Column("rows_added", Integer, nullable=False),
    Column("rows_removed", Integer, nullable=False),
    Column("digest", String(64), nullable=False),
    Column("delta", JSON, nullable=False, comment="documents added, changed, removed; texts embedded"),
    Column("pinned", Boolean, nullable=False),
    Column("cursors", JSON, nullable=False, server_default="{}", comment="by source: where its next reading may begin"),
    ForeignKeyConstraint(["index_name", "generation"], ["generations.index_name", "generations.number"]),
)

entries = Table(
    "entries",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("index_name", String(63), nullable=False),
    Column("document_id", String(32), nullable=False),
    Column("added_in", Integer, nullable=False),
    Column("removed_in", Integer, nullable=False),
    Column("revision", String(64)),
    Column("parse_key", String(64)),
    Column("chunks_key", String(64)),
    Column("chunks", Integer, nullable=False),
    Column("fields", Text, nullable=False),
    Column("reason", String(32), comment="why it is in quarantine; null where it is indexed"),
    Column("detail", Text),
    Column("remedy", Text),
    Column("run_id", Integer, nullable=False),
    Index(None, "index_name", "document_id"),
    Index(None, "index_name", "removed_in"),
    Index(None, "index_name", "added_in"),
    Index(None, "document_id"),
)

erased_bytes = Table(
    "erased_bytes",
    metadata,
    Column("digest", String(64), primary_key=True, comment="hash of the SHA-256 of bytes that must not come back"),
    Column("decision_id", Integer, nullable=False),
)

pointers = Table(
    "pointers",
    metadata,
    Column("index_name", String(63), primary_key=True),
    Column("live", Integer, comment="the one release that readers see"),
    Column("on_hold", Boolean, nullable=False),
    Column("moved_at", Float),
    Column("models", JSON, nullable=False, server_default="{}", comment="champions that were trained, by purpose"),
)

gates = Table(
    "gates",
    metadata,
    Column("index_name", String(63), primary_key=True),
    Column("release", Integer, primary_key=True),
    Column("name", String(64), primary_key=True),
    Column("passed", Boolean, nullable=False),
    Column("observed", Text, nullable=False),
    Column("limit", Text, nullable=False),
    Column("meaning", Text, nullable=False),
)

decisions = Table(
    "decisions",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("at", Float, nullable=False),
    Column("who", Text, nullable=False),
    Column("via", String(16), nullable=False, comment="cli, airflow, page"),
    Column("what", String(16), nullable=False),
    Column("index_name", String(63)),
    Column("release", Integer),
    Column("document_id", String(32)),
    Column("why", Text, nullable=False),
    comment="append-only: triggers refuse update and delete",
)

runs = Table(
    "runs",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("index_name", String(63), nullable=False),
    Column("kind", String(16), nullable=False),
    Column("state", String(16), nullable=False),
    Column("started_at", Float, nullable=False),
    Column("finished_at", Float),
    Column("release", Integer),
    Column("options", JSON, nullable=False),
    Column("counts", JSON, nullable=False),
    Column("seconds", JSON, nullable=False, comment="by stage"),
    Column("sources", JSON, nullable=False, comment="how each listing ended"),
    Column("message", Text),
    Column("external", Text, comment="the orchestrator's own name of the run"),
    Index(None, "index_name", "id"),
)

source_states = Table(
    "source_states",
    metadata,
    Column("source", String(64), primary_key=True),
    Column("index_name", String(63), primary_key=True),
    Column("listed_at", Float, comment="end of the last complete listing"),
    Column("documents", Integer, nullable=False),
    Column("error", Text, comment="of the last listing, where it failed"),
    Column("run_id", Integer, nullable=False),
)

leases = Table(
    "leases",
    metadata,
    Column("index_name", String(63), primary_key=True),
    Column("holder", Text, nullable=False),
    Column("token", Integer, nullable=False, comment="grows with every change of hands"),
    Column("expires_at", Float, nullable=False),
)

attempts = Table(
    "attempts",
    metadata,
    Column("run_id", Integer, primary_key=True, autoincrement=False),
    Column("task", String(64), primary_key=True, comment="step of the line, and its batch"),
    Column("number", Integer, nullable=False, comment="of the newest attempt, the one that may write"),
    Column("ended", Boolean, nullable=False, comment="its process is known to write nothing more"),
)

evaluations = Table(
    "evaluations",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("index_name", String(63), nullable=False),
    Column("release", Integer, nullable=False),
    Column("at", Float, nullable=False),
    Column("via", String(16), nullable=False, comment="evaluate, gate"),
    Column("set_name", Text, nullable=False),
    Column("set_digest", String(64), nullable=False, comment="hash of the questions and of what answers them"),
    Column("settings", JSON, nullable=False, comment="of the retrieval"),
    Column("asked", Integer, nullable=False),
    Column("absent", JSON, nullable=False, comment="question → why it was not asked"),
    Column("figures", JSON, nullable=False, comment="by measure: mean, ends of its 95 % interval, questions"),
    Column("seconds", Float, nullable=False),
    Column("against", Integer, comment="the evaluation that it was compared with"),
    Column("change", JSON(none_as_null=True), comment="by measure, as figures: this less that"),
    Column("questions", String(64), comment="lake object; null once nobody can read the release"),
    Column("results", String(64), comment="lake object; null once nobody can read the release"),
    Index(None, "index_name", "set_name"),
)

redactions = Table(
    "redactions",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("index_name", String(63), nullable=False),
    Column("document_id", String(32), nullable=False),
    Column("generation", Integer, nullable=False),
    Column("decision_id", Integer, nullable=False),
    Column("rows", Integer, nullable=False),
    Column("first_release", Integer, nullable=False),
    Column("last_release", Integer, nullable=False),
    Column("certificate", JSON, nullable=False, comment="holds no content"),
)

interactions = Table(
    "interactions",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("index_name", String(63), nullable=False),
    Column("release", Integer, comment="null where an imported log does not know it"),
    Column("at", Float, nullable=False, comment="when it was asked"),
    Column("recorded_at", Float, nullable=False, comment="from here on retention counts"),
    Column("origin", String(8), nullable=False, comment="live, or import"),
    Column("query", Text, comment="null where it is not kept, or was redacted"),
    Column("query_digest", String(32), nullable=False, comment="keyed, as all digests here"),
    Column("principals", String(32), comment="digest of who asked, as a reader"),
    Column("person", String(32), comment="digest"),
    Column("session", String(32), comment="digest"),
    Column("setup", JSON, nullable=False, comment="mode, settings and models that answered"),
    Column("candidates", JSON, nullable=False, comment="[[chunk, score, by text search, by vector search], ...]"),
    Column("shown", JSON, nullable=False, comment="[[chunk or null, document], ...] in the order of the page"),
    Column("answer", Text),
    Column("citations", JSON, nullable=False, comment="document, revision, span and quote of each"),
    Column("refused", Boolean, comment="null where no answer was asked for"),
    Column("timings", JSON, nullable=False, comment="milliseconds by stage"),
    Column("redacted", Boolean, nullable=False, comment="a text was taken out when a document was erased"),
    Column("asked_with", String(32), comment="digest of the credential; feedback with another one is refused"),
    Index(None, "index_name", "at"),
    Index(None, "recorded_at"),
    Index(None, "person"),
    Index(None, "session"),
)

feedback = Table(
    "feedback",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("interaction_id", String(32), nullable=False),
    Column("index_name", String(63), nullable=False),
    Column("at", Float, nullable=False, comment="when it was said"),
    Column("recorded_at", Float, nullable=False),
    Column("origin", String(8), nullable=False, comment="live, or import"),
    Column("kind", String(16), nullable=False),
    Column("value", Float, comment="of a rating: -1 to 1"),
    Column("text", Text, comment="of a comment or a correction"),
    Column("chunk_id", String(36), comment="the one passage that it is about; null: about the whole"),
    Column("document_id", String(32), comment="of that passage, or of the right one"),
    Column("revision", String(64), comment="that the span points into"),
    Column("start", Integer, comment="of the right passage, in characters of the parsed text"),
    Column("end", Integer),
    Column("person", String(32), comment="digest of who said it"),
    Column("session", String(32), comment="digest"),
    Column("redacted", Boolean, nullable=False),
    Index(None, "interaction_id"),
    Index(None, "index_name", "at"),
    Index(None, "person"),
    Index(None, "session"),
)

erased_people = Table(
    "erased_people",
    metadata,
    Column("digest", String(32), primary_key=True, comment="of a person or a session"),
    Column("erased_at", Float, nullable=False, comment="what an import dates before this, or not at all, stays out"),
    Column("decision_id", Integer, nullable=False),
)

pruned_imports = Table(
    "pruned_imports",
    metadata,
    Column("id", String(32), primary_key=True, comment="of an imported interaction, a digest of what its row says"),
    Column("pruned_at", Float, nullable=False, comment="what a log dates before this, or not at all, stays out"),
)

digest_keys = Table(
    "digest_keys",
    metadata,
    Column("name", String(32), primary_key=True),
    Column("key", String(64), nullable=False, comment="of the digests above: made once, in hex"),
)

NOT_REVOKED = text("revoked_at IS NULL")

api_keys = Table(
    "api_keys",
    metadata,
    Column("id", String(12), primary_key=True, comment="stands in the key, and is no secret"),
    Column("name", String(63), nullable=False),
    Column("secret", String(64), nullable=False, comment="SHA-256 of it: 256 random bits, which nobody guesses"),
    Column("principals", JSON, nullable=False),
    Column("created_at", Float, nullable=False),
    Column("created_by", Text, nullable=False),
    Column("expires_at", Float),
    Column("revoked_at", Float, comment="from then on it opens nothing; may lie ahead"),
    Index(None, "name", unique=True, sqlite_where=NOT_REVOKED, postgresql_where=NOT_REVOKED),
)

verdicts = Table(
    "verdicts",
    metadata,
    Column("interaction_id", String(32), primary_key=True),
    Column("index_name", String(63), nullable=False),
    Column("at", Float, nullable=False, comment="when it was judged, the last time"),
    Column("cause", String(24), nullable=False),
    Column("why", Text, nullable=False),
    Column("evidence", JSON, nullable=False, comment="the figures that decided; no text"),
    Index(None, "index_name", "cause"),
)

question_splits = Table(
    "question_splits",
    metadata,
    Column("index_name", String(63), primary_key=True),
    Column("question", String(32), primary_key=True, comment="digest, as interactions have it"),
    Column("split", String(16), nullable=False, comment="for ever: an example never moves"),
    Column("group_name", String(32), nullable=False, comment="of its first training set"),
    Column("at", Float, nullable=False),
)

training_sets = Table(
    "training_sets",
    metadata,
    Column("id", String(16), primary_key=True, comment="of the hash of its content when it was frozen"),
    Column("index_name", String(63), nullable=False),
    Column("purpose", String(16), nullable=False, comment="embedder, reranker, generator"),
    Column("at", Float, nullable=False),
    Column("release", Integer, nullable=False, comment="that its passages are from; kept as long as the set"),
    Column("data", String(64), comment="lake object, Parquet; null once nothing of it is left"),
    Column("examples", Integer, nullable=False),
    Column("options", JSON, nullable=False, comment="that it was built with"),
    Column("card", JSON, nullable=False, comment="counts, sources, slices, licences; no text"),
    Column("erased", Integer, nullable=False, comment="examples taken out since, because something was erased"),
    Index(None, "index_name", "purpose"),
)

training_sources = Table(
    "training_sources",
    metadata,
    Column("set_id", String(16), primary_key=True),
    Column("example", String(32), primary_key=True),
    Column("kind", String(16), primary_key=True, comment="interaction, feedback, document"),
    Column("ref", String(32), primary_key=True, comment="id of what is behind the example"),
    Index(None, "ref"),
)

models = Table(
    "models",
    metadata,
    Column("id", String(16), primary_key=True, comment="hash of its files"),
    Column("index_name", String(63), nullable=False),
    Column("purpose", String(16), nullable=False),
    Column("at", Float, nullable=False),
    Column("base", Text, nullable=False, comment="the model that was tuned, as the settings name it"),
    Column("set_id", String(16), nullable=False, comment="training set"),
    Column("recipe", JSON, nullable=False, comment="how it was trained, seeds too"),
    Column("files", JSON, nullable=False, comment="path → SHA-256, the lake's name of it"),
    Column("size_bytes", Integer, nullable=False),
    Column("figures", JSON, nullable=False, comment="of the training"),
    Column("tracking", Text, comment="run of the experiment tracker"),
    Column("tainted", JSON, nullable=False, comment="decisions that erased something it was trained on"),
    Index(None, "index_name", "purpose"),
)

comparisons = Table(
    "comparisons",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("index_name", String(63), nullable=False),
    Column("purpose", String(16), nullable=False),
    Column("at", Float, nullable=False),
    Column("challenger", String(16), nullable=False),
    Column("champion", String(16), comment="null: the model that the configuration names"),
    Column("set_id", String(16), nullable=False, comment="whose frozen test split was looked at"),
    Column("look", Integer, nullable=False, comment="the nth at a test split of this index and purpose"),
    Column("release", Integer, comment="built by the challenger, that it was judged on; null where it needs none"),
    Column("outcome", String(24), nullable=False),
    Column("report", JSON, nullable=False, comment="gain, slices, guards, limits, reasons"),
    Index(None, "index_name", "purpose"),
)

promotions = Table(
    "promotions",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("index_name", String(63), nullable=False),
    Column("purpose", String(16), nullable=False),
    Column("model", String(16), nullable=False),
    Column("comparison", Integer, comment="null where a person promoted without one"),
    Column("release", Integer, nullable=False, comment="live from then on"),
    Column("before_release", Integer, nullable=False),
    Column("before_models", JSON, nullable=False, comment="champions before, by purpose"),
    Column("at", Float, nullable=False),
    Column("decision_id", Integer, nullable=False),
    Column("undone_at", Float, comment="when it was demoted"),
    Index(None, "index_name", "id"),
)
