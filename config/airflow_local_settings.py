"""Loaded by each of Airflow's processes at its start.

Importing dbt or Great Expectations costs seconds of CPU. The scheduler does it once, so that the task processes that it
forks have them.
"""

import sys

if sys.argv[1:2] == ["scheduler"]:
    from recall.hooks.dbt import preload

    preload()
