"""dbt's pages of all models are one file that a browser opens without a server or a database."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from docs.write_model_pages import write_model_pages

from recall.domain.home import Home


def test_model_pages_hold_every_public_table_with_its_columns_described(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RECALL_HOME", str(home.root))
    page = write_model_pages(tmp_path).read_text(encoding="utf-8")
    manifest = json.loads((tmp_path / "manifest.json").read_text(encoding="utf-8"))
    public = [
        node for node in manifest["nodes"].values() if node["resource_type"] == "model" and node["access"] == "public"
    ]

    assert len(public) > 30
    for node in public:
        assert f'"{node["unique_id"]}"' in page
        assert node["columns"]
        for column in node["columns"].values():
            assert json.dumps(column["description"])[1:-1] in page
    assert not re.search(r"<(script|link)[^>]*\b(src|href)=['\"]?https?:", page)
