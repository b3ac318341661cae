"""Computes outcomes of past assignment days again, and the effects from them.

Per assignment day the rows are deleted and inserted in one transaction, which also notes that the day is finished; then
effects, profit and curves are made anew, as a night does. The result is that of the nights.

- **Starts** by hand: `recall backfill --from 2026-01-01 --to 2026-01-31`, or with the configuration
  `{"from_date": "2026-01-01", "to_date": "2026-01-31"}`. A night keeps outcomes up to date by itself; this is for rows
  that are doubted.
- **Sends** nothing and selects nobody: its workers are a database role without any right in audiences, ledger and
  contacts.
- **Fails** without harm: each day is as it was or as it should be, and the same range again goes on with the days that
  are left. See the runbook *build failed*.
- **Blocked** where the last night did not serve its outcomes: run that night again first.
- **Ends** with the outcomes of the served day; nothing waits for it.
"""

from airflow.sdk import DAG, Param

from recall.operators.backfill import BackfillOperator
from recall.operators.schedule import dag_settings

with DAG(
    dag_id="backfill_effects",
    schedule=None,
    **dag_settings(
        __doc__,
        from_date=Param(None, type=["null", "string"], format="date", title="First assignment day"),
        to_date=Param(None, type=["null", "string"], format="date", title="Last assignment day"),
        parallel_days=Param(2, type="integer", minimum=1, maximum=16, title="Days that are worked on at once"),
    ),
):
    BackfillOperator(task_id="backfill_days")
