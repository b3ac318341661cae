"""Checks the campaigns of a workspace and freezes each version of them in the warehouse."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import LiteralString

import psycopg

from recall.domain.campaign import (
    BEST,
    Campaign,
    CampaignProblem,
    Treatment,
    arm_hash_spans,
    did_you_mean,
    holdout_hash_end,
    locate,
    parse_campaign,
    treatments,
)
from recall.domain.definition_files import REASONS
from recall.domain.errors import GateBlocked
from recall.domain.message_template import MessageTemplate, TemplateFault, parse_template
from recall.domain.workspace import Workspace
from recall.warehouse.connection import connect

CHANNELS_WITH_SUBJECT = frozenset({"smtp"})
"""Deliveries whose message has a subject and a text, so that an arm without templates could not be sent."""

ALL_CAMPAIGNS = "all"
"""The campaign of all campaigns together, whose control is the global holdout."""

Place = tuple[str | int, ...]

DRAWN_TREATMENTS: LiteralString = """
    select choices.arm_code, choices.channel, choices.offer_code, choices.variant_code
    from (
        select distinct on (arm_code) campaign_id, campaign_version, arm_code
        from definitions.drawn_arms
        where campaign_id = %s
        order by arm_code, campaign_version
    ) as drawn
    inner join definitions.campaign_choices as choices
        on
            drawn.campaign_id = choices.campaign_id
            and drawn.campaign_version = choices.campaign_version
            and drawn.arm_code = choices.arm_code
    order by choices.arm_code, choices.choice_number
"""
"""What the arms of a campaign mean that have persons; every version of such an arm means the same."""


@dataclass(frozen=True)
class FrozenCampaign:
    """A campaign with its templates, named by their content.

    Attributes:
        campaign: The file's content.
        templates: Source of each template by arm_code, choice_number and locale.
        campaign_version: Stamped on everything that the campaign produces.
    """

    campaign: Campaign
    templates: Mapping[tuple[str, int, str], str]
    campaign_version: str


@dataclass(frozen=True)
class _Catalogue:
    """What campaigns may refer to, as far as definitions were loaded; of offers whether they have a coupon."""

    lines: Sequence[str]
    layers: Sequence[str]
    personas: Sequence[str]
    offers: Mapping[str, bool]
    channels: Mapping[str, _ChannelRow]


@dataclass(frozen=True)
class _ChannelRow:
    delivery_code: str
    contact_code: str | None
    may_carry_marketing: bool


def load_campaigns(workspace: Workspace) -> list[FrozenCampaign]:
    """Makes the campaigns of a workspace the current ones, all of them or none.

    A changed file becomes a new version beside the old one; what was produced keeps the version it was made
    under, and a file that is gone is no longer current. Definitions must have been loaded before.

    Args:
        workspace: The workspace with its `campaigns` folder.

    Returns:
        The current campaigns in the order of their ids; empty if there is no campaign file.

    Raises:
        GateBlocked: A file or template is wrong, or an edit would give another treatment to persons already
            drawn; the message lists every fault. Correct the files; the campaigns loaded before stay in force.
    """
    with connect("loader") as connection:
        # Two loads at once would each see the other's version as the current one.
        connection.execute("lock table definitions.campaigns in share row exclusive mode")
        frozen, problems = _read(workspace.campaigns_dir, _catalogue(connection))
        problems += [problem for one in frozen for problem in _changed_arms(connection, workspace, one)]
        if problems:
            count = f"{len(problems)} fault{'s' if len(problems) > 1 else ''}"
            listed = "\n".join(f"  {problem}" for problem in problems)
            raise GateBlocked(
                f"{count} in the campaigns of {workspace.path}; nothing was changed:\n{listed}",
                next_command="recall doctor",
            )
        connection.execute("update definitions.campaigns set is_current = false where is_current")
        for one in frozen:
            _store(connection, one)
    return frozen


def validate_campaigns(workspace: Workspace) -> list[CampaignProblem]:
    """Checks the campaigns of a workspace against the loaded definitions and changes nothing.

    Args:
        workspace: The workspace.

    Returns:
        Every fault, file by file; empty if `load_campaigns` would accept them.
    """
    with connect("loader") as connection:
        frozen, problems = _read(workspace.campaigns_dir, _catalogue(connection))
        return problems + [problem for one in frozen for problem in _changed_arms(connection, workspace, one)]


def _catalogue(connection: psycopg.Connection) -> _Catalogue:
    def column(query: LiteralString) -> list[str]:
        return [str(row[0]) for row in connection.execute(query)]

    channels = connection.execute(
        "select distinct on (channel) channel, delivery_code, contact_code, may_carry_marketing"
        " from definitions.channels order by channel, valid_from desc"
    )
    offers = connection.execute(
        "select distinct on (offer_code) offer_code, coupon_until_days is not null"
        " from definitions.offers order by offer_code, valid_from desc"
    )
    return _Catalogue(
        lines=column("select distinct line_id from definitions.business_lines order by 1"),
        layers=column("select distinct layer_code from definitions.layers order by 1"),
        personas=column("select distinct persona_code from definitions.persona_rules order by 1"),
        offers={str(row[0]): bool(row[1]) for row in offers},
        channels={str(row[0]): _ChannelRow(str(row[1]), row[2], bool(row[3])) for row in channels},
    )


def _read(folder: Path, catalogue: _Catalogue) -> tuple[list[FrozenCampaign], list[CampaignProblem]]:
    frozen: list[FrozenCampaign] = []
    problems: list[CampaignProblem] = []
    paths = sorted(path for path in folder.iterdir() if path.is_file()) if folder.is_dir() else []
    for path in paths:
        if path.name.startswith("."):
            continue
        if path.suffix != ".yml":
            if path.suffix in (".yaml", ".json"):
                problems.append(
                    CampaignProblem(path.name, None, None, f"a campaign file ends in .yml: {path.stem}.yml")
                )
            continue
        try:
            text = path.read_text(encoding="utf-8-sig")
        except UnicodeDecodeError:
            problems.append(CampaignProblem(path.name, None, None, "expected text in UTF-8"))
            continue
        campaign, faults = parse_campaign(path.name, text)
        problems.extend(faults)
        if campaign is None:
            continue
        templates, template_faults = _read_templates(folder, path.name, text, campaign, catalogue)
        reference_faults = _check_references(path.name, text, campaign, catalogue)
        problems.extend([*reference_faults, *template_faults])
        if not template_faults and not reference_faults:
            frozen.append(FrozenCampaign(campaign, templates, _version(campaign, templates)))
    return frozen, problems


def _check_references(file: str, text: str, campaign: Campaign, catalogue: _Catalogue) -> list[CampaignProblem]:
    problems: list[CampaignProblem] = []

    def report(place: Place, message: str) -> None:
        problems.append(CampaignProblem(file, locate(text, place), _dotted(place), message))

    if campaign.campaign_id == ALL_CAMPAIGNS:
        report(("campaign_id",), f"{ALL_CAMPAIGNS} is what outcomes call all campaigns together: choose another name")
    for field, known in (
        ("lines", catalogue.lines),
        ("layers", catalogue.layers),
        ("personas", catalogue.personas),
        ("reasons", REASONS),
    ):
        for position, name in enumerate(getattr(campaign, field) or []):
            if name not in known:
                report((field, position), f"{name}: not in the definitions; {did_you_mean(name, known)}")
    retired = {arm.arm_code for arm in campaign.arms if not arm.weight}
    for treatment in treatments(campaign):
        for field, message in _faults_of_treatment(treatment, catalogue):
            report(treatment.places[field], message)
        # An arm with persons stays in the file, though its offer may be gone.
        if treatment.offer_code not in catalogue.offers and treatment.arm_code not in retired:
            near = did_you_mean(treatment.offer_code, list(catalogue.offers))
            message = f"{treatment.offer_code}: not in definitions/offers.csv; {near}"
            report(treatment.places["offer_code"], message)
    # Choices share what their arm says, and its fault is one.
    return list(dict.fromkeys(problems))


def _faults_of_treatment(treatment: Treatment, catalogue: _Catalogue) -> Iterator[tuple[str, str]]:
    """Yields field and fault of what a treatment refers to."""
    channel = catalogue.channels.get(treatment.channel)
    if channel is None:
        near = did_you_mean(treatment.channel, list(catalogue.channels))
        yield "channel", f"{treatment.channel}: not in definitions/channels.csv; {near}"
    elif not channel.may_carry_marketing:
        yield "channel", f"{treatment.channel} may not carry marketing (definitions/channels.csv)"
    elif channel.contact_code is None:
        yield (
            "channel",
            f"{treatment.channel} names no contact_code in definitions/channels.csv, so nobody could be reached",
        )
    elif channel.delivery_code in CHANNELS_WITH_SUBJECT and not treatment.templates:
        yield "templates", f"{treatment.channel} needs a template per locale"


def _read_templates(
    folder: Path, file: str, text: str, campaign: Campaign, catalogue: _Catalogue
) -> tuple[dict[tuple[str, int, str], str], list[CampaignProblem]]:
    templates: dict[tuple[str, int, str], str] = {}
    problems: list[CampaignProblem] = []
    root = folder.resolve()
    for treatment in treatments(campaign):
        for locale, relative in treatment.templates.items():
            path = (folder / relative).resolve()
            if not path.is_relative_to(root):
                message = f"{relative}: leads out of the campaigns folder"
            elif not path.is_file():
                near = did_you_mean(relative, _template_names(root)) if _template_names(root) else "none is there"
                message = f"{relative}: no such file; {near}"
            else:
                try:
                    source = path.read_text(encoding="utf-8-sig")
                    template = parse_template(source, needs_subject=_has_subject(treatment, catalogue))
                    _check_coupon(template, treatment, catalogue)
                except UnicodeDecodeError:
                    message = f"{relative}: expected text in UTF-8"
                except TemplateFault as fault:
                    message = f"{relative}: {fault}"
                else:
                    templates[treatment.arm_code, treatment.choice_number, locale] = source
                    continue
            place: Place = (*treatment.places["templates"], locale)
            problems.append(CampaignProblem(file, locate(text, place), _dotted(place), message))
    # Choices share the templates of their arm, and their fault is one.
    return templates, list(dict.fromkeys(problems))


def _check_coupon(template: MessageTemplate, treatment: Treatment, catalogue: _Catalogue) -> None:
    """Makes sure that a copy tells the code of a coupon if, and only if, there is one.

    Raises:
        TemplateFault: It does not.
    """
    has_coupon = catalogue.offers.get(treatment.offer_code)
    if has_coupon is False and template.names_coupon:
        raise TemplateFault(
            f"speaks of a coupon, but offer {treatment.offer_code} has none (coupon_until_days in"
            " definitions/offers.csv)"
        )
    # Whoever gets a file, or issues coupons itself, is told the code beside the copy.
    if has_coupon and _has_subject(treatment, catalogue) and not template.names_coupon_code:
        raise TemplateFault(f"does not tell coupon_code, though offer {treatment.offer_code} has a coupon")


def _has_subject(treatment: Treatment, catalogue: _Catalogue) -> bool:
    channel = catalogue.channels.get(treatment.channel)
    return channel is not None and channel.delivery_code in CHANNELS_WITH_SUBJECT


def _template_names(root: Path) -> list[str]:
    return sorted(
        path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file() and path.suffix != ".yml"
    )


def _changed_arms(
    connection: psycopg.Connection, workspace: Workspace, frozen: FrozenCampaign
) -> list[CampaignProblem]:
    """Persons keep their arm for ever, so an arm that has persons must go on meaning the same treatment."""
    campaign = frozen.campaign
    file = f"{campaign.campaign_id}.yml"
    text = (workspace.campaigns_dir / file).read_text(encoding="utf-8-sig")
    arms = {arm.arm_code: position for position, arm in enumerate(campaign.arms)}
    meant: dict[str, set[tuple[str, str, str]]] = {}
    for treatment in treatments(campaign):
        words = treatment.channel, treatment.offer_code, treatment.variant_code
        meant.setdefault(treatment.arm_code, set()).add(words)
    drawn: dict[str, set[tuple[str, str, str]]] = {}
    for arm_code, channel, offer_code, variant_code in connection.execute(DRAWN_TREATMENTS, (campaign.campaign_id,)):
        drawn.setdefault(arm_code, set()).add((channel, offer_code, variant_code))
    problems = []
    for arm_code, before in drawn.items():
        if arm_code not in arms:
            problems.append(
                CampaignProblem(
                    file,
                    locate(text, ("arms",)),
                    "arms",
                    f"{arm_code} is missing, but persons were drawn into it: keep it, with weight 0 to retire it",
                )
            )
        elif meant[arm_code] != before:
            position = arms[arm_code]
            was = ", ".join(next(iter(before))) if len(before) == 1 else f"{BEST} of {len(before)} choices"
            problems.append(
                CampaignProblem(
                    file,
                    locate(text, ("arms", position)),
                    f"arms.{position + 1}",
                    f"persons were drawn into {arm_code} as {was}: give the new treatment an arm_code of its own, and"
                    " this one weight 0 to retire it",
                )
            )
    return problems


def _version(campaign: Campaign, templates: Mapping[tuple[str, int, str], str]) -> str:
    content = {
        "campaign": campaign.model_dump(mode="json"),
        "templates": sorted([arm, number, locale, source] for (arm, number, locale), source in templates.items()),
    }
    text = json.dumps(content, sort_keys=True, ensure_ascii=False)
    return f"c{hashlib.sha256(text.encode()).hexdigest()[:12]}"


def _dotted(place: Place) -> str:
    return ".".join(str(part + 1) if isinstance(part, int) else part for part in place)


def _store(connection: psycopg.Connection, frozen: FrozenCampaign) -> None:
    campaign = frozen.campaign
    key = (campaign.campaign_id, frozen.campaign_version)
    known = connection.execute(
        "update definitions.campaigns set is_current = true where campaign_id = %s and campaign_version = %s", key
    ).rowcount
    if known:
        return
    connection.execute(
        "insert into definitions.campaigns (campaign_id, campaign_version, is_current, description, priority,"
        " holdout_share, holdout_hash_end, outcome_window_days, max_lapse_days, cool_down_days, default_locale,"
        " night_budget_amount, total_budget_amount, recall_regardless, loaded_at)"
        " values (%s, %s, true, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, clock_timestamp())",
        (
            *key,
            campaign.description,
            campaign.priority,
            campaign.holdout_share,
            holdout_hash_end(campaign),
            campaign.outcome_window_days,
            campaign.max_lapse_days,
            campaign.cool_down_days,
            campaign.default_locale,
            campaign.budget and campaign.budget.night_amount,
            campaign.budget and campaign.budget.total_amount,
            campaign.recall_regardless,
        ),
    )
    targets = {
        "line": campaign.lines,
        "layer": campaign.layers or [],
        "persona": campaign.personas or [],
        "reason": campaign.reasons or [],
    }
    ends = [step.offset_days for step in campaign.steps[1:]] + [campaign.max_lapse_days + 1]
    with connection.cursor() as cursor:
        cursor.executemany(
            "insert into definitions.campaign_targets values (%s, %s, %s, %s)",
            [(*key, target_type, code) for target_type, codes in targets.items() for code in codes],
        )
        cursor.executemany(
            "insert into definitions.campaign_steps values (%s, %s, %s, %s, %s)",
            [(*key, step.step_number, step.offset_days, end) for step, end in zip(campaign.steps, ends, strict=True)],
        )
        cursor.executemany(
            "insert into definitions.campaign_arms values (%s, %s, %s, %s, %s, %s, %s, %s, %s)",
            [
                (
                    *key,
                    arm.arm_code,
                    arm.channel,
                    arm.offer_code,
                    arm.variant_code,
                    arm.weight,
                    span.begin,
                    span.end,
                )
                for arm, span in zip(campaign.arms, arm_hash_spans(campaign), strict=True)
            ],
        )
        cursor.executemany(
            "insert into definitions.campaign_choices values (%s, %s, %s, %s, %s, %s, %s, %s)",
            [
                (
                    *key,
                    treatment.arm_code,
                    treatment.choice_number,
                    treatment.action_number,
                    treatment.channel,
                    treatment.offer_code,
                    treatment.variant_code,
                )
                for treatment in treatments(campaign)
            ],
        )
        cursor.executemany(
            "insert into definitions.campaign_templates (campaign_id, campaign_version, arm_code, choice_number,"
            " locale, template_path, template_source) values (%s, %s, %s, %s, %s, %s, %s)",
            [
                (
                    *key,
                    treatment.arm_code,
                    treatment.choice_number,
                    locale,
                    path,
                    frozen.templates[treatment.arm_code, treatment.choice_number, locale],
                )
                for treatment in treatments(campaign)
                for locale, path in treatment.templates.items()
            ],
        )
        cursor.executemany(
            "insert into definitions.campaign_caps values (%s, %s, %s, %s, %s)",
            [(*key, cap.channel, cap.window_days, cap.max_count) for cap in campaign.caps],
        )
