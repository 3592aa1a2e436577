"""
# Approve

Asks a person about one release that its gates refused. `ingest_<index>` and `reindex_<index>` trigger this DAG; the
question, with every gate's figures, is under *Required Actions*.

* **Approve**, with a reason: the release goes live, and the asset `penstock://<index>` gets its event.
* **Reject**, with a reason: the release is gone; readers never saw it. While the source and the limits stay as they
  are, the next sync stages the same again, and asks again.
* No reason: nothing is decided, and the question is asked again in a new run.
* Decided elsewhere meanwhile, or superseded by a newer sync: the answer decides nothing, the run ends red, and *decide*
  says who or what it was. A question that was overtaken stays open until somebody answers it.

Every decision is one row of `penstock log`, with the Airflow user who answered.
"""

from penstock.orchestration import approval_dag, index_names

for name in index_names():
    approval_dag(name, doc=__doc__)
