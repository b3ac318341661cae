"""Takes in what became of messages.

Delivered files of the table `receipts` and what the channels' peers hold ready (outcomes of calls, acknowledgements of
gifts) are joined to the ledger, one mapped task per source. Told again, late or in another order they change nothing.

- **Starts** every hour and whenever `raw_loaded` is announced; by hand with `recall receipts`. An export reads its own
  channel's receipts once more before it claims anybody.
- **Settles** sends that were `unknown`, for a receipt proves that the peer had the message; see *sends unknown*.
- **Writes** an unsubscription or a complaint into the consents at once: the next claim obeys it.
- **Fails** where a source cannot be read; the other sources are taken in all the same. See *receipts unreadable*.
- **Ends** with what the ledger knows; nothing waits for it.
"""

from airflow.sdk import DAG, AssetOrTimeSchedule

from recall.operators.receipts import CollectReceiptsOperator, ListReceiptSourcesOperator
from recall.operators.schedule import RAW_LOADED, dag_settings, hourly

with DAG(
    dag_id="collect_receipts",
    schedule=AssetOrTimeSchedule(timetable=hourly(minute=5), assets=[RAW_LOADED]),
    **dag_settings(__doc__),
):
    sources = ListReceiptSourcesOperator(task_id="list_sources")
    CollectReceiptsOperator.partial(task_id="collect_source").expand(source_code=sources.output)
