"""The dbt project, parsed once per engine for all tests that only look at it."""

from __future__ import annotations

from typing import Any

import pytest
from tests.support.rendered import parse


@pytest.fixture(scope="session")
def postgres_manifest(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The project as dbt parses it for PostgreSQL."""
    return parse("postgres", tmp_path_factory.mktemp("dbt_postgres"))


@pytest.fixture(scope="session")
def spark_manifest(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The project as dbt parses it for Spark."""
    return parse("spark", tmp_path_factory.mktemp("dbt_spark"))
