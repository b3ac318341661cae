"""Goes on with exports that quiet hours had stopped.

Whoever is selected while it is night where they live waits in the ledger. When the first of them may be written to, the
channel's export of the served day is run again: it sends to those and to nobody else. What still waits when a later
night's audience is registered is given up, for whoever is still due stands in that one.

- **Starts** every hour; by hand with `recall export --as-of D`.
- **Blocked** where a file was rejected or a source is silent for too long: see *file rejected* and *source silent*.
- **Ends** with the ledger settled; nothing waits for it.
"""

from airflow.sdk import DAG

from recall.operators.export import ExportChannelOperator, ListResumableOperator
from recall.operators.schedule import dag_settings, hourly

with DAG(
    dag_id="resume_exports",
    schedule=hourly(minute=10),
    allowed_run_types=["scheduled", "manual"],
    **dag_settings(__doc__),
):
    waiting = ListResumableOperator(task_id="list_waiting")
    ExportChannelOperator.partial(task_id="export_channel").expand_kwargs(waiting.output)
