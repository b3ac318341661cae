"""Fixtures that every test may use: a real PostgreSQL of their own and small workspaces."""

from __future__ import annotations

import gc
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
from tests.support.files import write_files
from tests.support.kept_connection import KeptConnections
from tests.support.sending import make_sending_world
from tests.support.server_folder import server_folder
from tests.support.thrown_away import clone_database, drop_database, maintenance, start_thrown_away

from recall.domain.home import Home
from recall.domain.workspace import Workspace, load_workspace
from recall.warehouse import embedded_postgres
from recall.warehouse.connection import Role, dsn
from recall.warehouse.schema import upgrade
from recall.warehouse.secrets import read_secrets, write_secrets

# As wherever dbt runs (recall.hooks.lean_dbt), from the beginning: what is collected and imported stays.
gc.set_threshold(100_000)

# Processes that share the tests keep the processors busy; more threads each only take them from one another.
os.environ["RECALL_DBT_THREADS"] = "2"

PROJECT_ROOT = Path(__file__).resolve().parents[1]
WORKSPACE_SETTINGS = "business_time_zone: UTC\ncurrency_code: EUR\n"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Adds `--share`, by which several processes share the tests."""
    parser.addoption(
        "--share", metavar="FOLDER", help="written with =: run only what no process with this folder has begun"
    )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Begins with what takes longest, where processes share the tests: short ones fill the end."""
    if config.getoption("--share"):
        items.sort(key=lambda item: (not _is_long(item), "integration" not in item.path.parts))


def pytest_runtestloop(session: pytest.Session) -> bool | None:
    """Runs, of several processes, what no other has begun: pytest's own loop over what is left to take."""
    folder = session.config.getoption("--share")
    if folder is None or session.config.option.collectonly or session.testsfailed:
        return None
    mine = _begun_here(session.items, Path(folder))
    item = next(mine, None)
    while item is not None:
        # What pytest may keep set up depends on the test that follows, so that one is taken before this one runs.
        following = next(mine, None)
        session.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
        if session.shouldfail:
            raise session.Failed(session.shouldfail)
        if session.shouldstop:
            raise session.Interrupted(session.shouldstop)
        item = following
    return True


def _begun_here(items: list[pytest.Item], folder: Path) -> Iterator[pytest.Item]:
    """The tests that this process is the first to ask for, file by file or long ones singly, when they are reached."""
    mine: dict[str, bool] = {}
    for item in items:
        shared = item.nodeid if _is_long(item) else item.path.relative_to(PROJECT_ROOT).as_posix()
        name = shared.replace("/", "__")
        if name not in mine:
            try:
                (folder / name).touch(exist_ok=False)
                mine[name] = True
            except FileExistsError:
                mine[name] = False
        if mine[name]:
            yield item


def _is_long(item: pytest.Item) -> bool:
    return item.get_closest_marker("minutes_long") is not None


@pytest.fixture(autouse=True)
def _bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test reads the settings of whoever runs it."""
    for name in ("RECALL_HOME", "RECALL_WORKSPACE", "RECALL_DATABASE_URL"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="session")
def cluster() -> Iterator[Home]:
    """An embedded PostgreSQL for the whole run; its database is the migrated template of all others."""
    with server_folder("recall-tests-") as folder:
        home = Home(folder)
        try:
            start_thrown_away(home)
            upgrade(home)
            yield home
        finally:
            embedded_postgres.stop(home)


@pytest.fixture(scope="session")
def parsed_projects(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where what dbt has parsed is kept, for all homes and for all processes that share the tests."""
    shared = request.config.getoption("--share")
    return Path(shared) / "parsed" if shared else tmp_path_factory.mktemp("parsed")


@dataclass(frozen=True)
class Warehouse:
    """An empty, migrated warehouse that belongs to one test."""

    home: Home
    kept: KeptConnections = field(default_factory=KeptConnections, repr=False, compare=False)

    def connect(self, role: Role = "owner", *, autocommit: bool = False) -> psycopg.Connection:
        """Opens a connection as one role; what ends its block goes on with the next one."""
        return self.kept.connect(self.dsn(role), autocommit=autocommit)

    def dsn(self, role: Role = "owner") -> str:
        """Returns the connection string of one role."""
        return dsn(role, self.home)


@contextmanager
def cloned(source: Home, parsed_projects: Path, root: Path, name: str) -> Iterator[Warehouse]:
    """Gives a warehouse with what another one has: its rows, and the keys of its home.

    Args:
        source: Home of the other one, to whose database nobody may be connected.
        parsed_projects: The fixture of that name.
        root: Where its home folder is made.
        name: Its database, which is dropped in the end.
    """
    content = read_secrets(source)
    template = content["postgres"]["database"]
    # Asked for now: a test may say that the warehouse is elsewhere.
    server = maintenance(source)
    clone_database(server, name, template)
    home = Home(root)
    write_secrets(home, content | {"postgres": content["postgres"] | {"database": name}})
    keep_parsed(home, parsed_projects)
    warehouse = Warehouse(home)
    try:
        yield warehouse
    finally:
        warehouse.kept.close()
        drop_database(server, name)


def keep_parsed(home: Home, parsed_projects: Path) -> None:
    """Lets a home find and keep what dbt has parsed where all homes of the tests do."""
    parsed_projects.mkdir(exist_ok=True)
    home.dbt_target_dir.mkdir(parents=True)
    (home.dbt_target_dir / "parsed").symlink_to(parsed_projects)


@pytest.fixture
def warehouse(
    cluster: Home, parsed_projects: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Warehouse]:
    """A fresh warehouse for one test; RECALL_HOME names its home folder."""
    root = tmp_path / "home"
    monkeypatch.setenv("RECALL_HOME", str(root))
    with cloned(cluster, parsed_projects, root, "test_function") as found:
        yield found


@pytest.fixture(scope="module")
def module_warehouse(
    cluster: Home, parsed_projects: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Warehouse]:
    """A fresh warehouse for the tests of one module; set RECALL_HOME yourself where code reads it."""
    with cloned(cluster, parsed_projects, tmp_path_factory.mktemp("home"), "test_module") as found:
        yield found


@pytest.fixture(scope="session")
def sending_template(cluster: Home, parsed_projects: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    """A warehouse with the sending world of `make_sending_world`, which tests clone."""
    root = tmp_path_factory.mktemp("sending")
    with (
        pytest.MonkeyPatch.context() as patch,
        cloned(cluster, parsed_projects, root / "home", "sending_template") as warehouse,
    ):
        patch.setenv("RECALL_HOME", str(warehouse.home.root))
        make_sending_world(warehouse, lambda files: write_workspace(root / "workspace", files))
        patch.undo()
        warehouse.kept.close()
        yield warehouse.home


@pytest.fixture
def sending_warehouse(
    sending_template: Home, parsed_projects: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Warehouse]:
    """As `warehouse`, with the sending world in it, of which `make_sending_world` then makes what is different."""
    root = tmp_path / "home"
    monkeypatch.setenv("RECALL_HOME", str(root))
    with cloned(sending_template, parsed_projects, root, "test_function") as found:
        yield found


def write_workspace(folder: Path, files: dict[str, str]) -> Workspace:
    """Writes a workspace from relative paths and texts."""
    write_files(folder, {"workspace.yml": WORKSPACE_SETTINGS, **files})
    return load_workspace(folder)


WorkspaceFactory = Callable[[dict[str, str]], Workspace]


@pytest.fixture
def workspace_factory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> WorkspaceFactory:
    """Writes a workspace from relative paths and texts; RECALL_WORKSPACE names it afterwards."""

    def make(files: dict[str, str]) -> Workspace:
        folder = tmp_path / f"workspace_{uuid4().hex[:6]}"
        monkeypatch.setenv("RECALL_WORKSPACE", str(folder))
        return write_workspace(folder, files)

    return make
