"""Renders the dbt project for an engine without a server: dbt compiles, and a stand-in answers what it asks.

While models are rendered they ask for the night under way, whether users were delivered, and which tables exist. The
answers are those of one of the worlds below; a question that is not foreseen here fails.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal
from unittest.mock import patch

from recall.hooks.dbt import _forget_compilation
from recall.hooks.lean_dbt import make_dbt_lean

PROJECT = Path(__file__).resolve().parents[2] / "dbt_project"

Engine = Literal["postgres", "spark"]


@dataclass(frozen=True)
class World:
    """What a rendering finds in the warehouse.

    Attributes:
        is_full_rebuild: Whether every user is rebuilt; else there is a night before, whose tables exist.
        has_users: Whether a users table was delivered.
    """

    is_full_rebuild: bool
    has_users: bool

    def answer(self, query: str) -> list[dict[str, Any]]:
        """The rows that a query of a macro gets."""
        if re.fullmatch(r"\s*select \* from control\.night\s*", query):
            return [
                {
                    "build_id": 2,
                    "as_of_date": "2026-03-02",
                    "previous_as_of_date": None if self.is_full_rebuild else "2026-03-01",
                    "previous_load_id": 0 if self.is_full_rebuild else 7,
                    "load_id": 8,
                    "definitions_version": "d1",
                    "code_version": "c1",
                    "is_full_rebuild": self.is_full_rebuild,
                    "business_time_zone": "Asia/Shanghai",
                    "currency_code": "CNY",
                    "global_holdout_rate": 0.05,
                }
            ]
        if "control.served_outcomes" in query:
            return [{"served_build_id": None if self.is_full_rebuild else 1, "previous_build_id": 1}]
        if "is_first" in query and "control.files" in query:
            return [{"is_first": self.has_users}]
        if query.strip().startswith("select 1 from control.files where table_name = 'users'"):
            return [{"one": 1}] if self.has_users else []
        if ".funnel_steps " in query.replace('"', "") and "step_number desc" in query:
            return [
                {"step_number": 2, "action": "view", "object_type": "product"},
                {"step_number": 1, "action": None, "object_type": None},
            ]
        raise AssertionError(f"a model asks the warehouse while it is rendered, and nothing here answers: {query}")


FULL_REBUILD = World(is_full_rebuild=True, has_users=False)
DELTA_NIGHT = World(is_full_rebuild=False, has_users=True)


def parse_for_spark(target_dir: Path, *, project: Path = PROJECT) -> Any:
    """Parses the project for Spark.

    Args:
        target_dir: An empty folder for dbt's own files.
        project: The dbt project.

    Returns:
        dbt's Manifest.
    """
    with _stand_in("spark", FULL_REBUILD):
        return _invoke(["parse", "--no-partial-parse"], "spark", target_dir, project, manifest=None).result


def render(
    engine: Engine, world: World, manifest: Any, target_dir: Path, *, project: Path = PROJECT
) -> tuple[dict[str, str], dict[str, str]]:
    """Compiles every model and data test.

    Args:
        engine: A target of profiles.yml.
        world: What the macros are told.
        manifest: The project as it was parsed for that engine.
        target_dir: A folder for dbt's own files.
        project: The dbt project.

    Returns:
        The SQL by node name, and the messages of the nodes that could not be compiled, by node name.
    """
    _forget_compilation(manifest)
    with _stand_in(engine, world):
        outcome = _invoke(["compile", "--threads", "1"], engine, target_dir, project, manifest=manifest)
    rendered, failures = {}, {}
    for result in outcome.result.results:
        if str(result.status) == "success":
            rendered[result.node.name] = result.node.compiled_code or ""
        else:
            failures[result.node.name] = str(result.message)
    return rendered, failures


def _invoke(command: list[str], engine: Engine, target_dir: Path, project: Path, *, manifest: Any) -> Any:
    """Runs dbt in this process."""
    from dbt.cli.main import dbtRunner

    make_dbt_lean()
    outcome = dbtRunner(manifest=manifest).invoke(
        [
            "--log-level", "none", "--log-level-file", "none", "--no-print", "--no-version-check", "--no-write-json",
            "--no-populate-cache",
            *command,
            "--target", engine, "--project-dir", str(project), "--profiles-dir", str(project),
            "--target-path", str(target_dir), "--log-path", str(target_dir),
        ]
    )  # fmt: skip
    if outcome.exception is not None:
        raise outcome.exception
    return outcome


@contextmanager
def _stand_in(engine: Engine, world: World) -> Iterator[None]:
    """Puts an adapter in place that opens no connection."""
    from dbt_common.clients.agate_helper import empty_table, table_from_data_flat

    if engine == "spark":
        from dbt.adapters.spark import connections
        from dbt.adapters.spark.impl import SparkAdapter as Adapter
    else:
        from dbt.adapters.postgres.impl import PostgresAdapter as Adapter  # type: ignore[assignment]

    def execute(self: Any, sql: str, *args: Any, **kwargs: Any) -> tuple[Any, Any]:
        from dbt.adapters.contracts.connection import AdapterResponse

        rows = world.answer(re.sub(r"/\*.*?\*/", "", sql, flags=re.DOTALL))
        table = table_from_data_flat(rows, list(rows[0])) if rows else empty_table()
        return AdapterResponse(_message="OK"), table

    def get_relation(self: Any, database: str | None, schema: str, identifier: str) -> Any:
        if world.is_full_rebuild:
            return None
        where: Mapping[str, Any] = {"schema": schema, "identifier": identifier, "type": "table"}
        return self.Relation.create(database=None if engine == "spark" else database, **where)

    with (
        patch.dict(os.environ, {"RECALL_SPARK_METHOD": "thrift", "DBT_SEND_ANONYMOUS_USAGE_STATS": "false"}),
        patch.object(Adapter, "execute", execute),
        patch.object(Adapter, "get_relation", get_relation),
    ):
        if engine == "postgres":
            yield
            return
        # The drivers of a Spark server are not installed, and dbt-spark looks for them first.
        with (
            patch.object(connections, "ThriftState", object()),
            patch.object(connections, "THttpClient", object()),
            patch.object(connections, "hive", object()),
        ):
            yield
