"""Passwords and keys of one deployment, in a file that only its owner can read."""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from recall.domain.home import Home


def read_secrets(home: Home) -> dict[str, Any]:
    """Returns the stored secrets, or an empty mapping when none were made yet.

    Args:
        home: The home folder.
    """
    if not home.secrets_file.is_file():
        return {}
    content: dict[str, Any] = json.loads(home.secrets_file.read_text(encoding="utf-8"))
    return content


def write_secrets(home: Home, content: dict[str, Any]) -> None:
    """Replaces the secrets file in one step.

    Args:
        home: The home folder; made if absent.
        content: Everything that the file should hold, JSON types only.
    """
    home.root.mkdir(parents=True, exist_ok=True)
    draft = Path(f"{home.secrets_file}.{os.getpid()}-{threading.get_ident()}.part")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump(content, file, indent=2, sort_keys=True)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(home.secrets_file)


def secret(home: Home, section: str, name: str) -> str:
    """Returns one secret, made at random on first use; processes that ask at once get the same one.

    Args:
        home: The home folder.
        section: Group of secrets, for example `passwords`.
        name: Name within the group, for example a role.
    """
    value = read_secrets(home).get(section, {}).get(name)
    if value is None:
        with _alone(home):
            content = read_secrets(home)
            group = content.setdefault(section, {})
            if name not in group:
                group[name] = secrets.token_urlsafe(24)
                write_secrets(home, content)
            value = group[name]
    return str(value)


@contextmanager
def _alone(home: Home) -> Iterator[None]:
    """Keeps other processes from adding a secret meanwhile: one of two keys made at once would be lost."""
    home.root.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(Path(f"{home.secrets_file}.lock"), os.O_WRONLY | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
