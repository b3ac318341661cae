"""Delivers what the night selected.

Members are registered, and each channel that has something due sends it, one mapped task per channel.
Deliveries are looked at once more before: a file that was rejected since the night was built may hold the orders of
those who are about to be written to.

- **Starts** when `marts_built` is announced; by hand with `recall export --as-of D`. `recall plan --as-of D` shows
  beforehand what would be sent.
- **Sends** are claimed in the ledger before they leave and settled afterwards, so that a run that died is run again
  without anybody hearing twice. What a peer left unclear is `unknown` and is not sent again: see *sends unknown*.
- **Blocked** where a file was rejected or a source is silent for too long: see *file rejected* and *source silent*.
- **Ends** with the asset `audiences_exported`.
"""

from airflow.sdk import DAG

from recall.operators.base import AnnounceOperator
from recall.operators.export import ExportChannelOperator, ListChannelsOperator, RegisterMembersOperator
from recall.operators.ingest import RequireSourcesOperator
from recall.operators.schedule import AUDIENCES_EXPORTED, MARTS_BUILT, dag_settings

with DAG(
    dag_id="export_audiences",
    schedule=[MARTS_BUILT],
    allowed_run_types=["asset_triggered", "manual"],
    **dag_settings(__doc__),
):
    sources = RequireSourcesOperator(task_id="require_sources")
    members = RegisterMembersOperator(task_id="register_members")
    channels = ListChannelsOperator(task_id="list_channels")
    exports = ExportChannelOperator.partial(task_id="export_channel").expand(channel=channels.output)
    # A night on which no channel has anything to send is a good night too.
    announcement = AnnounceOperator(task_id="announce_export", asset=AUDIENCES_EXPORTED, trigger_rule="none_failed")
    sources >> members >> channels >> exports >> announcement
