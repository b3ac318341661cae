"""Fits how often people return, and the churn limits that the data suggest.

A fit reads what the marts serve and adds dated rows: `marts.fct_return_curves` and `marts.fct_churn_limits`. Nights
read the latest fit and never refit. A suggestion is shown, never adopted: a person changes `business_lines.csv`.

- **Starts** when `marts_built` is announced, for the as-of date in its event, and skips itself unless the latest fit
  is as old as `fit_interval_days` says; by hand with `recall calibrate --as-of D`.
- **Fails** without harm: the fits that are there go on being read. See the runbook *build failed*.
- **Alerts** where a limit in force is far from the suggestion: see *churn limit drifting*.
- **Ends** with the asset `definitions_calibrated`.
"""

from airflow.sdk import DAG, chain

from recall.operators.base import AnnounceOperator
from recall.operators.calibration import FitOperator
from recall.operators.schedule import DEFINITIONS_CALIBRATED, MARTS_BUILT, dag_settings

with DAG(dag_id="calibrate_definitions", schedule=[MARTS_BUILT], **dag_settings(__doc__)):
    chain(
        FitOperator(task_id="fit_marts"),
        AnnounceOperator(task_id="announce_fit", asset=DEFINITIONS_CALIBRATED),
    )
