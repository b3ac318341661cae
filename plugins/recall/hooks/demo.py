"""The demo: from nothing to a recalled audience, on a year of a real grocer's households."""

from __future__ import annotations

import importlib.util
import os
import shutil
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from types import ModuleType
from typing import Any

import psycopg
from psycopg.rows import dict_row

from recall.domain.errors import RecallError, UsageError
from recall.domain.home import PROJECT_ROOT, Home, current_home
from recall.domain.progress import Progress, SilentProgress
from recall.hooks.demo_peer import MailPeer, mail_peer
from recall.warehouse.connection import connect

EXAMPLE_DIR = PROJECT_ROOT / "examples" / "complete_journey"
FIRST_NIGHT = date(2017, 12, 30)
SECOND_NIGHT = date(2017, 12, 31)
SELECTED_DATE = SECOND_NIGHT + timedelta(days=1)

Row = Mapping[str, Any]
Show = Callable[[str], object]


def run_demo(home: Home | None = None, progress: Progress | None = None, show: Show | None = None) -> None:
    """Builds the example workspace, loads it, runs two nights through the real DAGs and tells what was found.

    The first night is built in full, the second one from what changed. Both send: e-mail to an SMTP server that
    this process runs, the rest to a folder. A second call finds nothing new to load and nobody left to send to.

    Args:
        home: The home folder; default the current one.
        progress: Where to show stages; silent if left out.
        show: Takes each line of the findings; standard output if left out.

    Raises:
        UsageError: The home serves another workspace, or a scheduler of this home is up.
        RecallError: A stage failed; the same command starts again where it must.
    """
    place = home or current_home()
    watcher = progress or SilentProgress()
    print_line = show or (lambda line: sys.stdout.write(f"{line}\n"))
    began = time.monotonic()
    _require_free_home(place)
    with ThreadPoolExecutor(max_workers=1) as beside:
        # DuckDB converts while PostgreSQL starts; neither needs the other.
        converted = beside.submit(_write_workspace, place, watcher)
        _start_database(place, watcher)
        conversion = converted.result()
    for note in conversion.notes:
        print_line(note)
    with mail_peer(place.root / "peer") as peer, _environment(_settings(place, peer)):
        runs = [_run_night(night, place, watcher) for night in _nights_to_run(place)]
    with connect("auditor", home=place) as connection:
        for line in _findings(connection, runs, conversion=conversion, peer=peer, home=place):
            print_line(line)
    print_line(f"\nDone in {time.monotonic() - began:.0f} seconds.")


@dataclass(frozen=True)
class _NightRun:
    """One night of this call.

    Attributes:
        as_of_date: Its last business day.
        seconds: How long it took, load and export included.
        results: What each task returned, by task id.
    """

    as_of_date: date
    seconds: float
    results: Mapping[str, Sequence[Mapping[str, Any]]]

    @property
    def loaded_count(self) -> int:
        """Rows that this night loaded."""
        return self._total("load_files", "loaded_count")

    @property
    def sent_count(self) -> int:
        """Messages and lines of files that this night delivered."""
        return self._total("export_channel", "newly_sent_count")

    def _total(self, task_id: str, count: str) -> int:
        return sum(int(result.get(count) or 0) for result in self.results.get(task_id, []))


def _workspace_dir(home: Home) -> Path:
    return home.workspaces_dir / "complete_journey"


def _require_free_home(home: Home) -> None:
    """The demo must not load a sample into a warehouse that serves somebody's own workspace."""
    from recall.hooks import supervisor

    if home.workspace_pointer.is_file():
        chosen = Path(home.workspace_pointer.read_text(encoding="utf-8").strip())
        if chosen != _workspace_dir(home):
            raise UsageError(
                f"{home.root} serves the workspace {chosen}; the demo needs a home folder of its own",
                next_command="RECALL_HOME=~/.recall_demo recall demo",
            )
    if supervisor.running_server(home) is not None:
        raise UsageError(
            "Airflow is up in this home, and the demo runs its nights in the foreground", next_command="recall down"
        )


def _start_database(home: Home, progress: Progress) -> None:
    from recall.warehouse import embedded_postgres
    from recall.warehouse.schema import upgrade

    if not os.environ.get("RECALL_DATABASE_URL"):
        with progress.stage("PostgreSQL"):
            embedded_postgres.start(home)
    with progress.stage("schemas and roles"):
        upgrade(home)


def _write_workspace(home: Home, progress: Progress) -> Any:
    """Copies the example's definitions and campaigns and converts the sample; returns what was converted."""
    workspace = _workspace_dir(home)
    for name in ("definitions", "campaigns"):
        shutil.copytree(EXAMPLE_DIR / name, workspace / name, dirs_exist_ok=True)
    shutil.copy2(EXAMPLE_DIR / "workspace.yml", workspace / "workspace.yml")
    conversion = _load_converter().convert(workspace / "landing", progress)
    home.workspace_pointer.write_text(f"{workspace}\n", encoding="utf-8")
    return conversion


def _load_converter() -> ModuleType:
    """Loads the example's converter, which is no part of the package: another source has another one."""
    path = EXAMPLE_DIR / "convert.py"
    spec = importlib.util.spec_from_file_location("complete_journey_convert", path)
    if spec is None or spec.loader is None or not path.is_file():
        raise RecallError(f"{path} is missing: the demo runs from a clone of the project")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def _settings(home: Home, peer: MailPeer) -> dict[str, str]:
    """What the nights of the demo find in their environment."""
    return {
        "RECALL_HOME": str(home.root),
        "RECALL_WORKSPACE": str(_workspace_dir(home)),
        "RECALL_SMTP_URL": f"smtp://{peer.host}:{peer.port}?tls=none",
        "RECALL_SMTP_SENDER": "Neighbourhood shop <demo@example.invalid>",
    }


@contextmanager
def _environment(values: Mapping[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def _nights_to_run(home: Home) -> list[date]:
    """The first night only while no later one is served: yesterday must not overwrite today."""
    with connect("auditor", home=home) as connection:
        served = connection.execute("select as_of_date from control.published").fetchone()
    return [FIRST_NIGHT, SECOND_NIGHT] if served is None or served[0] <= FIRST_NIGHT else [SECOND_NIGHT]


def _run_night(as_of_date: date, home: Home, progress: Progress) -> _NightRun:
    from recall.hooks.foreground import run_chain

    began = time.monotonic()
    with progress.stage(f"night of {as_of_date}"):
        results = run_chain(as_of_date, progress=progress, home=home)
    return _NightRun(as_of_date=as_of_date, seconds=time.monotonic() - began, results=results)


def _findings(
    connection: psycopg.Connection,
    runs: Sequence[_NightRun],
    *,
    conversion: Any,
    peer: MailPeer,
    home: Home,
) -> Iterator[str]:
    """Tells what the warehouse holds now and what this call added to it."""
    yield ""
    yield from _loaded(_rows(connection, "demo_findings")[0], conversion)
    yield from _outcomes(_rows(connection, "demo_redemptions"))
    yield ""
    yield from _lines(_rows(connection, "demo_lines"))
    yield ""
    layers = _rows(connection, "demo_layers")
    yield "Layers      " + ", ".join(f"{row['layer_name']} {row['episode_count']:,}" for row in layers)
    yield from _audience(_rows(connection, "demo_audience", selected_date=SELECTED_DATE))
    sends = _rows(connection, "demo_sends")
    by_state = ", ".join(f"{row['channel']} {row['state']} {row['send_count']:,}" for row in sends)
    yield f"Sends       {by_state or 'none'} (all nights)"
    yield ""
    yield from _this_run(runs)
    yield f"Mail        {peer.folder}"
    yield f"Files       {home.outbox_dir}"
    yield f"Report      {home.reports_dir / f'recall_{SECOND_NIGHT}.html'}"
    yield ""
    recall = _command()
    yield f"next:  {recall} status"
    yield f"       {recall} why {_rows(connection, 'demo_example_user')[0]['user_id']}"
    yield f'       {recall} sql "select layer_code, count(*) from marts.fct_recall_layers group by 1 order by 2"'
    yield f"       {recall} plan --as-of {SECOND_NIGHT}"


def _command() -> str:
    """How to type `recall` here: by its name, or by its path where the environment is not activated."""
    if shutil.which("recall"):
        return "recall"
    script = Path(sys.executable).with_name("recall")
    return str(script.relative_to(Path.cwd()) if script.is_relative_to(Path.cwd()) else script)


def _loaded(sizes: Row, conversion: Any) -> Iterator[str]:
    yield (
        f"Loaded      {sizes['order_count']:,} orders ({sizes['item_count']:,} lines) of"
        f" {sizes['household_count']:,} households; {sizes['touch_count']:,} touches of"
        f" {sizes['campaign_count']} campaigns, {sizes['redemption_count']:,} redemptions;"
        f" {sizes['quarantined_count']:,} rows set aside"
    )
    moved = conversion.trap_counts["lines whose UTC date is not the shop's date"]
    yield f"Calendar    {moved:,} lines have another date in New York than in UTC; the shop's date counts"


def _outcomes(arms: Sequence[Row]) -> Iterator[str]:
    redeemed, touched = (sum(row[name] for row in arms) for name in ("redeemed_count", "member_count"))
    by_arm = ", ".join(f"{row['arm_code']} {row['redeemed_count']:,}/{row['member_count']:,}" for row in arms)
    yield f"Outcomes    {redeemed:,} of {touched:,} touches redeemed ({by_arm})"
    yield f"            effect of these campaigns: not estimable, {arms[0]['reasons']}"


def _lines(lines: Sequence[Row]) -> Iterator[str]:
    yield f"{'line':28} {'customers':>10} {'churned':>10} {'share':>7}   {'lapse after':>11}"
    for row in lines:
        share = row["churned_count"] / row["customer_count"]
        yield (
            f"{row['line_name']:28} {row['customer_count']:>10,} {row['churned_count']:>10,} {share:>7.1%}"
            f"   {row['lapse_days']:>6} days"
        )


def _audience(parts: Sequence[Row]) -> Iterator[str]:
    for kind, title in (("member", "Audience"), ("held out", "Held out"), ("excluded", "Left out")):
        mine = [row for row in parts if row["kind"] == kind]
        listed = ", ".join(f"{row['code'].replace('_', ' ')} {row['row_count']:,}" for row in mine)
        total = sum(row["row_count"] for row in mine)
        yield f"{title:11} {total:,} for {SELECTED_DATE}{': ' if listed else ''}{listed}"


def _this_run(runs: Sequence[_NightRun]) -> Iterator[str]:
    for run in runs:
        yield (
            f"This run    night of {run.as_of_date}: {run.seconds:.1f} s,"
            f" loaded {run.loaded_count:,} rows, sent {run.sent_count:,}"
        )
    if not any(run.loaded_count or run.sent_count for run in runs):
        yield "            nothing new was delivered, and everybody selected was served before"


def _rows(connection: psycopg.Connection, query: str, **values: object) -> list[Row]:
    path = Path(__file__).parent / "queries" / f"{query}.sql"
    with connection.cursor(row_factory=dict_row) as cursor:
        return list(cursor.execute(path.read_bytes(), values).fetchall())
