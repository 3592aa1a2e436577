"""
# Retrain

From what people said of the answers to a better model, or to the reason why none is trained. Every week, and when
enough new feedback has come in (`feedback_<index>`).

* **look** asks `penstock triage` and `penstock advise` whether another model would help at all: where documents,
  rights or settings are at fault, nothing is trained.
* **assemble** freezes a training set; **tune** trains a challenger on it, on the queue `training`; **judge** compares
  it with the champion on examples that it has never seen. An embedder gets a whole index of its own for that.
* **answer**: where `retrain.approval` is `person`, somebody is asked under *Required Actions*, with the figures. A
  question that nobody answers within six days is answered by no.
* **decide_on_model** makes the challenger the champion, in one transaction with the release that it needs. Where a
  sync changed documents since it was judged, it is judged again first, on a release that has them.

Whoever stops the line (nothing to learn, too few examples, a gate that does not open, a person) leaves the reason in
the run's report; the Airflow run ends green, since nothing is broken. `penstock demote <index>` takes a promotion back.

There is one Airflow DAG for each index, and one retraining of an index at a time.
"""

from penstock.orchestration import index_names, retrain_dag

for name in index_names():
    retrain_dag(name, doc=__doc__)
