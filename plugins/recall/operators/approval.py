"""The task that waits for a person where a gate found something unusual."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow.providers.standard.exceptions import HITLRejectException, HITLTimeoutError
from airflow.providers.standard.operators.hitl import ApprovalOperator
from airflow.sdk import Context
from airflow.sdk.exceptions import AirflowFailException

from recall.domain.errors import RecallError
from recall.hooks import night_lock
from recall.operators.base import PATIENCE, request_of
from recall.operators.build import QUESTION

if TYPE_CHECKING:
    from recall.hooks.gates import Door

ANSWER_WITHIN = timedelta(hours=20)
"""A question that nobody answers is given up before the next night would have to wait for it."""


class AskPersonOperator(ApprovalOperator):
    """Asks a person whether what a gate found unusual may go on; a gate without a question is passed at once.

    It holds no lock and no worker while it waits. An approval is stored under the name of whoever gave it, and then the
    gate is run again: what has changed meanwhile is found. Rejected, or not answered in time, the night has failed and
    nothing leaves. A foreground run never comes here with a question: there the gate ends the command with 3.

    Args:
        door: Whose gate asked.
        gate_task_id: The gate's task.
    """

    def __init__(self, *, door: Door, gate_task_id: str, **kwargs: Any) -> None:
        super().__init__(
            subject=f"{door}: this is unusual. May it go on?",
            body="",
            response_timeout=ANSWER_WITHIN,
            fail_on_reject=True,
            # An answer is an answer: nobody is asked twice.
            retries=0,
            **kwargs,
        )
        self.door = door
        self.gate_task_id = gate_task_id

    def execute(self, context: Context) -> Any:
        """Passes, or puts the question and waits without a worker."""
        found = context["ti"].xcom_pull(task_ids=self.gate_task_id)
        question = found.get(QUESTION) if isinstance(found, dict) else None
        if not question:
            return {}
        self.body = question
        return super().execute(context)

    def execute_complete(self, context: Context, event: dict[str, Any]) -> dict[str, Any]:
        """Takes the answer."""
        from recall.hooks.gates import approve, run_gate
        from recall.hooks.night import fail_night
        from recall.hooks.night_status import build_under_way

        day = request_of(context).require_as_of_date()
        try:
            super().execute_complete(context, event)
        except (HITLRejectException, HITLTimeoutError) as no:
            fail_night()
            why = "nobody answered in time" if isinstance(no, HITLTimeoutError) else "a person rejected it"
            raise AirflowFailException(f"The gate {self.door} for {day} stays closed: {why}.") from no
        name = str((event.get("responded_by_user") or {}).get("name") or "Airflow")
        try:
            with night_lock.hold(night_lock.this_process(f"gate {self.door} of {day} on Airflow"), patience=PATIENCE):
                approve(self.door, day, name)
                run_gate(self.door, day, build_under_way())
        except RecallError as error:
            raise AirflowFailException(error.message) from error
        return {"approved_by": name}
