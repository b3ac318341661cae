"""Runs dbt inside this process: one layer at a time, with one parsed manifest.

Starting dbt as a command costs an import and a parse for every layer. Here the manifest is parsed once for the
project's code and used again by every later call, which is what makes a small night cheap.
"""

from __future__ import annotations

import importlib
import json
import logging
import logging.handlers
import os
import re
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import SplitResult, unquote, urlsplit

from psycopg import sql

from recall.domain.errors import RecallError
from recall.domain.home import PROJECT_ROOT, Home, current_home
from recall.hooks.lean_dbt import make_dbt_lean
from recall.hooks.night import are_marts_as_contracted
from recall.hooks.parsed_project import (
    DATABASE_STAND_IN,
    PREFIX_STAND_IN,
    NotParsed,
    ParsedProject,
    load_parsed_project,
)
from recall.warehouse import connection

if TYPE_CHECKING:
    from dbt.contracts.graph.manifest import Manifest

Layer = Literal["staging", "intermediate", "marts", "entries", "outcomes", "calibration", "audiences"]
"""The layers of the warehouse, selectors of dbt_project/selectors.yml; entries is the beginning of outcomes."""

SCRATCH_PREFIX = "scratch_"
"""What the names of all schemas of a scratch build begin with."""

DBT_PROJECT_DIR = PROJECT_ROOT / "dbt_project"
GOOD_STATUSES = frozenset({"success", "pass", "warn", "no-op"})
OnNodeDone = Callable[[int, int], None]

_SWITCHES = (
    "--log-level", "none",
    "--log-level-file", "none",
    "--no-send-anonymous-usage-stats",
    "--no-use-colors",
    "--no-version-check",
    "--no-print",
    "--no-write-json",
)  # fmt: skip
_one_invocation_at_a_time = threading.Lock()
_parsed_projects: dict[tuple[int, Path], ParsedProject] = {}
"""By the process that looked at the project's files."""


@dataclass(frozen=True)
class NodeResult:
    """What became of one model or test.

    Attributes:
        layer: The layer that was being built.
        node_name: The model's or the test's name.
        resource_type: model, test, unit_test or operation.
        status: dbt's word: success, pass, warn, no-op, error, fail or skipped.
        row_count: Rows written by a model, failing rows of a test; None where dbt does not know.
        seconds: Wall-clock time of the node.
        message: dbt's message without any value of a row; empty if the node succeeded.
    """

    layer: str
    node_name: str
    resource_type: str
    status: str
    row_count: int | None
    seconds: float
    message: str

    @property
    def is_good(self) -> bool:
        """Whether the layer may go on after this node."""
        return self.status in GOOD_STATUSES


@dataclass(frozen=True)
class CompiledModel:
    """A model as SQL for the night under way.

    Attributes:
        name: The model's name.
        relation: The relation that it builds, as its children's SQL names it.
        query: The select that makes its rows.
    """

    name: str
    relation: str
    query: str


def compile_models(names: Sequence[str]) -> list[CompiledModel]:
    """Renders models for the night under way and builds nothing.

    Args:
        names: The models.

    Returns:
        One for each, in the order of the names.

    Raises:
        RecallError: A model cannot be rendered.
    """
    nodes, failure = _invoke(["compile", "--select", *names], home=current_home(), role="transformer")
    if failure is not None or any(str(node.status) not in GOOD_STATUSES for node in nodes):
        raise _invocation_error("rendering models", failure)
    found = {
        result.node.name: CompiledModel(result.node.name, result.node.relation_name, result.node.compiled_code)
        for result in nodes
    }
    return [found[name] for name in names]


def build_layer(layer: Layer, *, prefix: str = "", on_node_done: OnNodeDone | None = None) -> list[NodeResult]:
    """Builds and tests every node of one layer and records each result in control.node_results.

    The marts' public tables are left alone on a night that has nothing to do there, see `are_marts_as_contracted`.

    Args:
        layer: The selector to build.
        prefix: Empty for what is served, SCRATCH_PREFIX for a scratch build.
        on_node_done: Called after each node with the nodes done and the nodes in all.

    Returns:
        One result per node, in the order in which the nodes ended; none where nothing was to be done.

    Raises:
        RecallError: A model or a test failed; its message names the first of them, how many rows failed and the
            command that shows the rest. Mend the cause and run the same night again. Audiences of a scratch build are
            refused always: nothing of it may ever be sent.
    """
    _refuse_scratch_audiences(layer, prefix)
    if layer == "marts" and not prefix and are_marts_as_contracted():
        return []
    home = current_home()
    nodes, failure = _invoke(
        ["build", "--selector", layer],
        home=home,
        role="transformer",
        prefix=prefix,
        on_node_done=on_node_done,
    )
    results = [_node_result(layer, node) for node in nodes]
    _record(results, prefix)
    if failure is not None and not any(not result.is_good for result in results):
        raise _invocation_error(f"building layer {layer}", failure)
    if not results:
        raise RecallError(
            f"The layer {layer} has no model: selector {layer!r} of {DBT_PROJECT_DIR} selects nothing.",
            next_command="recall doctor",
        )
    bad = [(result, node) for result, node in zip(results, nodes, strict=True) if not result.is_good]
    if bad:
        raise _layer_error(layer, bad)
    return results


def run_operation(name: str, args: Mapping[str, Any] | None = None, *, prefix: str = "") -> None:
    """Runs a macro of the project by `dbt run-operation`.

    Args:
        name: The macro.
        args: Its arguments, by name.
        prefix: Empty for what is served, SCRATCH_PREFIX for a scratch build.

    Raises:
        RecallError: The macro failed; nothing it had not committed stays.
    """
    _refuse_scratch_audiences((args or {}).get("layer"), prefix)
    errors: list[str] = []
    nodes, failure = _invoke(
        ["run-operation", name, "--args", json.dumps(dict(args or {}))],
        home=current_home(),
        role="transformer",
        prefix=prefix,
        operation_errors=errors,
    )
    if errors:
        raise RecallError(f"The operation {name} failed: {scrub(errors[0])}", next_command=_results_command())
    if failure is not None or any(str(node.status) not in GOOD_STATUSES for node in nodes):
        raise _invocation_error(f"the operation {name}", failure)


def preload() -> None:
    """Does once what every build begins with, so that forked processes need not do it again.

    It imports dbt and its adapter. Where the project was parsed before, it reads that and lists a
    layer, which makes dbt look at project, profile and graph; no server is asked. A build that comes later in another
    process makes sure that the files are still those that were parsed.
    """
    for module in ("dbt.cli.main", "dbt.adapters.postgres"):
        importlib.import_module(module)
    home = current_home()
    project = _parsed_before(home)
    if project is None:
        return
    _parsed_projects[os.getpid(), DBT_PROJECT_DIR] = project
    _invoke(["list", "--selector", "staging"], home=home, role="transformer")


def parse_ahead(home: Home) -> None:
    """Parses the project where nobody has done it for its files as they are, so that `preload` finds it.

    A project that cannot be parsed is left to the night, which says why.

    Args:
        home: Below which what was parsed is kept.
    """
    if _parsed_before(home) is None:
        with suppress(NotParsed):
            load_project(home)


def _parsed_before(home: Home) -> ParsedProject | None:
    """What was parsed before of the project as it is now, read without dbt; None where nobody has done it."""

    def parse() -> Manifest:
        raise NotParsed

    try:
        return load_parsed_project(DBT_PROJECT_DIR, home.dbt_target_dir / "parsed", parse)
    except NotParsed:
        return None


def scrub(message: str, *, names_are_quoted: bool = True) -> str:
    """Takes the values of rows out of a database's message.

    PostgreSQL quotes the offending row in DETAIL and CONTEXT lines and the offending text after "invalid input
    syntax"; those may hold what a person wrote or who they are.

    Args:
        message: A message of dbt, PostgreSQL or another engine, of any number of lines.
        names_are_quoted: True where quotes stand around names, as in PostgreSQL's messages; False where they may
            stand around anything, and all that is quoted is taken out.

    Returns:
        The message on one line, values replaced by an ellipsis.
    """
    kept = [
        line.strip()
        for line in message.splitlines()
        if line.strip() and not re.match(r"\s*(DETAIL|CONTEXT|LINE \d+|\^|compiled code at)", line)
    ]
    text = " ".join(line for line in kept if set(line) != {"^"})
    if not names_are_quoted:
        return re.sub(r"\"[^\"]*\"|'[^']*'", '"..."', text)
    text = re.sub(r"(invalid input syntax for [\w ]+?: )\".*?\"", r'\1"..."', text)
    return re.sub(r"((?:out of range|malformed [\w ]+ literal)[\w ]*: )\".*?\"", r'\1"..."', text)


def _refuse_scratch_audiences(layer: str | None, prefix: str) -> None:
    """Lets no scratch build select anybody."""
    if prefix and layer == "audiences":
        raise RecallError("a scratch build selects nobody: audiences are built for the served day only")


def load_project(home: Home) -> ParsedProject:
    """Returns the dbt project as dbt has parsed it, which takes a quarter of a minute where nobody has done it before.

    Args:
        home: Below which what was parsed is kept.

    Raises:
        NotParsed: dbt cannot parse the project; the cause says why.
    """
    make_dbt_lean()
    with _one_invocation_at_a_time:
        return _load_project(home, [])


def _load_project(home: Home, callbacks: Sequence[Callable[[Any], None]]) -> ParsedProject:
    """What this process has parsed or read before, or what `load_parsed_project` finds.

    What the process that forked this one has read is as good, if the files are still the same.
    """
    from dbt.cli.main import dbtRunner

    def parse() -> Manifest:
        command = [*_SWITCHES, "parse", *_places(home)]
        with _environment(_variables(None, DATABASE_STAND_IN, PREFIX_STAND_IN)):
            parsed = dbtRunner(callbacks=list(callbacks)).invoke(command)
        # Ctrl-C is returned like any other error, after queries were cancelled.
        if isinstance(parsed.exception, KeyboardInterrupt):
            raise parsed.exception
        if not parsed.success:
            raise NotParsed(str(parsed.exception)) from parsed.exception
        manifest: Manifest = parsed.result  # type: ignore[assignment]  # parse gives a Manifest
        return manifest

    mine = (os.getpid(), DBT_PROJECT_DIR)
    if mine not in _parsed_projects:
        folder = home.dbt_target_dir / "parsed"
        known = [project for (_, path), project in _parsed_projects.items() if path == DBT_PROJECT_DIR]
        _parsed_projects[mine] = load_parsed_project(DBT_PROJECT_DIR, folder, parse, known)
    return _parsed_projects[mine]


def _invoke(
    arguments: Sequence[str],
    *,
    home: Home,
    role: connection.Role,
    prefix: str = "",
    on_node_done: OnNodeDone | None = None,
    operation_errors: list[str] | None = None,
) -> tuple[list[Any], BaseException | None]:
    """Runs one dbt command.

    Returns:
        The nodes' results in dbt's own type, in the order in which they ended, and the exception that stopped
        the command as a whole, if one did.
    """
    from dbt.cli.main import dbtRunner

    make_dbt_lean()
    log = _log_file(home)

    def on_event(event: Any) -> None:
        name = event.info.name
        if name in ("RunningOperationCaughtError", "RunningOperationUncaughtError"):
            if operation_errors is not None:
                operation_errors.append(event.data.exc)
        elif name == "LogStartLine" and on_node_done is not None:
            on_node_done(event.data.index - 1, event.data.total)
        if event.info.level in ("info", "warn", "error"):
            log.info("%s %s", event.info.level, scrub(event.info.msg))

    with _one_invocation_at_a_time:
        try:
            project = _load_project(home, [on_event])
        except NotParsed as error:
            return [], error.__cause__
        url = urlsplit(connection.dsn(role, home))
        database = unquote(url.path.lstrip("/"))
        manifest = project.named(database, prefix)
        _forget_compilation(manifest)
        command = [*_SWITCHES, *arguments, *_places(home, prefix)]
        with _environment(_variables(url, database, prefix)):
            outcome = dbtRunner(manifest=manifest, callbacks=[on_event]).invoke(command)
    return list(getattr(outcome.result, "results", None) or []), outcome.exception


def _places(home: Home, prefix: str = "") -> list[str]:
    """Where dbt finds the project and puts its own files."""
    return [
        "--project-dir", str(DBT_PROJECT_DIR),
        "--profiles-dir", str(DBT_PROJECT_DIR),
        "--target-path", str(home.dbt_target_dir / prefix),
        "--log-path", str(home.logs_dir),
    ]  # fmt: skip


def _forget_compilation(manifest: Manifest) -> None:
    """Lets every node be compiled anew.

    dbt writes an ephemeral model into its children once per manifest: a second night in the same process would lack
    it, or find in it the dates of the first night.
    """
    from dbt.contracts.graph.nodes import CompiledNode

    for node in manifest.nodes.values():
        if isinstance(node, CompiledNode) and node.extra_ctes_injected:
            node.compiled = False
            node.extra_ctes_injected = False
            node.extra_ctes = []
            node._pre_injected_sql = None


def _variables(url: SplitResult | None, database: str, prefix: str) -> dict[str, str | None]:
    """The variables that profiles.yml and the project's macros read.

    Args:
        url: The connection string of the role that dbt works as; None to parse, which asks no server.
        database: The name that the manifest gives the database.
        prefix: What the names of the project's own schemas begin with.

    Returns:
        A value for each variable, None for one that is not to be set.
    """
    return {
        "RECALL_PG_HOST": None if url is None else url.hostname or "127.0.0.1",
        "RECALL_PG_PORT": None if url is None else str(url.port or 5432),
        "RECALL_PG_USER": None if url is None else unquote(url.username or ""),
        "RECALL_PG_PASSWORD": None if url is None else unquote(url.password or ""),
        "RECALL_PG_DATABASE": database,
        "RECALL_SCHEMA_PREFIX": prefix,
        "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
    }


@contextmanager
def _environment(values: Mapping[str, str | None]) -> Iterator[None]:
    """Sets or clears variables while the block runs, and puts back what was there."""
    before = {name: os.environ.get(name) for name in values}
    _set_variables(values)
    try:
        yield
    finally:
        _set_variables(before)


def _set_variables(values: Mapping[str, str | None]) -> None:
    """Sets variables, or takes those without a value away."""
    for name, value in values.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value


def _node_result(layer: str, node: Any) -> NodeResult:
    """Makes our own result of dbt's."""
    status = str(node.status)
    is_test = str(node.node.resource_type) in ("test", "unit_test")
    rows_affected = (node.adapter_response or {}).get("rows_affected")
    row_count = node.failures if is_test else rows_affected
    return NodeResult(
        layer=layer,
        node_name=node.node.name,
        resource_type=str(node.node.resource_type),
        status=status,
        row_count=int(row_count) if row_count is not None and int(row_count) >= 0 else None,
        seconds=round(float(node.execution_time or 0), 3),
        message="" if status in GOOD_STATUSES else scrub(node.message or ""),
    )


def _record(results: Sequence[NodeResult], prefix: str = "") -> None:
    """Writes the results under the build that the control schema's night names."""
    control = sql.Identifier(f"{prefix}control")
    with connection.connect("transformer") as database, database.cursor() as cursor:
        cursor.executemany(
            sql.SQL(
                "insert into {0}.node_results"
                " (build_id, layer, node_name, resource_type, status, row_count, seconds, message, finished_at)"
                " select night.build_id, %s, %s, %s, %s, %s, %s, %s, clock_timestamp() from {0}.night as night"
            ).format(control),
            [(r.layer, r.node_name, r.resource_type, r.status, r.row_count, r.seconds, r.message) for r in results],
        )


def _layer_error(layer: str, bad: Sequence[tuple[NodeResult, Any]]) -> RecallError:
    """Says which node failed first, by how many rows, and where its query is."""
    failed = [(result, node) for result, node in bad if result.status != "skipped"] or list(bad)
    result, node = failed[0]
    kind = result.resource_type.replace("_", " ")
    if result.status == "fail" and result.row_count is not None and result.resource_type == "test":
        what = f"{kind} {result.node_name} failed with {result.row_count:,} rows"
    else:
        what = f"{kind} {result.node_name} failed: {result.message}"
    others = len(failed) - 1
    skipped = sum(1 for each, _ in bad if each.status == "skipped")
    more = f" {others} more failed." if others else ""
    more += f" {skipped} were skipped because of it." if skipped else ""
    path = getattr(node.node, "compiled_path", None)
    where = f" Its query: {Path(DBT_PROJECT_DIR, path)}" if path else ""
    return RecallError(f"Layer {layer}: {what}.{more}{where}", next_command=_results_command())


def _invocation_error(what: str, failure: BaseException | None) -> RecallError:
    """Wraps what stopped dbt before or beside its nodes."""
    detail = scrub(str(failure)) if failure is not None else "dbt gave no reason"
    return RecallError(f"dbt stopped at {what}: {detail}", next_command="recall doctor")


def _results_command() -> str:
    """The command that lists what failed last."""
    return (
        'recall sql --role auditor "select layer, node_name, status, row_count, message'
        " from control.node_results where status in ('error', 'fail') order by finished_at desc limit 20\""
    )


def _log_file(home: Home) -> logging.Logger:
    """Opens the log of dbt, without values: home/logs/dbt.log, at most two files of 10 MB."""
    path = home.logs_dir / "dbt.log"
    logger = logging.getLogger(f"recall.dbt.{path}")
    if not logger.handlers:
        path.parent.mkdir(parents=True, exist_ok=True)
        handler = logging.handlers.RotatingFileHandler(path, maxBytes=10_000_000, backupCount=1)
        handler.setFormatter(logging.Formatter("%(asctime)s %(message)s"))
        logger.addHandler(handler)
        logger.setLevel(logging.INFO)
        logger.propagate = False
    return logger
