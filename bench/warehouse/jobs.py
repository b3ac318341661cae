"""Loads and nights, each in a fresh process as a command would run it, with seconds per layer."""

from __future__ import annotations

import multiprocessing
import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from multiprocessing.connection import Connection
from pathlib import Path

from bench.warehouse.watch import Watch

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Step:
    """A part of a job: its name, seconds, and the rows that it wrote."""

    name: str
    seconds: float
    row_count: int


@dataclass(frozen=True)
class Measurement:
    """One job.

    Attributes:
        name: What it was.
        steps: Its parts in order.
        peak_megabytes: The greatest memory of it and PostgreSQL together.
        processor_seconds: Processor time of it and PostgreSQL together, on whichever core.
    """

    name: str
    steps: tuple[Step, ...]
    peak_megabytes: float
    processor_seconds: float

    @property
    def seconds(self) -> float:
        """Seconds of all parts together."""
        return sum(step.seconds for step in self.steps)

    @property
    def row_count(self) -> int:
        """Rows of the first part that wrote any: rows of files, or rows of deltas."""
        return next((step.row_count for step in self.steps if step.row_count), 0)


def load(workspace: Path) -> list[Step]:
    """Loads what is new in the landing folder."""
    from recall.domain.workspace import load_workspace
    from recall.ingest.load import load_landing

    started = time.monotonic()
    summary = load_landing(load_workspace(workspace), now=NOW)
    assert not [file for file in summary.files if file.state != "loaded"], summary.files
    return [Step("load", time.monotonic() - started, sum(file.row_count for file in summary.files))]


def build(workspace: Path, as_of_date: date) -> list[Step]:
    """Builds, tests and publishes the marts, then the outcomes, as the DAG build_warehouse does."""
    started = time.monotonic()
    from recall.domain.workspace import load_workspace
    from recall.hooks import dbt
    from recall.hooks.night import complete_night, prepare_night

    steps = []

    def step(name: str, work: Callable[[], list[dbt.NodeResult] | None]) -> None:
        began = time.monotonic()
        results = work() or []
        rows = sum(result.row_count or 0 for result in results if result.resource_type == "model")
        steps.append(Step(name, time.monotonic() - began, rows))

    prepare_night(load_workspace(workspace), as_of_date)
    steps.append(Step("start", time.monotonic() - started, 0))
    step("staging", lambda: dbt.build_layer("staging"))
    step("intermediate", lambda: dbt.build_layer("intermediate"))
    step("marts", lambda: dbt.build_layer("marts"))
    step("publish", lambda: dbt.run_operation("publish", {"layer": "marts"}))
    step("outcomes", lambda: dbt.build_layer("outcomes"))
    step("publish", lambda: dbt.run_operation("publish", {"layer": "outcomes"}))
    complete_night()
    return steps


def recompute(name: str, workspace: Path, results: Path, day: date) -> list[Step]:
    """Lets a peer compute episodes, flags and layers anew."""
    from bench.warehouse import recompute_duckdb, recompute_polars

    module = {"DuckDB": recompute_duckdb, "Polars": recompute_polars}[name]
    started = time.monotonic()
    counts = module.recompute(workspace, results, day)
    return [Step(name, time.monotonic() - started, sum(counts.values()))]


def peer(name: str, workspace: Path, results: Path, day: date) -> Measurement:
    """Measures a peer's full recomputation.

    Args:
        name: DuckDB or Polars.
        workspace: The folder with landing files and definitions.
        results: Where its Parquet files go.
        day: The as-of date.
    """
    return run_job(name, None, recompute, name, workspace, results, day)


class Jobs:
    """Runs jobs on one warehouse.

    Args:
        home: The home folder of the warehouse.
        workspace: The workspace's folder.
        server_id: The postmaster's process.
    """

    def __init__(self, home: Path, workspace: Path, server_id: int) -> None:
        self.home = home
        self.workspace = workspace
        self.server_id = server_id

    def load(self, name: str) -> Measurement:
        """Loads what is new in the landing folder."""
        return self._run(name, load, self.workspace)

    def build(self, name: str, as_of_date: date) -> Measurement:
        """Builds the marts for a day."""
        return self._run(name, build, self.workspace, as_of_date)

    def _run(self, name: str, job: Callable[..., list[Step]], *arguments: object) -> Measurement:
        os.environ["RECALL_HOME"] = str(self.home)
        return run_job(name, self.server_id, job, *arguments)


def run_job(name: str, server_id: int | None, job: Callable[..., list[Step]], *arguments: object) -> Measurement:
    """Runs a job in a fresh process and measures it.

    Args:
        name: What it is called in the table.
        server_id: The postmaster that works for it; None if none does.
        job: A function of this module, as the process imports it.
        arguments: Its arguments.
    """
    context = multiprocessing.get_context("spawn")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_report, args=(sender, job, *arguments))
    process.start()
    sender.close()
    assert process.pid is not None
    with Watch(process.pid, server_id) as watch:
        try:
            steps = receiver.recv()
        finally:
            process.join()
    measurement = Measurement(name, tuple(steps), watch.peak_megabytes, watch.processor_seconds)
    parts = ", ".join(f"{step.name} {step.seconds:.1f}" for step in steps)
    print(
        f"{name}: {measurement.seconds:.1f} s ({parts}), {measurement.processor_seconds:.1f} s of processors,"
        f" {measurement.peak_megabytes:,.0f} MB",
        file=sys.stderr,
    )
    return measurement


def _report(pipe: Connection, job: Callable[..., list[Step]], *arguments: object) -> None:
    pipe.send(job(*arguments))
