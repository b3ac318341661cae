"""A workspace's settings are read strictly: what is wrong is named, with the nearest known name."""

from __future__ import annotations

from pathlib import Path

import pytest

from recall.domain.errors import UsageError
from recall.domain.home import Home
from recall.domain.workspace import find_workspace, load_workspace


def _write(folder: Path, text: str) -> Path:
    (folder / "workspace.yml").write_text(text, encoding="utf-8")
    return folder


def test_source_zone_absent_is_the_business_zone(tmp_path: Path) -> None:
    workspace = load_workspace(_write(tmp_path, "business_time_zone: Asia/Shanghai\ncurrency_code: CNY\n"))
    assert workspace.source_time_zone == "Asia/Shanghai"
    assert workspace.global_holdout_rate == 0.05


def test_unknown_setting_names_the_nearest_known_one(tmp_path: Path) -> None:
    folder = _write(tmp_path, "business_timezone: UTC\nbusiness_time_zone: UTC\ncurrency_code: EUR\n")
    with pytest.raises(UsageError, match=r"business_timezone: no such setting; did you mean business_time_zone\?"):
        load_workspace(folder)


def test_two_faults_are_both_named(tmp_path: Path) -> None:
    folder = _write(tmp_path, "business_time_zone: Mars/Olympus\ncurrency_code: euro\n")
    with pytest.raises(UsageError) as caught:
        load_workspace(folder)
    assert "business_time_zone" in caught.value.message
    assert "currency_code" in caught.value.message


def test_holdout_outside_its_range_is_refused(tmp_path: Path) -> None:
    folder = _write(tmp_path, "business_time_zone: UTC\ncurrency_code: EUR\nglobal_holdout_rate: 0\n")
    with pytest.raises(UsageError, match="global_holdout_rate"):
        load_workspace(folder)


def test_a_secret_in_the_file_is_refused(tmp_path: Path) -> None:
    folder = _write(tmp_path, "business_time_zone: UTC\ncurrency_code: EUR\npseudonym_key: hunter2\n")
    with pytest.raises(UsageError, match="env:NAME or file:PATH"):
        load_workspace(folder)


def test_workspace_is_chosen_by_environment_before_the_homes_pointer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = Home(tmp_path / "home")
    home.root.mkdir()
    home.workspace_pointer.write_text(str(tmp_path / "pointed"), encoding="utf-8")
    assert find_workspace(home) == tmp_path / "pointed"
    monkeypatch.setenv("RECALL_WORKSPACE", str(tmp_path / "chosen"))
    assert find_workspace(home) == tmp_path / "chosen"


def test_no_workspace_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        find_workspace(Home(tmp_path))
    assert caught.value.next_command is not None
    assert caught.value.next_command.startswith("recall init")
