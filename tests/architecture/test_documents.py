"""What the documents promise is what the project holds."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import jsonschema
import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
RUNBOOKS = ROOT / "docs" / "runbooks"
DOCUMENTS = sorted(
    path for pattern in ("*.md", "docs/**/*.md", "examples/**/*.md", "bench/**/*.md") for path in ROOT.glob(pattern)
)
LINK = re.compile(r"\[[^\]]*\]\(([^)#\s]+)[^)]*\)")


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_document_links_lead_somewhere(document: Path) -> None:
    targets = LINK.findall(document.read_text(encoding="utf-8"))
    broken = {
        target
        for target in targets
        if not target.startswith(("http://", "https://", "mailto:")) and not (document.parent / target).exists()
    }

    assert broken == set()


def test_runbooks_index_lists_every_runbook() -> None:
    listed = LINK.findall((RUNBOOKS / "README.md").read_text(encoding="utf-8"))
    pages = sorted(path.name for path in RUNBOOKS.glob("*.md") if path.name != "README.md")

    assert sorted(set(listed)) == pages


def test_runbooks_exist_for_every_alert() -> None:
    pages = {path.stem for path in RUNBOOKS.glob("*.md")} - {"README"}

    assert pages == {
        "source_silent",
        "file_rejected",
        "gate_failed",
        "build_failed",
        "churn_limit_drifting",
        "audience_unusual",
        "sends_unknown",
        "receipts_unreadable",
        "database_lost",
        "dag_late",
    }


def test_decisions_are_numbered_without_a_gap_and_have_their_parts() -> None:
    files = sorted((ROOT / "docs" / "decisions").glob("[0-9]*.md"))

    assert [int(path.name[:4]) for path in files] == list(range(1, len(files) + 1))
    assert len(files) >= 7
    for path in files:
        headings = re.findall(r"^## (.+)$", path.read_text(encoding="utf-8"), re.MULTILINE)
        assert headings == ["Context", "Choice", "Consequences"], path.name


def test_decisions_index_lists_every_decision() -> None:
    folder = ROOT / "docs" / "decisions"
    listed = LINK.findall((folder / "README.md").read_text(encoding="utf-8"))

    assert listed == sorted(path.name for path in folder.glob("[0-9]*.md"))


def test_readme_lists_exactly_the_commands_that_exist() -> None:
    from typer.main import get_command

    from recall.cli.app import app

    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    table = readme.split("## Commands", 1)[1].split("\n## ", 1)[0]
    listed = re.findall(r"^\| `recall (\w+)", table, re.MULTILINE)

    assert sorted(listed) == sorted(get_command(app).commands)  # type: ignore[attr-defined]  # it is a group


def test_reference_says_what_the_program_says() -> None:
    from docs.write_reference import REFERENCE, pages

    stale = {name for name, text in pages().items() if (REFERENCE / name).read_text(encoding="utf-8") != text}

    assert stale == set(), "run `make docs` and commit what it writes"
    assert {path.name for path in REFERENCE.iterdir()} == set(pages())


def test_make_prints_every_target_with_what_it_does() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = re.findall(r"^([a-z-]+):", makefile, re.MULTILINE)

    printed = subprocess.run(
        ["make", "--no-print-directory"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout

    assert re.findall(r"^make ([a-z-]+) +\S", printed, re.MULTILINE) == targets
    assert {"setup", "demo", "test", "lint", "docs", "bench"} <= set(targets)


def test_build_server_runs_the_test_command_of_the_readme_and_the_linters() -> None:
    assert "make test" in (ROOT / "README.md").read_text(encoding="utf-8")
    build = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    assert "exec make --no-print-directory --keep-going test lint\n" in build


def test_compose_file_follows_the_compose_specification() -> None:
    # The schema is compose-spec/compose-spec, schema/compose-spec.json (Apache-2.0), as check-jsonschema 0.39.0
    # carries it.
    schema = json.loads(Path(__file__).with_name("compose_spec.json").read_text(encoding="utf-8"))
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))

    jsonschema.Draft202012Validator(schema).validate(compose)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft202012Validator(schema).validate(compose | {"services": {"a": {"imagee": "x"}}})


def test_compose_file_holds_no_usable_password() -> None:
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
    secret_names = re.compile(r"PASSWORD|SECRET|KEY|DATABASE_URL|CONN", re.IGNORECASE)
    values = {
        (service, name): str(value)
        for service, content in compose["services"].items()
        for name, value in (content.get("environment") or {}).items()
        if secret_names.search(name) and not name.endswith("_FILE")
    }

    assert values
    # Every secret comes from outside: compose refuses to start where it is missing, or it is empty and opens nothing.
    assert {key: value for key, value in values.items() if not re.search(r"\$\{\w+:(\?|-\}$)", value)} == {}


def test_env_example_names_every_variable_that_compose_asks_for() -> None:
    compose = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
    example = (ROOT / ".env.example").read_text(encoding="utf-8")
    asked = set(re.findall(r"\$\{(\w+)", re.sub(r"\$\$\{\w+\}", "", compose)))
    required = set(re.findall(r"\$\{(\w+):\?", compose))

    assert set(re.findall(r"^#? ?([A-Z_]+)=", example, re.MULTILINE)) >= asked
    assert set(re.findall(r"^([A-Z_]+)=$", example, re.MULTILINE)) == required


def test_compose_services_are_healthy_before_others_rely_on_them() -> None:
    services = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))["services"]
    one_shot = {
        name
        for service in services.values()
        for name, rule in (service.get("depends_on") or {}).items()
        if rule["condition"] == "service_completed_successfully"
    }

    assert {"postgres", "api-server", "scheduler", "dag-processor", "triggerer", "smtp", "sftp"} <= set(services)
    assert {name for name, service in services.items() if "healthcheck" not in service} == one_shot
    for service in services.values():
        for rule in (service.get("depends_on") or {}).values():
            assert rule["condition"] in ("service_healthy", "service_completed_successfully")


def test_compose_data_lives_in_named_volumes() -> None:
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
    used = {
        volume.split(":")[0]
        for service in compose["services"].values()
        for volume in service.get("volumes") or []
        if not volume.startswith((".", "/", "$"))
    }

    assert used == set(compose["volumes"])


def test_images_base_is_a_build_argument() -> None:
    for path in [ROOT / "Dockerfile", *sorted((ROOT / "docker").rglob("Dockerfile"))]:
        text = path.read_text(encoding="utf-8")
        assert re.search(r"^ARG BASE_IMAGE=\S+\nFROM \$\{BASE_IMAGE\}$", text, re.MULTILINE), path
