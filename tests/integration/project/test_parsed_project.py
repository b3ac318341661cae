"""The dbt project is parsed once for its code, and then for every database and every set of schemas."""

from __future__ import annotations

from pathlib import Path

import pytest
from dbt.contracts.graph.manifest import Manifest
from tests.support.files import write_files

from recall.domain.home import Home
from recall.hooks import dbt
from recall.hooks.dbt import load_project
from recall.hooks.parsed_project import NotParsed, ParsedProject, load_parsed_project


def test_project_is_parsed_again_only_where_its_code_is_another_or_the_file_is_damaged(tmp_path: Path) -> None:
    project, folder = tmp_path / "project", tmp_path / "parsed"
    write_files(project, {"dbt_project.yml": "name: one", "models/a.sql": "select 1", "tests/b.sql": "select 2"})
    parsed: list[str] = []

    def is_parsed() -> bool:
        def parse() -> Manifest:
            parsed.append("again")
            return Manifest()

        before = len(parsed)
        load_parsed_project(project, folder, parse)
        return len(parsed) > before

    assert [is_parsed(), is_parsed()] == [True, False]
    for path, text in {"dbt_project.yml": "name: two", "models/a.sql": "select 3", "tests/b.sql": "select 4"}.items():
        write_files(project, {path: text})
        assert [is_parsed(), is_parsed()] == [True, False], path
    (project / "models" / "a.sql").rename(project / "models" / "c.sql")
    assert [is_parsed(), is_parsed()] == [True, False]
    (file,) = folder.glob("*.msgpack")
    content = file.read_bytes()
    for damaged in (content[:-1], content[:40] + bytes([content[40] ^ 1]) + content[41:], b""):
        file.write_bytes(damaged)
        assert [is_parsed(), is_parsed()] == [True, False]


def test_what_was_read_before_is_as_good_as_long_as_the_files_are_the_same(tmp_path: Path) -> None:
    project, folder = tmp_path / "project", tmp_path / "parsed"
    write_files(project, {"models/a.sql": "select 1"})
    inherited = load_parsed_project(project, folder, Manifest)
    for file in folder.glob("*.msgpack"):
        file.unlink()

    def refuse() -> Manifest:
        raise NotParsed

    assert load_parsed_project(project, folder, refuse, [inherited]) is inherited
    write_files(project, {"models/a.sql": "select 2"})
    with pytest.raises(NotParsed):
        load_parsed_project(project, folder, refuse, [inherited])
    changed = load_parsed_project(project, folder, Manifest, [inherited])
    assert load_parsed_project(project, folder, refuse, [inherited, changed]) is changed


def test_project_is_parsed_ahead_once_and_a_broken_one_is_left_to_the_night(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project, home = tmp_path / "project", Home(tmp_path / "home")
    write_files(project, {"models/a.sql": "select 1"})
    asked: list[Home] = []

    def parse(place: Home) -> ParsedProject:
        asked.append(place)
        if len(asked) > 1:
            raise NotParsed
        return load_parsed_project(project, place.dbt_target_dir / "parsed", Manifest)

    monkeypatch.setattr(dbt, "DBT_PROJECT_DIR", project)
    monkeypatch.setattr(dbt, "load_project", parse)
    dbt.parse_ahead(home)
    dbt.parse_ahead(home)
    assert asked == [home]
    write_files(project, {"models/a.sql": "select from"})
    dbt.parse_ahead(home)
    assert asked == [home, home]


def test_names_of_the_database_and_of_the_schemas_are_those_that_were_asked_for(home: Home) -> None:
    project = load_project(home)
    for database, prefix in (("shop one", ""), ("other", "scratch_"), ("shop one", "")):
        manifest = project.named(database, prefix)
        mart = manifest.nodes["model.recall.fct_orders"]
        assert (mart.database, mart.schema) == (database, f"{prefix}marts")
        assert mart.relation_name == f'"{database}"."{prefix}marts"."fct_orders"'
        control = manifest.sources["source.recall.control.published"]
        assert control.relation_name == f'"{database}"."{prefix}control"."published"'
        # What was delivered is the same for all builds.
        assert manifest.sources["source.recall.raw.orders"].relation_name == f'"{database}"."raw"."orders"'
        # No stand-in is left anywhere, hooks and what macros see of the project included.
        written = str(manifest.to_dict())
        assert "analyze" in written
        assert "recall_database" not in written
        assert "recall_prefix_" not in written
        assert manifest.flat_graph["nodes"][mart.unique_id]["schema"] == f"{prefix}marts"
    assert project.named("shop one", "") is manifest
    assert project.named("other", "") is not manifest
