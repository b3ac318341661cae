"""What tests share that put rows under the models of outcomes."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from bench.effects import simulation
from tests.conftest import Warehouse

from recall.domain.home import Home
from recall.domain.workspace import load_workspace


@pytest.fixture(scope="module")
def home(module_warehouse: Warehouse, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    """A warehouse in which a night is under way."""
    folder = tmp_path_factory.mktemp("simulated")
    (folder / "workspace.yml").write_text("business_time_zone: UTC\ncurrency_code: EUR\n", encoding="utf-8")
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("RECALL_HOME", str(module_warehouse.home.root))
        environment.setenv("RECALL_WORKSPACE", str(folder))
        simulation.open_night(load_workspace(folder))
        yield module_warehouse.home
