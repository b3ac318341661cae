"""Measures exports of a made-up audience: `python -m bench.exports [--members N] [--mails N]`.

Every export runs in a process of its own against an embedded PostgreSQL in a temporary folder, so that the memory shown
is the exporter's alone. The table at the end is what the README quotes.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import shutil
import sys
import tempfile
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

import psutil
from bench.exports.shop import AS_OF_DATE, make_night
from bench.exports.smtp_sink import SmtpSink
from rich.console import Console
from rich.table import Table


@dataclass(frozen=True)
class Measurement:
    """One export.

    Attributes:
        name: What was measured.
        member_count: Members that were sent to.
        register_seconds: Storing who was selected.
        export_seconds: Claiming, handing over and settling.
        peak_megabytes: Greatest resident memory of the exporting process.
        process_seconds: Processor time of that process, its start included.
        database_seconds: Processor time of PostgreSQL while it registered and exported.
    """

    name: str
    member_count: int
    register_seconds: float
    export_seconds: float
    peak_megabytes: float
    process_seconds: float
    database_seconds: float


def database_times(home: Path) -> dict[int, float]:
    """Processor seconds of the server's processes, by process id."""
    postmaster = int((home / "postgres" / "data" / "postmaster.pid").read_text().splitlines()[0])
    found = {}
    for process_id in _children(postmaster):
        with suppress(psutil.NoSuchProcess):
            times = psutil.Process(process_id).cpu_times()
            found[process_id] = times.user + times.system
    return found


def _children(process_id: int) -> list[int]:
    """Where the system keeps no list of them, it looks at every process, which counts as the exporter's own time."""
    listed = Path(f"/proc/{process_id}/task/{process_id}/children")
    if listed.is_file():
        return [int(child) for child in listed.read_text().split()]
    return [child.pid for child in psutil.Process(process_id).children()]


def export(channel: str, environment: dict[str, str], pipe: Connection) -> None:
    """Registers and exports in this process; reports counts, seconds and the greatest resident memory seen."""
    os.environ["RECALL_HOME"] = environment["RECALL_HOME"]
    from recall.hooks import delivery

    peak = 0
    done = threading.Event()
    process = psutil.Process()
    before = database_times(Path(environment["RECALL_HOME"]))
    seen = dict(before)

    def watch() -> None:
        nonlocal peak
        while not done.wait(0.1):
            peak = max(peak, process.memory_info().rss)
            seen.update(database_times(Path(environment["RECALL_HOME"])))

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        began = time.monotonic()
        delivery.register_members(AS_OF_DATE)
        registered = time.monotonic()
        summary = delivery.export_channel(AS_OF_DATE, channel, environment=environment)
        ended = time.monotonic()
    finally:
        done.set()
        watcher.join()
    times = process.cpu_times()
    database_seconds = sum(seen.values()) - sum(before.values())
    seconds = (registered - began, ended - registered)
    pipe.send((summary.sent_count, *seconds, peak / 2**20, times.user + times.system, database_seconds))


def measure(name: str, channel: str, count: int, *, rate_per_second: int | None = None) -> Measurement:
    """Makes a night, exports it in a fresh process, and removes it."""
    root = Path(tempfile.mkdtemp(prefix="recall-bench-"))
    root.chmod(0o755)
    try:
        night = make_night(root, channel, count, rate_per_second=rate_per_second)
        try:
            with SmtpSink() as sink:
                environment = {
                    "RECALL_HOME": str(night.home.root),
                    "RECALL_SMTP_URL": f"smtp://127.0.0.1:{sink.port}?tls=none",
                    "RECALL_SMTP_SENDER": "Corner Shop <news@shop.example>",
                    "RECALL_FILE_DROP_URL": (root / "partner").as_uri(),
                    "RECALL_UNSUBSCRIBE_URL": "https://shop.example/u/{token}",
                }
                context = multiprocessing.get_context("spawn")
                receiver, sender = context.Pipe(duplex=False)
                process = context.Process(target=export, args=(channel, environment, sender))
                process.start()
                sender.close()
                measurement = Measurement(name, *receiver.recv())
                process.join()
                taken = sink.count if channel == "email" else _rows(root / "partner")
            if not measurement.member_count == taken == count:
                raise SystemExit(f"{name}: {count} members, {measurement.member_count} sent, {taken} with the peer")
        finally:
            night.stop()
    finally:
        shutil.rmtree(root, ignore_errors=True)
    print(f"{name}: {count:,} members in {measurement.export_seconds:.1f} s", file=sys.stderr)
    return measurement


def _rows(folder: Path) -> int:
    """Rows of the files in place: one subject line each, whose text holds one address."""
    return sum(path.read_bytes().count(b"https://shop.example/u/") // 2 for path in folder.glob("*/*.csv"))


def show(found: list[Measurement]) -> None:
    """Prints the measurements as a table."""
    table = Table(
        "export",
        "members",
        "registered in s",
        "sent in s",
        "members/s",
        "exporter's peak MB",
        "its CPU s",
        "database's CPU s",
    )
    for column in table.columns[1:]:
        column.justify = "right"
    for one in found:
        table.add_row(
            one.name,
            f"{one.member_count:,}",
            f"{one.register_seconds:.1f}",
            f"{one.export_seconds:.1f}",
            f"{one.member_count / one.export_seconds:,.0f}",
            f"{one.peak_megabytes:,.0f}",
            f"{one.process_seconds:.1f}",
            f"{one.database_seconds:.1f}",
        )
    Console(width=140).print(table)


def main() -> None:
    """Measures, prints, and leaves nothing behind."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--members", type=int, default=1_000_000, help="members of the export by file")
    parser.add_argument("--mails", type=int, default=20_000, help="members of the export by e-mail")
    arguments = parser.parse_args()
    found = []
    if arguments.members:
        found.append(measure("file in a folder", "sms", arguments.members))
    if arguments.mails:
        found.append(measure("e-mail, one connection", "email", arguments.mails))
        found.append(measure("e-mail, 100 a second allowed", "email", arguments.mails // 20, rate_per_second=100))
    show(found)
