"""Campaign files against the definitions: what is refused, what is frozen, and what an edit may not change."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.support.sending import AS_OF_DATE, CAMPAIGN, FILES, SendingWorld, make_sending_world

from recall.cli.workspace_commands import init
from recall.domain.errors import GateBlocked
from recall.domain.workspace import Workspace, load_workspace
from recall.hooks import delivery
from recall.warehouse.campaigns import load_campaigns, validate_campaigns
from recall.warehouse.definitions import load_definitions


def faults_of(workspace: Workspace) -> list[str]:
    with pytest.raises(GateBlocked) as caught:
        load_campaigns(workspace)
    assert [str(problem) for problem in validate_campaigns(workspace)] == [
        line.strip() for line in caught.value.message.splitlines()[1:]
    ]
    return [line.strip() for line in caught.value.message.splitlines()[1:]]


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (
            ("lines: [all]", "lines: [all, grocery]"),
            "campaigns/welcome_back.yml, line 2, lines.2: grocery: not in the definitions; known are all",
        ),
        (
            ("lines: [all]", "lines: [all]\nlayers: [hihg]"),
            "campaigns/welcome_back.yml, line 3, layers.1: hihg: not in the definitions; did you mean high?",
        ),
        (
            ("lines: [all]", "lines: [all]\nreasons: [price, servce]"),
            "campaigns/welcome_back.yml, line 3, reasons.2: servce: not in the definitions; did you mean service?",
        ),
        (
            ("channel: gift", "channel: welfare"),
            "campaigns/welcome_back.yml, line 13, arms.2.channel: welfare names no contact_code in"
            " definitions/channels.csv, so nobody could be reached",
        ),
        (
            ("channel: gift", "channel: wechat"),
            "campaigns/welcome_back.yml, line 13, arms.2.channel: wechat may not carry marketing"
            " (definitions/channels.csv)",
        ),
        (
            ("channel: gift", "channel: email"),
            "campaigns/welcome_back.yml, line 12, arms.2.templates: email needs a template per locale",
        ),
        (
            ("offer_code: gift", "offer_code: gfit"),
            "campaigns/welcome_back.yml, line 14, arms.2.offer_code: gfit: not in definitions/offers.csv;"
            " did you mean gift?",
        ),
        (
            ("offer_code: gift", "offer_code: best\n    choices: [{offer_code: content}, {offer_code: calls}]"),
            "campaigns/welcome_back.yml, line 15, arms.2.choices.2.offer_code: calls: not in definitions/offers.csv;"
            " did you mean call?",
        ),
        (
            ("en: warm.en.txt", "en: warn.en.txt"),
            "campaigns/welcome_back.yml, line 11, arms.1.templates.en: warn.en.txt: no such file;"
            " did you mean warm.en.txt?",
        ),
        (
            ("en: warm.en.txt", "en: ../workspace.yml"),
            "campaigns/welcome_back.yml, line 11, arms.1.templates.en: ../workspace.yml: leads out of the campaigns"
            " folder",
        ),
        (
            ("en: warm.en.txt, zh: warm.zh.txt", "en: voucher.txt"),
            "campaigns/welcome_back.yml, line 11, arms.1.templates.en: voucher.txt: speaks of a coupon, but offer"
            " content has none (coupon_until_days in definitions/offers.csv)",
        ),
        (
            (
                "offer_code: content\n    variant_code: warm\n    templates: {en: warm.en.txt, zh: warm.zh.txt}",
                "offer_code: coupon\n    variant_code: warm\n    templates: {en: warm.en.txt}",
            ),
            "campaigns/welcome_back.yml, line 11, arms.1.templates.en: warm.en.txt: does not tell coupon_code, though"
            " offer coupon has a coupon",
        ),
    ],
)
def test_campaign_that_does_not_fit_the_definitions_names_line_field_and_cure(
    warehouse: Any, workspace_factory: Any, change: tuple[str, str], fault: str
) -> None:
    assert change[0] in CAMPAIGN
    voucher = "Subject: for you\n\n{{ coupon_reward_amount }} off\n"
    workspace = workspace_factory(
        {**FILES, "campaigns/welcome_back.yml": CAMPAIGN.replace(*change), "campaigns/voucher.txt": voucher}
    )
    load_definitions(workspace)

    (found,) = faults_of(workspace)

    assert found == fault


def test_campaign_called_all_is_refused(warehouse: Any, workspace_factory: Any) -> None:
    text = CAMPAIGN.replace("campaign_id: welcome_back", "campaign_id: all")
    workspace = workspace_factory(
        {**{k: v for k, v in FILES.items() if "welcome_back" not in k}, "campaigns/all.yml": text}
    )
    load_definitions(workspace)

    assert faults_of(workspace) == [
        "campaigns/all.yml, line 1, campaign_id: all is what outcomes call all campaigns together: choose another name"
    ]


def test_one_wrong_campaign_keeps_all_from_being_loaded(warehouse: Any, workspace_factory: Any) -> None:
    workspace = workspace_factory(FILES)
    load_definitions(workspace)
    load_campaigns(workspace)
    (workspace.campaigns_dir / "autumn.yml").write_text("campaign_id: autumn\n")
    (workspace.campaigns_dir / "welcome_back.yml").write_text(CAMPAIGN + "priority: 5\n")

    assert all("autumn.yml" in fault for fault in faults_of(workspace))

    with warehouse.connect("loader") as connection:
        assert connection.execute("select priority from definitions.campaigns where is_current").fetchall() == [(100,)]


def test_edited_template_makes_a_new_version_and_an_edit_undone_the_old_one(
    warehouse: Any, workspace_factory: Any
) -> None:
    workspace = workspace_factory(FILES)
    load_definitions(workspace)
    template = workspace.campaigns_dir / "warm.en.txt"
    original = template.read_text()

    first = load_campaigns(workspace)[0].campaign_version
    template.write_text(original + "PS\n")
    second = load_campaigns(workspace)[0].campaign_version
    template.write_text(original)
    third = load_campaigns(workspace)[0].campaign_version

    assert first == third != second
    with warehouse.connect("loader") as connection:
        rows = connection.execute("select campaign_version, is_current from definitions.campaigns").fetchall()
    assert dict(rows) == {first: True, second: False}


def test_campaign_whose_file_is_gone_is_no_longer_current(warehouse: Any, workspace_factory: Any) -> None:
    workspace = workspace_factory(FILES)
    load_definitions(workspace)
    load_campaigns(workspace)
    (workspace.campaigns_dir / "welcome_back.yml").unlink()

    assert load_campaigns(workspace) == []

    with warehouse.connect("loader") as connection:
        assert connection.execute("select is_current from definitions.campaigns").fetchall() == [(False,)]


@pytest.fixture
def world(sending_warehouse: Any, workspace_factory: Any) -> SendingWorld:
    """A campaign into whose arm `mail` somebody was drawn."""
    world = make_sending_world(sending_warehouse, workspace_factory)
    world.people(["ann"])
    delivery.register_members(AS_OF_DATE)
    return world


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (("arm_code: mail", "arm_code: letter"), "arms: mail is missing, but persons were drawn into it"),
        (("offer_code: content", "offer_code: event_access"), "persons were drawn into mail as email, content, warm"),
    ],
)
def test_edit_that_would_change_the_treatment_of_persons_is_refused(
    world: SendingWorld, change: tuple[str, str], fault: str
) -> None:
    (world.workspace.campaigns_dir / "welcome_back.yml").write_text(CAMPAIGN.replace(*change))

    (found,) = faults_of(world.workspace)

    assert fault in found


def test_arm_with_persons_can_be_retired(world: SendingWorld) -> None:
    retired = CAMPAIGN.replace("variant_code: warm\n", "variant_code: warm\n    weight: 0\n")
    (world.workspace.campaigns_dir / "welcome_back.yml").write_text(retired)

    assert load_campaigns(world.workspace)[0].campaign.arms[0].weight == 0


def test_example_of_a_new_workspace_is_read_under_its_own_name_only_and_holds(warehouse: Any, tmp_path: Path) -> None:
    init(tmp_path / "shop", time_zone="Asia/Shanghai", currency="CNY")
    workspace = load_workspace(tmp_path / "shop")
    load_definitions(workspace)
    assert load_campaigns(workspace) == []

    example = workspace.campaigns_dir / "welcome_back.yml.example"
    example.rename(workspace.campaigns_dir / "welcome_back.yml")
    (loaded,) = load_campaigns(workspace)

    assert loaded.campaign.campaign_id == "welcome_back"
    with warehouse.connect() as connection:
        copies = connection.execute(
            "select arm_code, choice_number, locale from definitions.campaign_templates order by 1, 2, 3"
        ).fetchall()
    assert copies == [("best", 1, "en"), ("best", 1, "zh"), ("content", 1, "en"), ("content", 1, "zh")]
