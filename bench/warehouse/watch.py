"""What a job and its PostgreSQL take of the machine: memory at its greatest, and processor time."""

from __future__ import annotations

import threading
from pathlib import Path
from types import TracebackType

import psutil

EVERY_SECONDS = 0.5


class Watch:
    """Samples processes from the side while it is entered.

    Memory: each process counts with the pages that are its own (RssAnon). What all processes of PostgreSQL map
    together, its shared buffers foremost, counts once: as the greatest that any of them has touched (RssShmem). Pages
    of files that the kernel keeps, and gives back when somebody needs the room, are not counted.

    Args:
        process_id: The job; its children count as well.
        server_id: The postmaster, whose children are the backends; None if no server works for the job.

    Attributes:
        peak_megabytes: The greatest sum of one sample.
        processor_seconds: User and system time between start and end; of a process that ended in between, what the
            last sample saw of it.
    """

    def __init__(self, process_id: int, server_id: int | None) -> None:
        self.peak_megabytes = 0.0
        self._roots = (process_id,) if server_id is None else (process_id, server_id)
        self._seconds: dict[tuple[int, float], tuple[float, float]] = {}
        self._done = threading.Event()
        self._watcher = threading.Thread(target=self._watch)

    def __enter__(self) -> Watch:
        """Starts to sample."""
        self._sample()
        self._watcher.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stops."""
        self._done.set()
        self._watcher.join()
        self._sample()

    @property
    def processor_seconds(self) -> float:
        """The time of all processes that were seen."""
        return sum(last - first for first, last in self._seconds.values())

    def _watch(self) -> None:
        while not self._done.wait(EVERY_SECONDS):
            self._sample()

    def _sample(self) -> None:
        is_first = not self._seconds
        own, shared = 0, 0
        for process in self._processes():
            pages = _pages(process.pid)
            own += pages.get("RssAnon", 0)
            shared = max(shared, pages.get("RssShmem", 0))
            try:
                times = process.cpu_times()
                key = (process.pid, process.create_time())
            except psutil.NoSuchProcess:
                continue
            # A process that was not there at the first sample began within the job.
            first = self._seconds[key][0] if key in self._seconds else (times.user + times.system) * is_first
            self._seconds[key] = (first, times.user + times.system)
        self.peak_megabytes = max(self.peak_megabytes, (own + shared) / 1024)

    def _processes(self) -> list[psutil.Process]:
        found = []
        for root in self._roots:
            try:
                process = psutil.Process(root)
                found += [process, *process.children(recursive=True)]
            except psutil.NoSuchProcess:
                continue
        return found


def _pages(process_id: int) -> dict[str, int]:
    """Kilobytes of each kind of resident pages; empty where the process has just ended."""
    try:
        lines = Path(f"/proc/{process_id}/status").read_text().splitlines()
    except OSError:
        return {}
    pairs = (line.split(":", 1) for line in lines if line.startswith("Rss"))
    return {name: int(value.split()[0]) for name, value in pairs}
