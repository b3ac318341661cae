"""A workspace: one deployment's folder of settings, definitions, campaigns and landing files."""

from __future__ import annotations

import difflib
import os
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from recall.domain.errors import UsageError
from recall.domain.home import Home, current_home

SETTINGS_FILE = "workspace.yml"


class Workspace(BaseModel):
    """Settings of `workspace.yml`, with the folder they came from."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    path: Path = Field(exclude=True, description="Absolute path of the workspace's folder.")
    business_time_zone: str = Field(description="IANA zone in which a business date is a calendar date.")
    source_time_zone: str = Field(
        default="", description="IANA zone of instants without an offset; default the business zone."
    )
    currency_code: Annotated[str, Field(pattern="^[A-Z]{3}$", description="ISO 4217 code of every amount.")]
    global_holdout_rate: Annotated[
        float, Field(ge=0.01, le=0.15, description="Share of persons that no campaign ever addresses.")
    ] = 0.05
    pseudonym_key: str | None = Field(
        default=None,
        description="Reference to the secret that keys contact hashes: `env:NAME` or `file:PATH`; "
        "generated into the home folder if absent.",
    )

    @field_validator("business_time_zone", "source_time_zone")
    @classmethod
    def _zone_exists(cls, value: str) -> str:
        if value:
            try:
                ZoneInfo(value)
            except (ZoneInfoNotFoundError, ValueError) as error:
                raise ValueError(f"{value!r} is not an IANA time zone such as Europe/Berlin") from error
        return value

    @field_validator("pseudonym_key")
    @classmethod
    def _key_is_a_reference(cls, value: str | None) -> str | None:
        if value is not None and not value.startswith(("env:", "file:")):
            raise ValueError("a secret is never written into workspace.yml; refer to it as env:NAME or file:PATH")
        return value

    @model_validator(mode="before")
    @classmethod
    def _source_zone_defaults_to_business_zone(cls, values: dict[str, object]) -> dict[str, object]:
        return {
            **values,
            "source_time_zone": values.get("source_time_zone") or values.get("business_time_zone", ""),
        }

    @property
    def definitions_dir(self) -> Path:
        """Folder of dated definition files."""
        return self.path / "definitions"

    @property
    def campaigns_dir(self) -> Path:
        """Folder of campaign files and templates."""
        return self.path / "campaigns"

    @property
    def landing_dir(self) -> Path:
        """Folder of delivered files, one sub-folder per table."""
        return self.path / "landing"


def find_workspace(home: Home | None = None) -> Path:
    """Finds the folder of the workspace that this process works on.

    Args:
        home: The home folder; default the current one.

    Returns:
        Absolute path: RECALL_WORKSPACE, else the one that the home folder points to.

    Raises:
        UsageError: Neither is set; the message names the command that sets one.
    """
    configured = os.environ.get("RECALL_WORKSPACE")
    if configured:
        return Path(configured).expanduser().resolve()
    pointer = (home or current_home()).workspace_pointer
    if pointer.is_file():
        return Path(pointer.read_text(encoding="utf-8").strip())
    raise UsageError(
        "no workspace is chosen: RECALL_WORKSPACE is not set and no demo has run",
        next_command="recall init my_shop && export RECALL_WORKSPACE=my_shop",
    )


def load_workspace(path: Path | None = None, *, home: Home | None = None) -> Workspace:
    """Reads and checks `workspace.yml`.

    Args:
        path: The workspace's folder; default as `find_workspace` says.
        home: The home folder; default the current one.

    Returns:
        The checked settings.

    Raises:
        UsageError: The file is missing, not YAML, or a key or value is wrong; all faults are named at once.
    """
    folder = (path or find_workspace(home)).resolve()
    settings = folder / SETTINGS_FILE
    if not settings.is_file():
        raise UsageError(
            f"{settings}: not found, expected the workspace's settings", next_command=f"recall init {folder}"
        )
    try:
        values = yaml.safe_load(settings.read_text(encoding="utf-8")) or {}
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UsageError(f"{settings}: not readable as YAML in UTF-8: {error}") from error
    if not isinstance(values, dict) or "path" in values:
        raise UsageError(f"{settings}: expected a mapping of settings such as business_time_zone: Europe/Berlin")
    try:
        return Workspace(path=folder, **values)
    except ValidationError as error:
        raise UsageError("\n".join(_explain(settings, fault) for fault in error.errors())) from error


def _explain(settings: Path, fault: object) -> str:
    assert isinstance(fault, dict)
    key = ".".join(str(part) for part in fault["loc"])
    if fault["type"] == "extra_forbidden":
        known = [name for name in Workspace.model_fields if name != "path"]
        nearest = difflib.get_close_matches(key, known, n=1)
        hint = f"; did you mean {nearest[0]}?" if nearest else f"; known are {', '.join(known)}"
        return f"{settings}: {key}: no such setting{hint}"
    return f"{settings}: {key}: {fault['msg']}"
