"""What must be there before `make setup` is looked for first, and the apt line names exactly what is missing."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / ".ci" / "prerequisites"


def _command(folder: Path, name: str, text: str) -> None:
    path = folder / name
    path.write_text(f"#!/bin/sh\n{text}\n", encoding="utf-8")
    path.chmod(0o755)


def _python(folder: Path, name: str, *, minor: int, has_venv: bool) -> None:
    """A Python that answers the script's questions as one of that version would."""
    _command(
        folder,
        name,
        f"""
        case "$2" in
          *"(3, 11) <= sys.version_info"*) [ {minor} -ge 11 ] && [ {minor} -lt 14 ] ;;
          *ensurepip*) [ {int(has_venv)} = 1 ] ;;
          *version_info*) echo "python3.{minor}-venv" ;;
          *) exit 9 ;;
        esac""",
    )


@pytest.fixture
def tools(tmp_path: Path) -> Path:
    """A PATH with git and make and no Python."""
    for name in ("git", "make"):
        _command(tmp_path, name, "")
    return tmp_path


def _look(folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    shell = shutil.which("sh")
    assert shell is not None
    return subprocess.run(
        [shell, str(SCRIPT)],
        env={"PATH": str(folder), **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def test_prerequisites_all_there_prints_the_python_alone(tools: Path) -> None:
    _python(tools, "python3", minor=11, has_venv=True)

    found = _look(tools)

    assert (found.returncode, found.stdout) == (0, "python3\n")


def test_prerequisites_newest_fitting_python_is_found_beside_an_old_one(tools: Path) -> None:
    _python(tools, "python3", minor=9, has_venv=True)
    _python(tools, "python3.12", minor=12, has_venv=True)

    assert _look(tools).stdout == "python3.12\n"


def test_prerequisites_python_chosen_by_hand_is_taken(tools: Path) -> None:
    _python(tools, "python3", minor=11, has_venv=True)
    _python(tools, "own_python", minor=13, has_venv=True)

    assert _look(tools, PYTHON="own_python").stdout == "own_python\n"


@pytest.mark.parametrize(
    ("minor", "has_venv", "missing"),
    [(11, False, "python3.11-venv"), (9, True, "python3 python3-venv"), (14, True, "python3 python3-venv")],
)
def test_prerequisites_unfit_python_prints_the_apt_line(tools: Path, minor: int, has_venv: bool, missing: str) -> None:
    _python(tools, "python3", minor=minor, has_venv=has_venv)

    found = _look(tools)

    assert (found.returncode, found.stdout) == (1, "")
    assert f"sudo apt-get update && sudo apt-get install --yes {missing}\n" in found.stderr


def test_prerequisites_nothing_there_prints_everything_in_one_line(tmp_path: Path) -> None:
    found = _look(tmp_path)

    assert found.returncode == 1
    certificates = "" if os.path.exists("/etc/ssl/certs/ca-certificates.crt") else " ca-certificates"
    assert f"--yes python3 python3-venv git make{certificates}\n" in found.stderr
