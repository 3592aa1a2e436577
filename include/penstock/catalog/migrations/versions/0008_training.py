"""Verdicts, training sets, the models trained on them, and which of those serve"""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "comparisons",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("index_name", sa.String(length=63), nullable=False),
        sa.Column("purpose", sa.String(length=16), nullable=False),
        sa.Column("at", sa.Float(), nullable=False),
        sa.Column("challenger", sa.String(length=16), nullable=False),
        sa.Column(
            "champion", sa.String(length=16), nullable=True, comment="null: the model that the configuration names"
        ),
        sa.Column("set_id", sa.String(length=16), nullable=False, comment="whose frozen test split was looked at"),
        sa.Column("look", sa.Integer(), nullable=False, comment="the nth at a test split of this index and purpose"),
        sa.Column(
            "release",
            sa.Integer(),
            nullable=True,
            comment="built by the challenger, that it was judged on; null where it needs none",
        ),
        sa.Column("outcome", sa.String(length=24), nullable=False),
        sa.Column("report", sa.JSON(), nullable=False, comment="gain, slices, guards, limits, reasons"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_comparisons")),
    )
    op.create_index(op.f("ix_comparisons_index_name_purpose"), "comparisons", ["index_name", "purpose"], unique=False)
    op.create_table(
        "models",
        sa.Column("id", sa.String(length=16), nullable=False, comment="hash of its files"),
        sa.Column("index_name", sa.String(length=63), nullable=False),
        sa.Column("purpose", sa.String(length=16), nullable=False),
        sa.Column("at", sa.Float(), nullable=False),
        sa.Column("base", sa.Text(), nullable=False, comment="the model that was tuned, as the settings name it"),
        sa.Column("set_id", sa.String(length=16), nullable=False, comment="training set"),
        sa.Column("recipe", sa.JSON(), nullable=False, comment="how it was trained, seeds too"),
        sa.Column("files", sa.JSON(), nullable=False, comment="path → SHA-256, the lake's name of it"),
        sa.Column("size_bytes", sa.Integer(), nullable=False),
        sa.Column("figures", sa.JSON(), nullable=False, comment="of the training"),
        sa.Column("tracking", sa.Text(), nullable=True, comment="run of the experiment tracker"),
        sa.Column("tainted", sa.JSON(), nullable=False, comment="decisions that erased something it was trained on"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_models")),
    )
    op.create_index(op.f("ix_models_index_name_purpose"), "models", ["index_name", "purpose"], unique=False)
    op.create_table(
        "promotions",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("index_name", sa.String(length=63), nullable=False),
        sa.Column("purpose", sa.String(length=16), nullable=False),
        sa.Column("model", sa.String(length=16), nullable=False),
        sa.Column("comparison", sa.Integer(), nullable=True, comment="null where a person promoted without one"),
        sa.Column("release", sa.Integer(), nullable=False, comment="live from then on"),
        sa.Column("before_release", sa.Integer(), nullable=False),
        sa.Column("before_models", sa.JSON(), nullable=False, comment="champions before, by purpose"),
        sa.Column("at", sa.Float(), nullable=False),
        sa.Column("decision_id", sa.Integer(), nullable=False),
        sa.Column("undone_at", sa.Float(), nullable=True, comment="when it was demoted"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_promotions")),
    )
    op.create_index(op.f("ix_promotions_index_name_id"), "promotions", ["index_name", "id"], unique=False)
    op.create_table(
        "question_splits",
        sa.Column("index_name", sa.String(length=63), nullable=False),
        sa.Column("question", sa.String(length=32), nullable=False, comment="digest, as interactions have it"),
        sa.Column("split", sa.String(length=16), nullable=False, comment="for ever: an example never moves"),
        sa.Column("group_name", sa.String(length=32), nullable=False, comment="of its first training set"),
        sa.Column("at", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("index_name", "question", name=op.f("pk_question_splits")),
    )
    op.create_table(
        "training_sets",
        sa.Column("id", sa.String(length=16), nullable=False, comment="of the hash of its content when it was frozen"),
        sa.Column("index_name", sa.String(length=63), nullable=False),
        sa.Column("purpose", sa.String(length=16), nullable=False, comment="embedder, reranker, generator"),
        sa.Column("at", sa.Float(), nullable=False),
        sa.Column(
            "release", sa.Integer(), nullable=False, comment="that its passages are from; kept as long as the set"
        ),
        sa.Column(
            "data", sa.String(length=64), nullable=True, comment="lake object, Parquet; null once nothing of it is left"
        ),
        sa.Column("examples", sa.Integer(), nullable=False),
        sa.Column("options", sa.JSON(), nullable=False, comment="that it was built with"),
        sa.Column("card", sa.JSON(), nullable=False, comment="counts, sources, slices, licences; no text"),
        sa.Column(
            "erased", sa.Integer(), nullable=False, comment="examples taken out since, because something was erased"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_training_sets")),
    )
    op.create_index(
        op.f("ix_training_sets_index_name_purpose"), "training_sets", ["index_name", "purpose"], unique=False
    )
    op.create_table(
        "training_sources",
        sa.Column("set_id", sa.String(length=16), nullable=False),
        sa.Column("example", sa.String(length=32), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False, comment="interaction, feedback, document"),
        sa.Column("ref", sa.String(length=32), nullable=False, comment="id of what is behind the example"),
        sa.PrimaryKeyConstraint("set_id", "example", "kind", "ref", name=op.f("pk_training_sources")),
    )
    op.create_index(op.f("ix_training_sources_ref"), "training_sources", ["ref"], unique=False)
    op.create_table(
        "pruned_imports",
        sa.Column(
            "id",
            sa.String(length=32),
            nullable=False,
            comment="of an imported interaction, a digest of what its row says",
        ),
        sa.Column(
            "pruned_at",
            sa.Float(),
            nullable=False,
            comment="what a log dates before this, or not at all, stays out",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_pruned_imports")),
    )
    op.create_table(
        "verdicts",
        sa.Column("interaction_id", sa.String(length=32), nullable=False),
        sa.Column("index_name", sa.String(length=63), nullable=False),
        sa.Column("at", sa.Float(), nullable=False, comment="when it was judged, the last time"),
        sa.Column("cause", sa.String(length=24), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("evidence", sa.JSON(), nullable=False, comment="the figures that decided; no text"),
        sa.PrimaryKeyConstraint("interaction_id", name=op.f("pk_verdicts")),
    )
    op.create_index(op.f("ix_verdicts_index_name_cause"), "verdicts", ["index_name", "cause"], unique=False)
    op.add_column(
        "pointers",
        sa.Column(
            "models", sa.JSON(), server_default="{}", nullable=False, comment="champions that were trained, by purpose"
        ),
    )
