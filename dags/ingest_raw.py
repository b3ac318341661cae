"""Takes in what was delivered.

Definitions, campaigns and landing files become rows of `raw`, faulty rows go to `quarantine`, and the first gate
decides whether a night may be built on them.

- **Starts** at 03:30 business time, for the business day that has just ended; by hand with `recall load`, or with a
  configuration such as `{"as_of_date": "2026-01-31"}`.
- **Ends** with the asset `raw_loaded`, whose event carries the as-of date to `build_warehouse`.
- **Blocked** where a file was rejected or a source is silent for too long: see the runbooks *file rejected* and
  *source silent*. The same file twice changes nothing, so a failed run is simply run again.
"""

from airflow.sdk import DAG, chain

from recall.operators.base import AnnounceOperator
from recall.operators.build import RunGateOperator
from recall.operators.ingest import LoadDefinitionsOperator, LoadFilesOperator, RequireSourcesOperator
from recall.operators.schedule import RAW_LOADED, dag_settings, nightly

with DAG(dag_id="ingest_raw", schedule=nightly(), **dag_settings(__doc__)):
    chain(
        LoadDefinitionsOperator(task_id="load_definitions"),
        LoadFilesOperator(task_id="load_files"),
        RequireSourcesOperator(task_id="require_sources"),
        RunGateOperator(task_id="gate_raw", door="raw"),
        AnnounceOperator(task_id="announce_raw", asset=RAW_LOADED),
    )
