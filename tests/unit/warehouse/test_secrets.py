"""Secrets are made once, whoever asks at the same time."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

from recall.domain.home import Home
from recall.warehouse.secrets import read_secrets, secret


def test_secret_that_many_ask_for_at_once_is_made_once(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    together = Barrier(16)

    def ask(number: int) -> str:
        together.wait()
        return secret(home, "keys", f"key{number % 2}")

    with ThreadPoolExecutor(16) as pool:
        found = list(pool.map(ask, range(16)))

    assert set(found) == set(read_secrets(home)["keys"].values())
    assert len(set(found)) == 2
    assert home.secrets_file.stat().st_mode & 0o077 == 0
    assert list(home.root.glob("*.part")) == []
