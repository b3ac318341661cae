"""Loaded by each of Airflow's processes at its start.

Two of them fork processes all the time: the scheduler one for each task, the DAG processor one for each DAG file. What
those import is imported here once; dbt and Great Expectations alone cost seconds of CPU.
"""

import importlib
import pkgutil
import sys

FORKS_WITH = {
    "scheduler": ("domain", "hooks", "ingest", "operators", "report", "warehouse"),
    "dag-processor": ("operators",),
}
"""Parts of the package that are loaded, by the process that forks."""

component = sys.argv[1] if len(sys.argv) > 1 else ""
for part in FORKS_WITH.get(component, ()):
    package = importlib.import_module(f"recall.{part}")
    for module in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
        importlib.import_module(module.name)
if component == "scheduler":
    from recall.hooks import dbt, gates

    dbt.preload()
    gates.load_engine()
