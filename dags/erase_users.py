"""Erases persons who asked for it, and keeps them erased.

Rows of inputs, contacts and words go; the ledger keeps its pseudonyms, and a keyed hash of each contact stays so that
it is known if it comes again. What a later file brings of an erased person goes with its load (`ingest_raw`).

- **Starts** with `recall erase USER`, and by itself whenever `raw_loaded` is announced, for channels that could not be
  told before.
- **Tells** the channels: an erased person is taken back out of advertising audiences, and only then is the contact
  forgotten.
- **Fails** where an audience cannot be told; the person is erased here all the same, and the next run tells it again.
- **Ends** with nothing that waits for it: the next night builds without the person.
"""

from airflow.sdk import DAG

from recall.operators.erasure import EraseUsersOperator, TellChannelsOperator
from recall.operators.schedule import RAW_LOADED, dag_settings

with DAG(dag_id="erase_users", schedule=[RAW_LOADED], **dag_settings(__doc__)):
    erasure = EraseUsersOperator(task_id="erase_users")
    channels = TellChannelsOperator(task_id="tell_channels")
    erasure >> channels
