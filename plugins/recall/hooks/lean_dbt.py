"""Spares dbt what it does for every node and every command though nobody needs it.

A small night is three hundred nodes of a few milliseconds in a dozen commands: what dbt adds to each of them is most
of the night. Each saving stands in the place of one class of dbt, by a class that inherits from it; without them
nothing but time is lost.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any


def make_dbt_lean() -> None:
    """Lets dbt pass over what nobody hears and keep what it has: connections, and the graph of a manifest."""
    _hear_no_debug_events()
    _keep_connections()
    _keep_graphs()


def _hear_no_debug_events() -> None:
    """Spares dbt what nobody reads.

    dbt writes every event as a message of its protocol before it asks who listens, a dozen of them per model and
    nearly all for debugging: a tenth of a small night. The manager that its interface lets one set passes over them.
    """
    from dbt_common.events.base_types import BaseEvent, EventLevel
    from dbt_common.events.event_manager import EventManager
    from dbt_common.events.event_manager_client import ctx_set_event_manager, get_event_manager

    class HeardEvents(EventManager):
        """Fires what is at least worth an info line."""

        def fire_event(
            self,
            e: BaseEvent,
            level: EventLevel | None = None,
            node: Any = None,
            force_warn_or_error_handling: bool = False,
        ) -> None:
            """Fires an event, as dbt's own manager does, unless it is for debugging."""
            if force_warn_or_error_handling or (level or e.level_tag()) != EventLevel.DEBUG:
                super().fire_event(e, level, node, force_warn_or_error_handling)

    if type(get_event_manager()) is EventManager:
        ctx_set_event_manager(HeardEvents())


def _keep_connections() -> None:
    """Lets each of dbt's threads keep one connection until its command ends.

    dbt closes the connection after every node, so that each node meets a server process that knows no table yet:
    nearly half of PostgreSQL's time in a small night went there. What a node left open is rolled back, as before.
    """
    from dbt.adapters.contracts.connection import ConnectionState
    from dbt.adapters.postgres.connections import PostgresConnectionManager
    from dbt.adapters.postgres.impl import PostgresAdapter

    class KeptConnections(PostgresConnectionManager):
        """Gives a thread's connection back open; dbt closes all of them when its command ends."""

        def release(self) -> None:
            """Rolls back what is open, and closes what cannot be used again."""
            connection = self.get_if_exists()
            if connection is None or connection.state != ConnectionState.OPEN or connection.handle.closed:
                super().release()
                return
            try:
                connection.handle.rollback()
                connection.transaction_open = False
            except Exception:
                self.clear_thread_connection()
                raise

    if PostgresAdapter.ConnectionManager is PostgresConnectionManager:
        PostgresAdapter.ConnectionManager = KeptConnections


def _keep_graphs() -> None:
    """Lets the commands of one process share the graph of the manifest that they share.

    dbt links all nodes anew for each command and asks for each test what stands upstream of it: more than half a
    processor second for every layer. The graph depends on the manifest alone, and dbt only takes parts out of it.
    """
    from dbt.compilation import Compiler
    from dbt.contracts.graph.manifest import Manifest
    from dbt.graph.graph import Graph
    from dbt.task import base

    kept: dict[tuple[int, bool], tuple[Manifest, Graph]] = {}

    class KeptGraphs(Compiler):
        """Links a manifest once for commands with tests and once for those without."""

        def compile(self, manifest: Manifest, write: bool = True, add_test_edges: bool = False) -> Graph:
            """Gives back the graph of a manifest, which is kept beside it so that its id stays its own."""
            key = (id(manifest), add_test_edges)
            if key not in kept:
                kept[key] = (manifest, super().compile(manifest, write, add_test_edges))
            Path(self.config.project_target_path).mkdir(parents=True, exist_ok=True)
            return kept[key][1]

    # Every command asks this module for the class, which it imports for itself and does not offer.
    names = vars(base)
    if names["Compiler"] is Compiler:
        names["Compiler"] = KeptGraphs
