"""Builds the night's marts, outcomes and audiences.

What changed since the last night is computed and tested beside the public tables, and then moved into all of them in
one transaction, so that a reader sees yesterday or tonight and nothing between.

- **Starts** when `raw_loaded` is announced, for the as-of date in its event; by hand with `recall nightly --as-of D`.
  Airflow's own `backfill` makes up for nights that were missed, after the served day; it announces nothing, so nothing
  is sent.
- **Order**: staging, intermediate (deltas and their tests), marts, then outcomes, then audiences, because what worked
  decides whom to recall; then the gate before anything leaves. A first night fits, before its audiences, what later
  nights find fitted by `calibrate_definitions`.
- **Asks** a person where the audience is unusual (nobody at all, far from its usual size, too many): `ask_person` waits
  for an answer on Airflow's page of required actions or by `recall export --as-of D --approve`; see *audience unusual*.
- **Fails** without harm: the marts go on serving the last good night. See the runbooks *build failed*, *gate failed*
  and *audience unusual*; then run the same night again.
- **Ends** with the asset `marts_built`.
"""

from airflow.sdk import DAG, chain

from recall.operators.approval import AskPersonOperator
from recall.operators.base import AnnounceOperator
from recall.operators.build import (
    BuildLayerOperator,
    CompleteNightOperator,
    PrepareNightOperator,
    PublishLayerOperator,
    RunGateOperator,
)
from recall.operators.calibration import FirstFitOperator
from recall.operators.schedule import MARTS_BUILT, RAW_LOADED, dag_settings, on_demand

with DAG(dag_id="build_warehouse", schedule=on_demand(RAW_LOADED), **dag_settings(__doc__)):
    chain(
        PrepareNightOperator(task_id="prepare_night"),
        BuildLayerOperator(task_id="build_staging", layer="staging"),
        BuildLayerOperator(task_id="build_intermediate", layer="intermediate"),
        BuildLayerOperator(task_id="build_marts", layer="marts"),
        PublishLayerOperator(task_id="publish_marts", layer="marts"),
        BuildLayerOperator(task_id="build_outcomes", layer="outcomes"),
        PublishLayerOperator(task_id="publish_outcomes", layer="outcomes"),
        FirstFitOperator(task_id="fit_first_night"),
        BuildLayerOperator(task_id="build_audiences", layer="audiences"),
        PublishLayerOperator(task_id="publish_audiences", layer="audiences"),
        RunGateOperator(task_id="gate_audiences", door="audiences", can_ask=True),
        AskPersonOperator(task_id="ask_person", door="audiences", gate_task_id="gate_audiences"),
        CompleteNightOperator(task_id="complete_night"),
        AnnounceOperator(task_id="announce_marts", asset=MARTS_BUILT),
    )
