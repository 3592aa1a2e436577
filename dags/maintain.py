"""
# Maintain

The upkeep of every index: **prune** the releases beyond `retention.keep_releases`, **optimise** the search structures,
**verify** catalog, manifest, store and lake against one another by reading all of them, forget why documents were
refused so that the next sync tries them again, delete what was asked and said before `interactions.keep_days`, and look
at **freshness**.

A difference that *verify* finds and a source older than its `max_age_s` end the Airflow run red, with names and what
to do.
"""

from penstock.orchestration import maintain_dag

maintain_dag(doc=__doc__)
