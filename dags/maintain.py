"""
# Maintain

The upkeep of every index: **prune** the releases beyond `retention.keep_releases`, **optimise** the search structures,
**verify** catalog, manifest, store and lake against one another by reading all of them, forget why documents were
refused so that the next sync tries them again, delete what was asked and said before `interactions.keep_days`, and look
at **freshness**. It **monitors** what people ask and how they rate it against the weeks before, and after a promotion
against what they rated before that.

A difference that *verify* finds, a source older than its `max_age_s` and an alarm of *monitor* end the Airflow run red,
with names and what to do. Where `monitoring.on_drift` is `retrain`, a drift is an event of the asset
`penstock://INDEX/drift`, too.
"""

from penstock.orchestration import maintain_dag

maintain_dag(doc=__doc__)
