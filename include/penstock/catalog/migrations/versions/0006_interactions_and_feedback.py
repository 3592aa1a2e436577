"""Interactions and feedback: what was asked and shown, and what people said of it"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "interactions",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("index_name", sa.String(length=63), nullable=False),
        sa.Column("release", sa.Integer(), nullable=True, comment="null where an imported log does not know it"),
        sa.Column("at", sa.Float(), nullable=False, comment="when it was asked"),
        sa.Column("recorded_at", sa.Float(), nullable=False, comment="from here on retention counts"),
        sa.Column("origin", sa.String(length=8), nullable=False, comment="live, or import"),
        sa.Column("query", sa.Text(), nullable=True, comment="null where it is not kept, or was redacted"),
        sa.Column("query_digest", sa.String(length=32), nullable=False, comment="keyed, as all digests here"),
        sa.Column("principals", sa.String(length=32), nullable=True, comment="digest of who asked, as a reader"),
        sa.Column("person", sa.String(length=32), nullable=True, comment="digest"),
        sa.Column("session", sa.String(length=32), nullable=True, comment="digest"),
        sa.Column("setup", sa.JSON(), nullable=False, comment="mode, settings and models that answered"),
        sa.Column(
            "candidates", sa.JSON(), nullable=False, comment="[[chunk, score, by text search, by vector search], ...]"
        ),
        sa.Column(
            "shown", sa.JSON(), nullable=False, comment="[[chunk or null, document], ...] in the order of the page"
        ),
        sa.Column("answer", sa.Text(), nullable=True),
        sa.Column("citations", sa.JSON(), nullable=False, comment="document, revision, span and quote of each"),
        sa.Column("refused", sa.Boolean(), nullable=True, comment="null where no answer was asked for"),
        sa.Column("timings", sa.JSON(), nullable=False, comment="milliseconds by stage"),
        sa.Column("redacted", sa.Boolean(), nullable=False, comment="a text was taken out when a document was erased"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_interactions")),
    )
    op.create_index(op.f("ix_interactions_index_name_at"), "interactions", ["index_name", "at"])
    op.create_index(op.f("ix_interactions_recorded_at"), "interactions", ["recorded_at"])
    op.create_index(op.f("ix_interactions_person"), "interactions", ["person"])
    op.create_index(op.f("ix_interactions_session"), "interactions", ["session"])
    op.create_table(
        "feedback",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("interaction_id", sa.String(length=32), nullable=False),
        sa.Column("index_name", sa.String(length=63), nullable=False),
        sa.Column("at", sa.Float(), nullable=False, comment="when it was said"),
        sa.Column("recorded_at", sa.Float(), nullable=False),
        sa.Column("origin", sa.String(length=8), nullable=False, comment="live, or import"),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("value", sa.Float(), nullable=True, comment="of a rating: -1 to 1"),
        sa.Column("text", sa.Text(), nullable=True, comment="of a comment or a correction"),
        sa.Column(
            "chunk_id",
            sa.String(length=36),
            nullable=True,
            comment="the one passage that it is about; null: about the whole",
        ),
        sa.Column("document_id", sa.String(length=32), nullable=True, comment="of that passage, or of the right one"),
        sa.Column("revision", sa.String(length=64), nullable=True, comment="that the span points into"),
        sa.Column(
            "start", sa.Integer(), nullable=True, comment="of the right passage, in characters of the parsed text"
        ),
        sa.Column("end", sa.Integer(), nullable=True),
        sa.Column("person", sa.String(length=32), nullable=True, comment="digest of who said it"),
        sa.Column("session", sa.String(length=32), nullable=True, comment="digest"),
        sa.Column("redacted", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_feedback")),
    )
    op.create_index(op.f("ix_feedback_interaction_id"), "feedback", ["interaction_id"])
    op.create_index(op.f("ix_feedback_index_name_at"), "feedback", ["index_name", "at"])
    op.create_index(op.f("ix_feedback_person"), "feedback", ["person"])
    op.create_index(op.f("ix_feedback_session"), "feedback", ["session"])
    op.create_table(
        "erased_people",
        sa.Column("digest", sa.String(length=32), nullable=False, comment="of a person or a session"),
        sa.Column(
            "erased_at",
            sa.Float(),
            nullable=False,
            comment="what an import dates before this, or not at all, stays out",
        ),
        sa.Column("decision_id", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_erased_people")),
    )
    op.create_table(
        "digest_keys",
        sa.Column("name", sa.String(length=32), nullable=False),
        sa.Column("key", sa.String(length=64), nullable=False, comment="of the digests above: made once, in hex"),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_digest_keys")),
    )
