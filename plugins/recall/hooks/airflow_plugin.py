"""What Airflow finds of this package as its plugin, by an entry point of the group `airflow.plugins`."""

from __future__ import annotations

from typing import Any

from airflow.plugins_manager import AirflowPlugin


class RecallPlugin(AirflowPlugin):
    """Puts the address of receipts into the API server."""

    name = "recall"

    @property
    def fastapi_apps(self) -> list[Any]:  # type: ignore[override]  # the API server alone asks; other processes need not load it
        """The applications with their places in the server."""
        from recall.hooks.receipt_endpoint import make_app

        return [{"app": make_app(), "url_prefix": "/receipts", "name": "recall receipts"}]
