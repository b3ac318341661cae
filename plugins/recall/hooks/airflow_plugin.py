"""What Airflow finds of this package as its plugin, by an entry point of the group `airflow.plugins`."""

from __future__ import annotations

from typing import Any

from airflow.plugins_manager import AirflowPlugin


class RecallPlugin(AirflowPlugin):
    """Puts the address of receipts into the API server, and makes our clock known."""

    name = "recall"

    @property
    def timetables(self) -> list[Any]:  # type: ignore[override]  # read when a DAG is, and not when plugins are listed
        """Timetables that a serialized DAG may name."""
        from recall.hooks.timetables import NightsOnDemand

        return [NightsOnDemand]

    @property
    def fastapi_apps(self) -> list[Any]:  # type: ignore[override]  # the API server alone asks; other processes need not load it
        """The applications with their places in the server."""
        from recall.hooks.lean_airflow import answer_in_one_version
        from recall.hooks.receipt_endpoint import make_app

        answer_in_one_version()
        return [{"app": make_app(), "url_prefix": "/receipts", "name": "recall receipts"}]
