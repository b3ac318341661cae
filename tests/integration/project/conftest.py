"""The dbt project, parsed once per engine for all tests that only look at it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.conftest import keep_parsed
from tests.support.rendered import parse_for_spark

from recall.domain.home import Home
from recall.hooks.dbt import load_project


@pytest.fixture(scope="module")
def home(parsed_projects: Path, tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A home without a database, which finds what dbt has parsed for others."""
    place = Home(tmp_path_factory.mktemp("home"))
    keep_parsed(place, parsed_projects)
    return place


@pytest.fixture(scope="module")
def postgres_manifest(home: Home) -> Any:
    """The project as dbt parses it for PostgreSQL."""
    return load_project(home).named("recall", "")


@pytest.fixture(scope="session")
def spark_manifest(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The project as dbt parses it for Spark."""
    return parse_for_spark(tmp_path_factory.mktemp("dbt_spark"))
