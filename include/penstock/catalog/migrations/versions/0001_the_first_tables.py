"""The first tables"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "chunkings",
        sa.Column("key", sa.String(length=64), nullable=False, comment="hash of parse and chunker"),
        sa.Column("parse_key", sa.String(length=64), nullable=False),
        sa.Column("chunks", sa.Integer(), nullable=False),
        sa.Column("tokens", sa.Integer(), nullable=False),
        sa.Column("made_at", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_chunkings")),
    )
    with op.batch_alter_table("chunkings", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_chunkings_parse_key"), ["parse_key"], unique=False)

    op.create_table(
        "decisions",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("at", sa.Float(), nullable=False),
        sa.Column("who", sa.Text(), nullable=False),
        sa.Column("via", sa.String(length=16), nullable=False, comment="cli, airflow, page"),
        sa.Column("what", sa.String(length=16), nullable=False),
        sa.Column("index_name", sa.String(length=63), nullable=True),
        sa.Column("release", sa.Integer(), nullable=True),
        sa.Column("document_id", sa.String(length=32), nullable=True),
        sa.Column("why", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_decisions")),
        comment="append-only: triggers refuse update and delete",
    )
    op.create_table(
        "documents",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("source", sa.String(length=64), nullable=False),
        sa.Column("key", sa.Text(), nullable=True, comment="blank once erased"),
        sa.Column(
            "parent_id", sa.String(length=32), nullable=True, comment="the document that this one is attached to"
        ),
        sa.Column("hint", sa.Text(), nullable=False, comment="the listing's hint that `revision` was fetched under"),
        sa.Column("revision", sa.String(length=64), nullable=True, comment="SHA-256 of the bytes last fetched"),
        sa.Column("principals", sa.Text(), nullable=False, comment="sorted JSON list: who may read, today"),
        sa.Column(
            "principals_pending", sa.Boolean(), nullable=False, comment="not yet carried to every row of the index"
        ),
        sa.Column("fields", sa.Text(), nullable=False, comment="sorted JSON object of metadata"),
        sa.Column("problem", sa.JSON(), nullable=True, comment="why it could not be fetched the last time"),
        sa.Column("first_run", sa.Integer(), nullable=False),
        sa.Column("erased_at", sa.Float(), nullable=True, comment="a tombstone: nothing brings the document back"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_documents")),
    )
    with op.batch_alter_table("documents", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_documents_parent_id"), ["parent_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_documents_source"), ["source"], unique=False)

    op.create_table(
        "entries",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("index_name", sa.String(length=63), nullable=False),
        sa.Column("document_id", sa.String(length=32), nullable=False),
        sa.Column("added_in", sa.Integer(), nullable=False),
        sa.Column("removed_in", sa.Integer(), nullable=False),
        sa.Column("revision", sa.String(length=64), nullable=True),
        sa.Column("parse_key", sa.String(length=64), nullable=True),
        sa.Column("chunks_key", sa.String(length=64), nullable=True),
        sa.Column("chunks", sa.Integer(), nullable=False),
        sa.Column("fields", sa.Text(), nullable=False),
        sa.Column(
            "reason", sa.String(length=32), nullable=True, comment="why it is in quarantine; null where it is indexed"
        ),
        sa.Column("detail", sa.Text(), nullable=True),
        sa.Column("remedy", sa.Text(), nullable=True),
        sa.Column("run_id", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_entries")),
    )
    with op.batch_alter_table("entries", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_entries_document_id"), ["document_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_entries_index_name_added_in"), ["index_name", "added_in"], unique=False)
        batch_op.create_index(
            batch_op.f("ix_entries_index_name_document_id"), ["index_name", "document_id"], unique=False
        )
        batch_op.create_index(
            batch_op.f("ix_entries_index_name_removed_in"), ["index_name", "removed_in"], unique=False
        )

    op.create_table(
        "erased_bytes",
        sa.Column(
            "digest",
            sa.String(length=64),
            nullable=False,
            comment="hash of the SHA-256 of bytes that must not come back",
        ),
        sa.Column("decision_id", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_erased_bytes")),
    )

    op.create_table(
        "gates",
        sa.Column("index_name", sa.String(length=63), nullable=False),
        sa.Column("release", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("passed", sa.Boolean(), nullable=False),
        sa.Column("observed", sa.Text(), nullable=False),
        sa.Column("limit", sa.Text(), nullable=False),
        sa.Column("meaning", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("index_name", "release", "name", name=op.f("pk_gates")),
    )
    op.create_table(
        "generations",
        sa.Column("index_name", sa.String(length=63), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("collection", sa.String(length=80), nullable=False),
        sa.Column("recipe", sa.JSON(), nullable=False, comment="parser, chunker, embedder and fields that made it"),
        sa.Column("embedder", sa.String(length=16), nullable=False, comment="fingerprint"),
        sa.Column("dimension", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.Float(), nullable=False),
        sa.Column("dropped_at", sa.Float(), nullable=True),
        sa.PrimaryKeyConstraint("index_name", "number", name=op.f("pk_generations")),
    )
    op.create_table(
        "leases",
        sa.Column("index_name", sa.String(length=63), nullable=False),
        sa.Column("holder", sa.Text(), nullable=False),
        sa.Column("token", sa.Integer(), nullable=False, comment="grows with every change of hands"),
        sa.Column("expires_at", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("index_name", name=op.f("pk_leases")),
    )
    op.create_table(
        "parses",
        sa.Column("key", sa.String(length=64), nullable=False, comment="hash of bytes, claimed type and parser"),
        sa.Column("revision", sa.String(length=64), nullable=False),
        sa.Column("parser", sa.String(length=64), nullable=False, comment="fingerprint"),
        sa.Column("parsed_by", sa.Text(), nullable=True, comment="library that made the elements"),
        sa.Column("media_type", sa.Text(), nullable=True),
        sa.Column("title", sa.Text(), nullable=True),
        sa.Column("attachments", sa.JSON(), nullable=False, comment="[[name, sha256], ...]"),
        sa.Column(
            "reason", sa.String(length=32), nullable=True, comment="why it was refused; null where it was parsed"
        ),
        sa.Column("detail", sa.Text(), nullable=True),
        sa.Column("remedy", sa.Text(), nullable=True),
        sa.Column("run_id", sa.Integer(), nullable=False),
        sa.Column("made_at", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_parses")),
    )
    with op.batch_alter_table("parses", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_parses_revision"), ["revision"], unique=False)

    op.create_table(
        "pointers",
        sa.Column("index_name", sa.String(length=63), nullable=False),
        sa.Column("live", sa.Integer(), nullable=True, comment="the one release that readers see"),
        sa.Column("on_hold", sa.Boolean(), nullable=False),
        sa.Column("moved_at", sa.Float(), nullable=True),
        sa.PrimaryKeyConstraint("index_name", name=op.f("pk_pointers")),
    )
    op.create_table(
        "redactions",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("index_name", sa.String(length=63), nullable=False),
        sa.Column("document_id", sa.String(length=32), nullable=False),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("decision_id", sa.Integer(), nullable=False),
        sa.Column("rows", sa.Integer(), nullable=False),
        sa.Column("first_release", sa.Integer(), nullable=False),
        sa.Column("last_release", sa.Integer(), nullable=False),
        sa.Column("certificate", sa.JSON(), nullable=False, comment="holds no content"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_redactions")),
    )
    op.create_table(
        "revisions",
        sa.Column("document_id", sa.String(length=32), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("size_bytes", sa.Integer(), nullable=False),
        sa.Column("version", sa.Text(), nullable=True, comment="the source's own name of the version"),
        sa.Column("fetched_at", sa.Float(), nullable=False),
        sa.Column("run_id", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("document_id", "sha256", name=op.f("pk_revisions")),
    )
    with op.batch_alter_table("revisions", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_revisions_sha256"), ["sha256"], unique=False)

    op.create_table(
        "runs",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("index_name", sa.String(length=63), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("started_at", sa.Float(), nullable=False),
        sa.Column("finished_at", sa.Float(), nullable=True),
        sa.Column("release", sa.Integer(), nullable=True),
        sa.Column("options", sa.JSON(), nullable=False),
        sa.Column("counts", sa.JSON(), nullable=False),
        sa.Column("seconds", sa.JSON(), nullable=False, comment="by stage"),
        sa.Column("sources", sa.JSON(), nullable=False, comment="how each listing ended"),
        sa.Column("message", sa.Text(), nullable=True),
        sa.Column("external", sa.Text(), nullable=True, comment="the orchestrator's own name of the run"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_runs")),
    )
    with op.batch_alter_table("runs", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_runs_index_name_id"), ["index_name", "id"], unique=False)

    op.create_table(
        "source_states",
        sa.Column("source", sa.String(length=64), nullable=False),
        sa.Column("index_name", sa.String(length=63), nullable=False),
        sa.Column("listed_at", sa.Float(), nullable=True, comment="end of the last complete listing"),
        sa.Column("documents", sa.Integer(), nullable=False),
        sa.Column("error", sa.Text(), nullable=True, comment="of the last listing, where it failed"),
        sa.Column("run_id", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("source", "index_name", name=op.f("pk_source_states")),
    )
    op.create_table(
        "texts",
        sa.Column("text_hash", sa.String(length=64), nullable=False),
        sa.Column("embedder", sa.String(length=16), nullable=False, comment="fingerprint"),
        sa.Column("pack", sa.String(length=64), nullable=False, comment="lake object that holds the vector"),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("text_hash", "embedder", name=op.f("pk_texts")),
    )
    with op.batch_alter_table("texts", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_texts_pack"), ["pack"], unique=False)

    op.create_table(
        "releases",
        sa.Column("index_name", sa.String(length=63), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column(
            "base", sa.Integer(), nullable=False, comment="the release that the delta was computed against; 0 for none"
        ),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("run_id", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.Float(), nullable=False),
        sa.Column("published_at", sa.Float(), nullable=True),
        sa.Column("documents", sa.Integer(), nullable=False),
        sa.Column("quarantined", sa.Integer(), nullable=False),
        sa.Column("chunks", sa.Integer(), nullable=False),
        sa.Column("rows_added", sa.Integer(), nullable=False),
        sa.Column("rows_removed", sa.Integer(), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("delta", sa.JSON(), nullable=False, comment="documents added, changed, removed; texts embedded"),
        sa.Column("pinned", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(
            ["index_name", "generation"],
            ["generations.index_name", "generations.number"],
            name=op.f("fk_releases_generations"),
        ),
        sa.PrimaryKeyConstraint("index_name", "number", name=op.f("pk_releases")),
    )

    # The log of decisions is append-only in the database itself, whoever connects to it.
    if op.get_bind().dialect.name == "sqlite":
        for verb in ("update", "delete"):
            op.execute(
                f"create trigger decisions_no_{verb} before {verb} on decisions "
                "begin select raise(abort, 'the log of decisions is append-only'); end"
            )
    else:
        op.execute(
            "create function decisions_append_only() returns trigger language plpgsql as "
            "$$ begin raise exception 'the log of decisions is append-only'; end $$"
        )
        op.execute(
            "create trigger decisions_append_only before update or delete on decisions "
            "for each row execute function decisions_append_only()"
        )
