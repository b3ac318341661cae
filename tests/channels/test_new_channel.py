"""What `make new-channel` writes passes the suite, and is short."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from recall.testing.new_channel import main

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "plugins" / "recall" / "channels").mkdir(parents=True)
    (tmp_path / "tests" / "channels").mkdir(parents=True)
    return tmp_path


def test_new_channel_passes_the_suite_in_under_a_hundred_lines(project: Path) -> None:
    told = main(["pigeon_post"], project)

    module = project / "plugins" / "recall" / "channels" / "pigeon_post_channel.py"
    test = project / "tests" / "channels" / "test_pigeon_post_channel.py"
    lines = module.read_text().splitlines() + test.read_text().splitlines()
    assert len(lines) < 100
    assert 'pigeon_post = "recall.channels.pigeon_post_channel:open_pigeon_post"' in told

    # The package's own folder of channels, and the one that was written.
    (project / "conftest.py").write_text(
        f"import recall.channels\nrecall.channels.__path__.append({str(module.parent)!r})\n"
    )
    run = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(test)],
        cwd=project,
        env=os.environ | {"PYTHONPATH": str(ROOT / "plugins")},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert run.returncode == 0, run.stdout[-3000:]
    # The faults of a call of one message without receipts, and the traits.
    assert "14 passed" in run.stdout


def test_new_channel_is_as_the_linter_wants_it(project: Path) -> None:
    # The linter tells our own modules by their files.
    for part in ("channels", "testing"):
        shutil.copytree(ROOT / "plugins" / "recall" / part, project / "plugins" / "recall" / part, dirs_exist_ok=True)
    (project / "pyproject.toml").write_bytes((ROOT / "pyproject.toml").read_bytes())
    main(["pigeon_post"], project)
    written = ["plugins/recall/channels/pigeon_post_channel.py", "tests/channels/test_pigeon_post_channel.py"]

    for command in (["check"], ["format", "--check"]):
        run = subprocess.run(
            [str(Path(sys.executable).with_name("ruff")), *command, *written],
            cwd=project,
            capture_output=True,
            text=True,
            check=False,
        )
        assert run.returncode == 0, run.stdout


@pytest.mark.parametrize("arguments", [[], [""], ["Pigeon"], ["pigeon-post"], ["../x"], ["smtp"], ["a", "b"]])
def test_name_that_is_none_or_is_taken_writes_nothing(arguments: list[str], project: Path) -> None:
    with pytest.raises(SystemExit):
        main(arguments, project)

    assert list(project.rglob("*.py")) == []
