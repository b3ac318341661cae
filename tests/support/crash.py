"""Runs one export in a process of its own and kills it, without a chance to clean up, at a labelled moment."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from datetime import date, timedelta
from pathlib import Path

PROJECT_ROOT = Path(__file__).resolve().parents[2]
LEASE = timedelta(seconds=1)


def export_and_die(
    as_of_date: date, channel: str, moment: str, environment: Mapping[str, str], lease: timedelta = LEASE
) -> None:
    """Starts the export in another process, which kills itself the first time that it comes to a moment.

    Args:
        as_of_date: The day whose audience is served.
        channel: Channel code.
        moment: Where to die.
        environment: Settings of the channel.
        lease: How long the dead worker's claims stand; those of files stand `delivery.FILE_LEASES` times as long.
    """
    settings = json.dumps(dict(environment))
    process = subprocess.run(
        [sys.executable, __file__, as_of_date.isoformat(), channel, moment, settings, str(lease.total_seconds())],
        env=os.environ | {"PYTHONPATH": str(PROJECT_ROOT / "plugins")},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert process.returncode == -signal.SIGKILL, f"the export did not come to {moment}: {process.stderr}"


def main(as_of_date: str, channel: str, moment: str, environment: str, lease_seconds: str) -> None:
    """Registers, exports and dies."""
    from recall.hooks import delivery

    def die(reached: str) -> None:
        if reached == moment:
            os.kill(os.getpid(), signal.SIGKILL)

    day = date.fromisoformat(as_of_date)
    delivery.register_members(day)
    delivery.export_channel(
        day,
        channel,
        environment=json.loads(environment),
        lease=timedelta(seconds=float(lease_seconds)),
        sleep=lambda seconds: None,
        observer=die,
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
