"""
# Feedback

Looks once an hour whether there is enough new feedback on an index (`retrain.after_feedback`), counted since its last
retraining began. If so the asset `penstock://<index>/feedback` gets an event, which starts `retrain_<index>`.

There is one Airflow DAG for each index.
"""

from penstock.orchestration import feedback_dag, index_names

for name in index_names():
    feedback_dag(name, doc=__doc__)
