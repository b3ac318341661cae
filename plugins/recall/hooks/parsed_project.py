"""The dbt project as dbt has parsed it: once for every database and every set of schemas, and kept on disk.

dbt writes the names of the database and of the schemas into what it has parsed, and parses anew, for a quarter of a
minute, wherever one of them or the server's address is another. Here the project is parsed with names that stand for
others, and what came of it is read with the real ones in their places.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dbt.contracts.graph.manifest import Manifest

DATABASE_STAND_IN = "recall_database"
PREFIX_STAND_IN = "recall_prefix_"
"""What the project is parsed for."""

PARSED_FOLDERS = ("macros", "models", "tests")


class NotParsed(Exception):
    """dbt cannot parse the project."""


class ParsedProject:
    """What dbt makes of a project, for whichever database and schemas.

    Args:
        key: The digest of what decides what dbt makes of it.
        content: The manifest for the stand-ins, as dbt writes it down.
    """

    def __init__(self, key: bytes, content: bytes) -> None:
        self.key = key
        self._content = content
        self._named: dict[tuple[str, str], Manifest] = {}

    def named(self, database: str, prefix: str) -> Manifest:
        """Returns the manifest for one database and set of schemas.

        Args:
            database: The database's name.
            prefix: What the names of the project's own schemas begin with; empty for what is served.

        Returns:
            For the same names always the same object, so that what dbt derives from it can be kept beside it.
        """
        if (database, prefix) not in self._named:
            self._named[database, prefix] = self._read(database, prefix)
        return self._named[database, prefix]

    def _read(self, database: str, prefix: str) -> Manifest:
        from dbt.contracts.graph.manifest import Manifest
        from dbt.parser.manifest import extended_mashumuro_decoder

        def name(value: Any) -> Any:
            if isinstance(value, str):
                return value.replace(DATABASE_STAND_IN, database).replace(PREFIX_STAND_IN, prefix)
            if isinstance(value, dict):
                return {key: name(each) for key, each in value.items()}
            return [name(each) for each in value] if isinstance(value, list) else value

        # Neither this nor what makes the graph carries types.
        as_written: Callable[[bytes], Any] = extended_mashumuro_decoder
        read: Any = Manifest.from_msgpack(self._content, decoder=lambda content: name(as_written(content)))
        # What macros see as `graph`; dbt makes it last, and does not write it down.
        read.build_flat_graph()
        manifest: Manifest = read
        return manifest


def load_parsed_project(
    project: Path, folder: Path, parse: Callable[[], Manifest], known: Iterable[ParsedProject] = ()
) -> ParsedProject:
    """Reads what was parsed before, by whichever process, or parses the project.

    Processes that come while another one parses wait for it.

    Args:
        project: The dbt project.
        folder: Where parsed projects are kept; made if it is not there.
        parse: Parses the project for the stand-ins.
        known: What was read before, and is given back if it is of the files as they are now.

    Returns:
        The project as its files are now.

    Raises:
        NotParsed: Whatever stops `parse`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{hashlib.sha256(str(project).encode()).hexdigest()[:12]}.msgpack"
    with _locked(folder / "lock"):
        key = _digest(project)
        for each in known:
            if each.key == key:
                return each
        content = _read(path, key)
        if content is None:
            content = _write(path, key, parse())
    return ParsedProject(key, content)


def _digest(project: Path) -> bytes:
    """A digest of everything that decides what dbt makes of a project."""
    digest = hashlib.sha256()
    for text in (DATABASE_STAND_IN, PREFIX_STAND_IN, version("dbt-core"), version("dbt-postgres")):
        digest.update(text.encode() + b"\0")
    files = [path for folder in PARSED_FOLDERS for path in (project / folder).rglob("*") if path.is_file()]
    for path in sorted([*project.glob("*.yml"), *files]):
        digest.update(path.relative_to(project).as_posix().encode() + b"\0")
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.digest()


def _read(path: Path, key: bytes) -> bytes | None:
    """What a file holds; None where it is another version's, damaged or not there."""
    if not path.is_file():
        return None
    stored = path.read_bytes()
    seal, content = stored[:32], stored[32:]
    return content if seal == hashlib.sha256(key + content).digest() else None


def _write(path: Path, key: bytes, manifest: Manifest) -> bytes:
    """Puts a manifest in place of what was there, whole or not at all, and returns what it was written as."""
    from dbt.parser.manifest import extended_mashumaro_encoder

    manifest.flat_graph = {}
    content: bytes = manifest.to_msgpack(extended_mashumaro_encoder)
    draft = path.with_suffix(f".{os.getpid()}")
    draft.write_bytes(hashlib.sha256(key + content).digest() + content)
    draft.replace(path)
    return content


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Lets one process at a time into the block; the system gives a lock back when its holder dies."""
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
