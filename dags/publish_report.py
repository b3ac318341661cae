"""Writes the night's page.

It shows, in English and Chinese, what campaigns achieved, audiences, sends, layers, the customers' life, gates and what
was set aside.

- **Starts** when `audiences_exported` is announced; by hand with `recall report --as-of D`.
- **Reads** only what is served; it holds no contact and no personal value.
- **Ends** with the asset `report_published`. The page lies in the home folder's `reports`.
"""

from airflow.sdk import DAG, chain

from recall.operators.base import AnnounceOperator
from recall.operators.export import WriteReportOperator
from recall.operators.schedule import AUDIENCES_EXPORTED, REPORT_PUBLISHED, dag_settings

with DAG(dag_id="publish_report", schedule=[AUDIENCES_EXPORTED], **dag_settings(__doc__)):
    chain(
        WriteReportOperator(task_id="write_report"),
        AnnounceOperator(task_id="announce_report", asset=REPORT_PUBLISHED),
    )
