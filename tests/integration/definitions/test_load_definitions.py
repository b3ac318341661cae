"""Loading definitions into a real warehouse: all or nothing, and a version that follows from the content."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest
from tests.conftest import Warehouse, WorkspaceFactory

from recall.domain.definition_files import DEFINITION_FILES
from recall.domain.errors import GateBlocked
from recall.warehouse.definitions import load_definitions

LINES = "line_id,line_name,frequency_class,lapse_days,returned_days,valid_from\n"


def test_first_load_fills_every_table_and_records_one_version(
    warehouse: Warehouse, workspace_factory: WorkspaceFactory
) -> None:
    workspace = workspace_factory({"definitions/sources.csv": "table,max_silent_days\norders,3\n"})
    version = load_definitions(workspace)
    assert version.is_new
    with warehouse.connect() as connection:
        assert connection.execute(
            "select definitions_version, digest, is_current from definitions.versions"
        ).fetchall() == [(version.definitions_version, version.digest, True)]
        assert connection.execute("select * from definitions.sources").fetchall() == [("orders", 3)]
        assert connection.execute("select * from definitions.business_lines").fetchall() == [
            ("all", "All purchases", "high", 30, 30, Decimal("0.3"), date(1970, 1, 1))
        ]


def test_lines_without_all_get_the_shipped_one(warehouse: Warehouse, workspace_factory: WorkspaceFactory) -> None:
    load_definitions(workspace_factory({"definitions/business_lines.csv": LINES + "007,Spy,mid,90,30,2020-01-01\n"}))
    with warehouse.connect() as connection:
        rows = connection.execute("select line_id, margin_rate from definitions.business_lines order by 1").fetchall()
    assert rows == [("007", Decimal("0.3")), ("all", Decimal("0.3"))]


def test_the_same_content_again_writes_nothing(warehouse: Warehouse, workspace_factory: WorkspaceFactory) -> None:
    first = load_definitions(
        workspace_factory({"definitions/load_rules.csv": "max_bad_rate,valid_from\n0.10,2020-01-01\n"})
    )
    with warehouse.connect() as connection:
        before = connection.execute("select xmin::text, loaded_at from definitions.versions").fetchall()
    # Other spelling, other column order, same meaning.
    again = load_definitions(
        workspace_factory({"definitions/load_rules.csv": "valid_from,max_bad_rate\n\n2020-01-01,0.1\n"})
    )
    assert (again.definitions_version, again.is_new) == (first.definitions_version, False)
    with warehouse.connect() as connection:
        assert connection.execute("select xmin::text, loaded_at from definitions.versions").fetchall() == before


def test_going_back_to_earlier_definitions_makes_their_version_current_again(
    warehouse: Warehouse, workspace_factory: WorkspaceFactory
) -> None:
    plain = workspace_factory({})
    changed = workspace_factory({"definitions/business_lines.csv": LINES + "all,All,high,60,30,2020-01-01\n"})
    versions = [load_definitions(workspace).definitions_version for workspace in (plain, changed, plain)]
    assert versions[0] == versions[2] != versions[1]
    with warehouse.connect() as connection:
        current = connection.execute("select definitions_version from definitions.versions where is_current").fetchall()
        lapse_days = connection.execute("select lapse_days from definitions.business_lines").fetchall()
    assert (current, lapse_days) == ([(versions[0],)], [(30,)])


def test_a_fault_in_one_file_changes_no_table(warehouse: Warehouse, workspace_factory: WorkspaceFactory) -> None:
    load_definitions(workspace_factory({}))
    faulty = workspace_factory(
        {
            "definitions/business_lines.csv": LINES + "all,All,high,60,30,2020-01-01\n",
            "definitions/outcome_windows.csv": "window_days,valid_from\n0,2020-01-01\n",
        }
    )
    with pytest.raises(GateBlocked, match=r"outcome_windows\.csv, row 2, column window_days") as blocked:
        load_definitions(faulty)
    assert (blocked.value.exit_code, blocked.value.next_command) == (3, "recall doctor")
    with warehouse.connect() as connection:
        assert connection.execute("select lapse_days from definitions.business_lines").fetchall() == [(30,)]


def test_tables_have_exactly_the_columns_of_their_files(warehouse: Warehouse) -> None:
    with warehouse.connect() as connection:
        found = connection.execute(
            'select table_name, array_agg(column_name::text order by column_name collate "C")'
            " from information_schema.columns where table_schema = 'definitions' and table_name = any(%s)"
            " group by table_name",
            ([definition.name for definition in DEFINITION_FILES],),
        ).fetchall()
    assert dict(found) == {
        definition.name: sorted(column.stored_name for column in definition.columns) for definition in DEFINITION_FILES
    }


def test_roles_that_only_read_cannot_change_definitions(warehouse: Warehouse) -> None:
    with warehouse.connect() as connection:
        rights = connection.execute(
            "select role, string_agg(privilege, ',' order by privilege)"
            " from unnest(array['recall_loader', 'recall_transformer', 'recall_exporter', 'recall_bi_reader']) as role,"
            " unnest(array['SELECT', 'INSERT', 'UPDATE', 'DELETE']) as privilege"
            " where has_table_privilege(role, 'definitions.business_lines', privilege) group by role"
        ).fetchall()
    assert dict(rights) == {
        "recall_loader": "DELETE,INSERT,SELECT,UPDATE",
        "recall_transformer": "SELECT",
        "recall_exporter": "SELECT",
    }
