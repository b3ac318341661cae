"""The control rows that outlive a night: which workspace this warehouse serves."""

from __future__ import annotations

import psycopg

from recall.domain.errors import GateBlocked
from recall.domain.workspace import Workspace


def bind_workspace(connection: psycopg.Connection, workspace: Workspace) -> None:
    """Ties the warehouse to a workspace's zone and currency on first use and holds it to them afterwards.

    Every stored instant and amount was read with them, so a change would silently move orders to other days.

    Args:
        connection: As loader or transformer; the caller commits.
        workspace: The workspace that is about to be loaded or built.

    Raises:
        GateBlocked: The warehouse holds data of another zone or currency.
    """
    connection.execute(
        "insert into control.workspace (business_time_zone, currency_code) values (%s, %s) on conflict do nothing",
        (workspace.business_time_zone, workspace.currency_code),
    )
    stored = connection.execute("select business_time_zone, currency_code from control.workspace").fetchone()
    wanted = (workspace.business_time_zone, workspace.currency_code)
    if stored != wanted:
        raise GateBlocked(
            f"this warehouse was loaded with business_time_zone and currency_code {stored}, but"
            f" {workspace.path / 'workspace.yml'} says {wanted}; every date and amount would change",
            next_command="export RECALL_HOME=another_folder && recall up",
        )
