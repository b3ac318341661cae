"""Tasks of build_warehouse: deltas are built and tested apart, then moved into what is served in one transaction."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.sdk.exceptions import AirflowSkipException

from recall.domain.progress import Progress
from recall.operators.base import RecallOperator, counts_of
from recall.operators.night_request import NightRequest

if TYPE_CHECKING:
    from recall.hooks.dbt import Layer
    from recall.hooks.gates import Door

QUESTION = "question"
"""Under this key a gate leaves what a person has to answer."""


class BuildOperator(RecallOperator):
    """A task whose failure fails the night; the marts go on serving the last good one."""

    def work(self, request: NightRequest, progress: Progress) -> dict[str, Any]:
        """Builds, and marks the night failed where that fails."""
        from recall.hooks.night import fail_night

        try:
            return self.build(request, progress)
        except BaseException:
            fail_night()
            raise

    def build(self, request: NightRequest, progress: Progress) -> dict[str, Any]:
        """Does the task's work.

        Args:
            request: What the run was asked for.
            progress: Whoever looks at it.
        """
        raise NotImplementedError


class PrepareNightOperator(RecallOperator):
    """Opens the build: what it is for, and since when things have changed."""

    def work(self, request: NightRequest, progress: Progress) -> dict[str, Any]:
        """Calls prepare_night, which refuses to let yesterday overwrite today."""
        from recall.domain.workspace import load_workspace
        from recall.hooks.night import prepare_night

        with progress.stage("prepare the night") as stage:
            night = prepare_night(load_workspace(), request.require_as_of_date(), request.full_refresh)
            stage.note("every user" if night.is_full_rebuild else f"changes since {night.previous_as_of_date}")
        return counts_of(night)


class BuildLayerOperator(BuildOperator):
    """Builds and tests one layer.

    Args:
        layer: Name of the dbt selector.
    """

    def __init__(self, *, layer: Layer, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.layer = layer

    def build(self, request: NightRequest, progress: Progress) -> dict[str, Any]:
        """Calls dbt for the layer."""
        from recall.domain.workspace import load_workspace
        from recall.hooks.dbt import build_layer
        from recall.warehouse.contact_points import refresh_contact_points

        if self.layer == "audiences":
            # dbt must not see a contact, so who shares one is found before it selects anybody.
            refresh_contact_points(load_workspace(), request.require_as_of_date(), progress=progress)
        with progress.stage(f"build {self.layer}") as stage:
            results = build_layer(self.layer, on_node_done=lambda done, total: stage.note(f"{done}/{total}"))
            models = [result for result in results if result.resource_type == "model"]
            stage.advance(sum(result.row_count or 0 for result in models))
            built = f"{len(models)} models, {len(results) - len(models)} tests"
            stage.note(built if results else "the tables stand as last night")
        return {"model_count": len(models), "test_count": len(results) - len(models)}


class PublishLayerOperator(BuildOperator):
    """Moves a layer's deltas into its public tables, all in one transaction.

    Args:
        layer: Name of the layer.
    """

    def __init__(self, *, layer: Layer, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.layer = layer

    def build(self, request: NightRequest, progress: Progress) -> dict[str, Any]:
        """Calls the publishing macro."""
        from recall.hooks.dbt import run_operation

        with progress.stage(f"publish {self.layer}"):
            run_operation("publish", {"layer": self.layer})
        return {"layer": self.layer}


class RunGateOperator(BuildOperator):
    """Runs the suites of one door.

    Where nobody waits for the run and all that was found is unusual and not wrong, it leaves the question to an
    `AskPersonOperator` after it. A command that waits is told at once, and names what to type.

    Args:
        door: raw (may this come in?) or audiences (may this leave?).
        can_ask: Whether an `AskPersonOperator` comes after it.
    """

    def __init__(self, *, door: Door, can_ask: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.door = door
        self.can_ask = can_ask

    def work(self, request: NightRequest, progress: Progress) -> dict[str, Any]:
        """Runs the gate; at the raw door no night has begun that could fail."""
        return super().work(request, progress) if self.door == "audiences" else self.build(request, progress)

    def build(self, request: NightRequest, progress: Progress) -> dict[str, Any]:
        """Calls the gate, which raises where it stays closed."""
        from recall.hooks import foreground
        from recall.hooks.gates import PersonNeeded, run_gate
        from recall.hooks.night_status import build_under_way

        if request.as_of_date is None:
            raise AirflowSkipException("this run only loads files")
        build_id = build_under_way() if self.door == "audiences" else None
        with progress.stage(f"gate {self.door}") as stage:
            try:
                result = run_gate(self.door, request.as_of_date, build_id)
            except PersonNeeded as unusual:
                if not self.can_ask or request.is_followed or foreground.current_run() is not None:
                    raise
                return {QUESTION: unusual.message}
            stage.note(f"{len(result.checks)} checks")
        return {"check_count": len(result.checks)}


class CompleteNightOperator(BuildOperator):
    """Says that everything of the night passed, so that it may be exported."""

    def build(self, request: NightRequest, progress: Progress) -> dict[str, Any]:
        """Calls complete_night, if the door that audiences leave by is open."""
        from recall.hooks.gates import require_open
        from recall.hooks.night import complete_night
        from recall.hooks.night_status import build_under_way

        require_open("audiences", build_under_way())
        complete_night()
        return {}
