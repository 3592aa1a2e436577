"""
# Ingest

Brings one index up to date with its sources: **start** lists them and plans; **prepare** fetches, parses and chunks,
one task a batch; **collect** gathers the texts that no vector is known of; **embed** makes them; **stage** writes the
difference as the next release, which nobody sees yet; **check** runs the gates; **publish** makes the release live.

* Nothing changed: the run is green, and everything after *stage* is skipped.
* The gates refused the release: *publish* is skipped, and `approve_<index>` asks a person. Readers stay where they are.
* The asset `penstock://<index>` gets an event when a DAG makes a release live, and at no other time. What goes live by
  the command line (`approve`, `rollback`, `resume`) is not heard of by Airflow.
* A source that could not be listed removes nothing; the others go on, and the run ends red and names it.

There is one Airflow DAG for each index in the configuration. Any task may be tried again, on any worker.
"""

from penstock.orchestration import index_names, ingest_dag

for name in index_names():
    ingest_dag(name, doc=__doc__)
