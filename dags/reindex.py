"""
# Reindex

Rebuilds one index under today's configuration, from the bytes in the lake: a new chunker, embedder or set of fields.
The live index serves until the rebuilt one has passed its gates; then readers move to it at once, and the old one is
kept for rollback. Whatever today's configuration would make again exactly is reused.

Triggered by hand, one Airflow DAG for each index. The tasks are those of `ingest_<index>`.
"""

from penstock.orchestration import index_names, reindex_dag

for name in index_names():
    reindex_dag(name, doc=__doc__)
