"""Evaluations: how well a release answered a set of questions, and where the results lie"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "evaluations",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("index_name", sa.String(length=63), nullable=False),
        sa.Column("release", sa.Integer(), nullable=False),
        sa.Column("at", sa.Float(), nullable=False),
        sa.Column("via", sa.String(length=16), nullable=False, comment="evaluate, gate"),
        sa.Column("set_name", sa.Text(), nullable=False),
        sa.Column(
            "set_digest", sa.String(length=64), nullable=False, comment="hash of the questions and of what answers them"
        ),
        sa.Column("settings", sa.JSON(), nullable=False, comment="of the retrieval"),
        sa.Column("asked", sa.Integer(), nullable=False),
        sa.Column("absent", sa.JSON(), nullable=False, comment="question → why it was not asked"),
        sa.Column(
            "figures", sa.JSON(), nullable=False, comment="by measure: mean, ends of its 95 % interval, questions"
        ),
        sa.Column("seconds", sa.Float(), nullable=False),
        sa.Column("against", sa.Integer(), nullable=True, comment="the evaluation that it was compared with"),
        sa.Column("change", sa.JSON(), nullable=True, comment="by measure, as figures: this less that"),
        sa.Column(
            "questions",
            sa.String(length=64),
            nullable=True,
            comment="lake object; null once nobody can read the release",
        ),
        sa.Column(
            "results", sa.String(length=64), nullable=True, comment="lake object; null once nobody can read the release"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_evaluations")),
    )
    op.create_index(op.f("ix_evaluations_index_name_set_name"), "evaluations", ["index_name", "set_name"])
