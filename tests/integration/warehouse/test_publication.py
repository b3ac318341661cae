"""How public tables change: in place, all together or not at all, and never under the feet of who built on them."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path

import pytest
from tests.conftest import Warehouse, cloned, write_workspace
from tests.support.files import write_files

from recall.domain.errors import RecallError
from recall.domain.home import Home
from recall.domain.workspace import Workspace
from recall.hooks import dbt
from recall.hooks.night import complete_night, prepare_night
from recall.warehouse.definitions import load_definitions

LINES = "line_id,line_name,frequency_class,lapse_days,returned_days,valid_from\nall,Everything,high,30,30,2000-01-01\n"
CHANGED_USERS = "select 'ann' as user_id, cast('2024-01-01' as date) as replace_from_date"
CONTRACT = """
version: 2
models:
  - name: {name}
    description: One row per user.
    constraints: [{{type: primary_key, columns: [user_id]}}]
    columns:
      - {{name: user_id, data_type: text, description: Who., constraints: [{{type: not_null}}]}}
      - {{name: thing_count, data_type: {type}, description: Things., constraints: [{{type: not_null}}]}}
"""
DAYS_CONTRACT = """
version: 2
models:
  - name: fct_days
    description: One row per user and day.
    constraints: [{type: primary_key, columns: [user_id, activity_date]}]
    columns:
      - {name: user_id, data_type: text, description: Who., constraints: [{type: not_null}]}
      - {name: activity_date, data_type: date, description: When., constraints: [{type: not_null}]}
"""
NEW_COLUMN = "      - {name: colour, data_type: text, description: Colour., constraints: [{type: not_null}]}\n"


@dataclass
class Project:
    """A dbt project with the real macros and two small published tables, and the nights that build it."""

    folder: Path
    workspace: Workspace
    warehouse: Warehouse
    day: date = date(2024, 5, 1)

    def lay_out(self) -> None:
        """Writes the project."""
        self.folder.mkdir()
        for name in ("dbt_project.yml", "profiles.yml", "selectors.yml"):
            shutil.copy(dbt.PROJECT_ROOT / "dbt_project" / name, self.folder / name)
        shutil.copytree(dbt.PROJECT_ROOT / "dbt_project" / "macros", self.folder / "macros")
        self.write("staging/stg_landing__things.sql", "select 1 as thing_count")
        self.write("intermediate/int_users__changed.sql", CHANGED_USERS)
        for name in ("things", "others"):
            self.write(f"intermediate/int_{name}__delta.sql", "select 'ann' as user_id, 1 as thing_count")
            self.write(
                f"marts/fct_{name}.sql",
                "{{ config(scope='users') }}" + f" select user_id, thing_count from {{{{ ref('int_{name}__delta') }}}}",
            )
            self.write(f"marts/fct_{name}.yml", CONTRACT.format(name=f"fct_{name}", type="integer"))

    def write(self, name: str, text: str) -> None:
        """Puts a file among the models."""
        write_files(self.folder / "models", {name: text})

    def build(self, *, full_refresh: bool = False) -> None:
        """Prepares the next night and builds its layers; nothing is published."""
        dbt._parsed_projects.clear()
        prepare_night(self.workspace, self.day, full_refresh=full_refresh)
        self.day += timedelta(days=1)
        for layer in ("staging", "intermediate", "marts"):
            dbt.build_layer(layer)

    def publish(self) -> None:
        """Publishes what was built."""
        dbt.run_operation("publish", {"layer": "marts"})
        complete_night()

    def rows(self, query: str) -> list[tuple[object, ...]]:
        """Rows of a query, as the owner of the database sees them."""
        with self.warehouse.connect() as connection:
            return connection.execute(query.encode()).fetchall()

    def run(self, statement: str) -> None:
        """Runs a statement as the owner of the database."""
        with self.warehouse.connect() as connection:
            connection.execute(statement.encode())


@pytest.fixture(scope="module")
def first_night(cluster: Home, parsed_projects: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """The small project after its first night, of which tests take copies: of folder, database and what dbt read."""
    root = tmp_path_factory.mktemp("first_night")
    with (
        pytest.MonkeyPatch.context() as patch,
        cloned(cluster, parsed_projects, root / "home", "test_module") as warehouse,
    ):
        patch.setenv("RECALL_HOME", str(warehouse.home.root))
        patch.setenv("RECALL_WORKSPACE", str(root / "workspace"))
        workspace = write_workspace(root / "workspace", {"definitions/business_lines.csv": LINES})
        load_definitions(workspace)
        patch.setattr(dbt, "DBT_PROJECT_DIR", root / "dbt_project")
        patch.setattr(dbt, "_parsed_projects", {})
        project = Project(root / "dbt_project", workspace, warehouse)
        project.lay_out()
        project.build()
        project.publish()
        patch.undo()
        warehouse.kept.close()
        yield project


@pytest.fixture
def project(
    first_night: Project, parsed_projects: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Project]:
    """The small project after its first night."""
    monkeypatch.setenv("RECALL_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("RECALL_WORKSPACE", str(first_night.workspace.path))
    folder = tmp_path / "dbt_project"
    shutil.copytree(first_night.folder, folder)
    monkeypatch.setattr(dbt, "DBT_PROJECT_DIR", folder)
    monkeypatch.setattr(dbt, "_parsed_projects", {})
    with cloned(first_night.warehouse.home, parsed_projects, tmp_path / "home", "test_function") as warehouse:
        kept = "partial_parse.msgpack"
        shutil.copy(first_night.warehouse.home.dbt_target_dir / kept, warehouse.home.dbt_target_dir / kept)
        yield replace(first_night, folder=folder, warehouse=warehouse)


def test_publish_that_fails_at_one_table_changes_none(project: Project) -> None:
    project.write("intermediate/int_others__delta.sql", "select 'ann' as user_id, 7 as thing_count")
    twice = "select 'ann' as user_id, 7 as thing_count union all select 'ann' as user_id, 8 as thing_count"
    project.write("intermediate/int_things__delta.sql", twice)
    project.build()
    with pytest.raises(RecallError, match=r"fct_things__rows_\d+_pkey"):
        project.publish()
    assert project.rows("select thing_count from marts.fct_others") == [(1,)]
    assert project.rows("select thing_count from marts.fct_things") == [(1,)]
    assert project.rows("select as_of_date from control.published") == [(date(2024, 5, 1),)]
    assert project.rows("select state from control.builds order by build_id") == [("complete",), ("running",)]


def test_publish_that_fails_after_it_read_ahead_changes_none(project: Project) -> None:
    # Days are not compared with those that stand, so their key is read ahead, in a transaction of its own.
    query = "select cast(activity_date as text) from marts.fct_days"
    day = "select 'ann' as user_id, cast('2024-01-0{}' as date) as activity_date"
    project.write("intermediate/int_days__delta.sql", day.format(1))
    model = "{{ config(scope='user_days') }} select user_id, activity_date from {{ ref('int_days__delta') }}"
    project.write("marts/fct_days.sql", model)
    project.write("marts/fct_days.yml", DAYS_CONTRACT)
    project.build()
    project.publish()
    assert project.rows(query) == [("2024-01-01",)]
    project.write("intermediate/int_days__delta.sql", day.format(2))
    twice = "select 'ann' as user_id, 7 as thing_count union all select 'ann' as user_id, 8 as thing_count"
    project.write("intermediate/int_things__delta.sql", twice)
    project.build()
    with pytest.raises(RecallError, match=r"fct_things__rows_\d+_pkey"):
        project.publish()
    assert project.rows(query) == [("2024-01-01",)]
    project.write("intermediate/int_things__delta.sql", "select 'ann' as user_id, 7 as thing_count")
    project.build()
    project.publish()
    assert project.rows(query) == [("2024-01-02",)]


def test_delta_night_replaces_the_rows_of_changed_users_only(project: Project) -> None:
    project.run("insert into marts.fct_things values ('bob', 5)")
    project.write("intermediate/int_things__delta.sql", "select 'ann' as user_id, 2 as thing_count")
    project.build()
    project.publish()
    assert project.rows("select * from marts.fct_things order by 1") == [("ann", 2), ("bob", 5)]
    assert project.rows("select as_of_date from control.published") == [(date(2024, 5, 2),)]
    project.build(full_refresh=True)
    project.publish()
    assert project.rows("select * from marts.fct_things order by 1") == [("ann", 2)]


def test_rebuild_exchanges_all_rows_under_the_view_of_a_bi_user(project: Project) -> None:
    partitions = "select inhrelid::regclass::text from pg_inherits where inhparent = 'marts.fct_things'::regclass"
    project.run("create view public.bi_things as select * from marts.fct_things")
    project.run("grant select on public.bi_things to recall_bi_reader")
    project.run("insert into marts.fct_things values ('bob', 5)")
    assert project.rows(partitions) == [("intermediate.fct_things__rows_1",)]
    project.write("intermediate/int_things__delta.sql", "select 'ann' as user_id, 9 as thing_count")
    project.build(full_refresh=True)
    assert project.rows("select * from public.bi_things order by 1") == [("ann", 1), ("bob", 5)]
    project.publish()
    with project.warehouse.connect("bi_reader") as reader:
        assert reader.execute("select * from public.bi_things").fetchall() == [("ann", 9)]
        assert reader.execute("select * from marts.fct_things").fetchall() == [("ann", 9)]
    assert project.rows(partitions) == [("intermediate.fct_things__rows_2",)]
    assert project.rows("select to_regclass('intermediate.fct_things__rows_1') is null") == [(True,)]
    # What a rebuild left is where the next night goes on, and its rows have their key.
    project.write("intermediate/int_things__delta.sql", "select 'ann' as user_id, 10 as thing_count")
    project.build()
    project.publish()
    assert project.rows("select * from public.bi_things") == [("ann", 10)]


def test_rebuild_while_an_older_transaction_is_open_keeps_its_world_and_ends(project: Project) -> None:
    macro = project.folder / "macros" / "materializations" / "publish.sql"
    macro.write_text(macro.read_text().replace("older_transactions_end(60)", "older_transactions_end(1)"))
    with project.warehouse.connect("bi_reader") as reader:
        reader.execute("set transaction isolation level repeatable read")
        reader.execute("select as_of_date from control.published")
        project.write("intermediate/int_things__delta.sql", "select 'ann' as user_id, 9 as thing_count")
        project.build(full_refresh=True)
        project.publish()
        assert reader.execute("select * from marts.fct_things").fetchall() == [("ann", 1)]
    assert project.rows("select * from marts.fct_things") == [("ann", 9)]


def test_publish_refuses_a_delta_that_this_night_did_not_build(project: Project) -> None:
    prepare_night(project.workspace, project.day)
    with pytest.raises(RecallError, match="int_others__delta, int_things__delta"):
        project.publish()
    assert project.rows("select as_of_date from control.published") == [(date(2024, 5, 1),)]


def test_new_column_comes_last_and_the_view_of_a_bi_user_lives_on(project: Project) -> None:
    project.run("create view public.bi_things as select * from marts.fct_things")
    project.write("marts/fct_things.yml", CONTRACT.format(name="fct_things", type="integer") + NEW_COLUMN)
    project.write("intermediate/int_things__delta.sql", "select 'ann' as user_id, 3 as thing_count, 'red' as colour")
    project.write(
        "marts/fct_things.sql",
        "{{ config(scope='users') }} select user_id, thing_count, colour from {{ ref('int_things__delta') }}",
    )
    # New code rebuilds everything.
    project.build(full_refresh=True)
    project.publish()
    assert project.rows("select * from public.bi_things") == [("ann", 3)]
    assert project.rows("select * from marts.fct_things") == [("ann", 3, "red")]
    columns = (
        "select attname, attnotnull, col_description(attrelid, attnum) from pg_attribute"
        " where attrelid = 'marts.fct_things'::regclass and attnum > 0 order by attnum"
    )
    # Required only once every row has it, which the next build sees.
    assert project.rows(columns)[2] == ("colour", False, "Colour.")
    project.build()
    assert project.rows(columns)[2] == ("colour", True, "Colour.")


def test_changed_type_is_refused_with_the_statement_to_run(project: Project) -> None:
    project.write("marts/fct_things.yml", CONTRACT.format(name="fct_things", type="text"))
    project.write("intermediate/int_things__delta.sql", "select 'ann' as user_id, 'many' as thing_count")
    with pytest.raises(RecallError, match=r"alter column thing_count type text \(it is integer\)"):
        project.build()
    assert project.rows("select thing_count from marts.fct_things") == [(1,)]


def test_stable_view_that_lost_a_column_is_refused_with_who_stands_on_it(project: Project) -> None:
    project.write(
        "marts/fct_ages.sql",
        "{{ config(materialized='stable_view', contract={'enforced': false}) }} select 1 as one, 2 as two",
    )
    project.build()
    project.publish()
    project.run("create view public.bi_ages as select two from marts.fct_ages")
    project.write(
        "marts/fct_ages.sql",
        "{{ config(materialized='stable_view', contract={'enforced': false}) }} select 1 as one",
    )
    with pytest.raises(RecallError, match=r"marts\.fct_ages cannot be replaced in place.*bi_ages"):
        project.build()
    assert project.rows("select * from public.bi_ages") == [(2,)]


def test_index_that_leaves_the_configuration_is_dropped_and_others_stay(project: Project) -> None:
    indexed = "{{ config(scope='users', indexes=[{'columns': ['thing_count']}]) }} "
    plain = "{{ config(scope='users') }} "
    select = "select user_id, thing_count from {{ ref('int_things__delta') }}"
    project.write("marts/fct_things.sql", indexed + select)
    project.build(full_refresh=True)
    project.publish()
    project.run("create index of_an_analyst on marts.fct_things (thing_count, user_id)")
    names = (
        "select cast(relname as text) from pg_class inner join pg_index on indexrelid = pg_class.oid"
        " where indrelid = 'marts.fct_things'::regclass and not indisprimary order by 1"
    )
    assert project.rows(names) == [("fct_things__thing_count",), ("of_an_analyst",)]

    project.write("marts/fct_things.sql", plain + select)
    project.build(full_refresh=True)
    project.publish()
    assert project.rows(names) == [("of_an_analyst",)]
    in_partition = "select count(*) from pg_indexes where tablename like 'fct_things__rows_%'"
    # Its key, and what the analyst asked for.
    assert project.rows(in_partition) == [(2,)]
