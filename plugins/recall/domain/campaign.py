"""A campaign: whom it aims at, when it speaks, and what its arms say; the schema of `campaigns/*.yml`."""

from __future__ import annotations

import difflib
import json
import types
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic_core import ErrorDetails, PydanticCustomError

Code = Annotated[str, Field(pattern="^[a-z0-9][a-z0-9_]{0,59}$")]
Channel = Literal["sms", "email", "wechat", "phone", "gift", "welfare", "event", "media"]
ArmChannel = Literal[Channel, "best"]
Locale = Literal["en", "zh"]
Amount = Annotated[float, Field(gt=0, le=1_000_000_000_000, allow_inf_nan=False)]

BEST = "best"
"""Stands in an arm for what is chosen per person among its choices, by the highest expected profit."""
CHOSEN_FIELDS = ("channel", "offer_code", "variant_code")
"""Fields of an arm that may be BEST."""

HASH_RANGE = 2**32
"""Hashes that draw holdouts and arms are whole numbers in [0, HASH_RANGE)."""


@dataclass(frozen=True)
class CampaignProblem:
    """One fault of a campaign file or of a template that it names.

    Attributes:
        file: Path relative to the campaigns folder.
        line: Line in the file, the first being 1; None for a fault of the file as a whole.
        field: The field, nested names joined by dots; None for a fault of the file as a whole.
        message: What is wrong and what would have been right.
    """

    file: str
    line: int | None
    field: str | None
    message: str

    def __str__(self) -> str:
        """The fault as one sentence: where, then what."""
        line = f", line {self.line}" if self.line is not None else ""
        field = f", {self.field}" if self.field is not None else ""
        return f"campaigns/{self.file}{line}{field}: {self.message}"


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Step(_Strict):
    """One moment of the churn cycle at which the campaign speaks."""

    step_number: Annotated[
        int,
        Field(ge=1, le=99, description="Names the step for ever: what was sent is looked up under this number."),
    ]
    offset_days: Annotated[int, Field(ge=0, le=3650, description="Days since lapsed_date from which the step is due.")]


def _is(names: Sequence[str]) -> str:
    return f"{' and '.join(names)} {'is' if len(names) == 1 else 'are'}"


class Choice(_Strict):
    """One of the treatments among which an arm takes the best: a value for each field that is `best` in the arm."""

    channel: Annotated[Channel | None, Field(description="Channel, where the arm's is best.")] = None
    offer_code: Annotated[Code | None, Field(description="Offer, where the arm's is best.")] = None
    variant_code: Annotated[Code | None, Field(description="Variant of the copy, where the arm's is best.")] = None
    templates: dict[Locale, Annotated[str, Field(min_length=1)]] = Field(
        default_factory=dict,
        description="Templates of this choice; left out: those of the arm.",
    )


class Arm(_Strict):
    """One treatment: an offer through a channel with one variant of the copy, or the best of several."""

    arm_code: Annotated[Code, Field(description="Name of the arm, never used again for another treatment.")]
    channel: Annotated[ArmChannel, Field(description="Channel of definitions/channels.csv that carries it, or best.")]
    offer_code: Annotated[Code, Field(description="What is offered (definitions/offers.csv), or best.")]
    variant_code: Annotated[Code, Field(description="Variant of the copy, or best.")]
    choices: list[Choice] = Field(
        default_factory=list,
        description="What may be taken for the fields that are best: the one with the highest expected profit is.",
    )
    weight: Annotated[int, Field(ge=0, le=10_000, description="Share among the weights; 0 takes nobody new.")] = 1
    templates: dict[Locale, Annotated[str, Field(min_length=1)]] = Field(
        default_factory=dict,
        description="Per locale the template's path inside the campaigns folder; needed by channels with copy.",
    )

    @model_validator(mode="after")
    def _choices_name_what_is_best(self) -> Arm:
        wanted = [field for field in CHOSEN_FIELDS if getattr(self, field) == BEST]
        if bool(wanted) != bool(self.choices):
            raise PydanticCustomError(
                "choices",
                "{fields} best, so choices must say among which"
                if wanted
                else "choices stand here, but none of {fields} is best",
                {"fields": _is(wanted) if wanted else ", ".join(CHOSEN_FIELDS)},
            )
        seen = set()
        for number, choice in enumerate(self.choices, start=1):
            named = [field for field in CHOSEN_FIELDS if getattr(choice, field) is not None]
            if named != wanted:
                raise PydanticCustomError(
                    "choices",
                    "choice {number} must name {wanted}, which the arm leaves open, and nothing else",
                    {"number": number, "wanted": " and ".join(wanted)},
                )
            values = tuple(getattr(choice, field) for field in wanted)
            if BEST in values:
                raise PydanticCustomError("choices", "choice {number} is best itself", {"number": number})
            if values in seen:
                raise PydanticCustomError("choices", "choice {number} stands twice", {"number": number})
            seen.add(values)
        return self


class Budget(_Strict):
    """How much a campaign may be expected to cost, in the workspace's currency; held-out persons cost nothing."""

    night_amount: Annotated[Amount | None, Field(description="Expected cost of what one night selects.")] = None
    total_amount: Annotated[
        Amount | None, Field(description="Expected cost of all that the campaign ever selects and sends.")
    ] = None

    @model_validator(mode="after")
    def _an_amount_is_named(self) -> Budget:
        if self.night_amount is None and self.total_amount is None:
            raise PydanticCustomError("budget", "names neither night_amount nor total_amount")
        return self


class Cap(_Strict):
    """How many messages a person may get at most in some days, whatever campaign sends them."""

    channel: Annotated[Channel | None, Field(description="Counts this channel only; left out: all together.")] = None
    window_days: Annotated[int, Field(ge=1, le=3650, description="Days, the one selected for included.")]
    max_count: Annotated[int, Field(ge=1, le=1000, description="Messages within them at most, this one included.")]


class Campaign(_Strict):
    """The content of one campaign file; unknown keys are errors."""

    campaign_id: Annotated[Code, Field(description="Name of the campaign; the file is called <campaign_id>.yml.")]
    description: str = Field(default="", description="What the campaign is for, in a sentence.")
    lines: Annotated[list[str], Field(min_length=1, description="Business lines whose lapse episodes it aims at.")]
    layers: Annotated[
        list[str] | None, Field(min_length=1, description="Layers it aims at; left out: every layer.")
    ] = None
    personas: Annotated[
        list[str] | None, Field(min_length=1, description="Personas it aims at; left out: every persona.")
    ] = None
    reasons: Annotated[
        list[str] | None, Field(min_length=1, description="Primary churn reasons it aims at; left out: every reason.")
    ] = None
    steps: Annotated[list[Step], Field(min_length=1, description="Steps in the order of their offsets.")]
    arms: Annotated[list[Arm], Field(min_length=1, description="Treatments among which persons are drawn.")]
    holdout_share: Annotated[
        float, Field(ge=0, le=0.9, description="Share of persons, not globally held out, that get nothing.")
    ] = 0.1
    outcome_window_days: Annotated[
        int, Field(ge=1, le=365, description="Days from the assignment in which an outcome counts.")
    ] = 30
    max_lapse_days: Annotated[
        int, Field(ge=0, le=3650, description="Days since lapsed_date up to which the last step stays due.")
    ]
    cool_down_days: Annotated[
        int,
        Field(ge=0, le=3650, description="Days from a person's last step until a new lapse may enter again."),
    ] = 0
    budget: Annotated[Budget | None, Field(description="What it may cost; left out: no limit.")] = None
    caps: list[Cap] = Field(
        default_factory=list,
        description="Contact caps of this campaign, beside those of definitions/contact_caps.csv.",
    )
    recall_regardless: Annotated[
        bool,
        Field(description="True to recall also where doing nothing is expected to bring more."),
    ] = False
    priority: Annotated[
        int,
        Field(ge=1, le=1000, description="Of two campaigns on one day the greater takes the person."),
    ] = 100
    default_locale: Annotated[Locale, Field(description="Locale of users whose own has no template.")] = "en"

    @model_validator(mode="after")
    def _steps_follow_each_other(self) -> Campaign:
        for earlier, later in pairwise(self.steps):
            if later.step_number <= earlier.step_number or later.offset_days <= earlier.offset_days:
                raise PydanticCustomError(
                    "steps",
                    "step {later} must have a greater step_number and offset_days than step {earlier} before it",
                    {"later": later.step_number, "earlier": earlier.step_number},
                )
        last = self.steps[-1]
        if self.max_lapse_days < last.offset_days:
            raise PydanticCustomError(
                "max_lapse_days",
                "{found} is before the last step's offset_days {offset}, which would never be due",
                {"found": self.max_lapse_days, "offset": last.offset_days},
            )
        return self

    @model_validator(mode="after")
    def _arms_can_be_drawn(self) -> Campaign:
        codes = [arm.arm_code for arm in self.arms]
        repeated = sorted({code for code in codes if codes.count(code) > 1})
        if repeated:
            raise PydanticCustomError("arms", "arm_code {code} stands twice", {"code": repeated[0]})
        if not any(arm.weight for arm in self.arms):
            raise PydanticCustomError("arms", "every weight is 0, so nobody could be drawn")
        for arm in self.arms:
            for templates in (arm.templates, *(choice.templates for choice in arm.choices)):
                if templates and self.default_locale not in templates:
                    raise PydanticCustomError(
                        "arms",
                        "arm {arm} has no template for the default_locale {locale}",
                        {"arm": arm.arm_code, "locale": self.default_locale},
                    )
        return self

    @model_validator(mode="after")
    def _caps_stand_once(self) -> Campaign:
        windows = [(cap.channel, cap.window_days) for cap in self.caps]
        if len(set(windows)) < len(windows):
            raise PydanticCustomError("caps", "a channel and window_days stand twice")
        return self

    @model_validator(mode="after")
    def _targets_stand_once(self) -> Campaign:
        for field in ("lines", "layers", "personas", "reasons"):
            values = getattr(self, field) or []
            if len(set(values)) < len(values):
                raise PydanticCustomError(field, "a name stands twice")
        return self


@dataclass(frozen=True)
class Treatment:
    """What an arm may do to a person: the arm itself, or one of its choices.

    Attributes:
        arm_code: The arm.
        choice_number: Place among the arm's choices, from 1; 1 of an arm without choices.
        action_number: choice_number of the first choice with the same channel and offer: what differs in the copy
            alone is one action, of which worth knows no difference.
        channel: Channel code.
        offer_code: The offer.
        variant_code: Variant of the copy.
        templates: Paths by locale.
        places: Keys and list positions of where channel, offer_code, variant_code and templates stand in the file.
    """

    arm_code: str
    choice_number: int
    action_number: int
    channel: str
    offer_code: str
    variant_code: str
    templates: Mapping[str, str]
    places: Mapping[str, tuple[str | int, ...]]


@dataclass(frozen=True)
class HashSpan:
    """The hashes [begin, end) that draw an arm; empty for a weight of 0."""

    begin: int
    end: int


def holdout_hash_end(campaign: Campaign) -> int:
    """Returns the end of the hashes [0, end) that draw the campaign's holdout.

    Args:
        campaign: The campaign.
    """
    return round(campaign.holdout_share * HASH_RANGE)


def arm_hash_spans(campaign: Campaign) -> list[HashSpan]:
    """Cuts the range of hashes into one span per arm, in proportion to the weights.

    Args:
        campaign: The campaign.

    Returns:
        One span per arm in the file's order; together they cover [0, HASH_RANGE) without gap or overlap.
    """
    total = sum(arm.weight for arm in campaign.arms)
    edges = [0]
    reached = 0
    for arm in campaign.arms:
        reached += arm.weight
        edges.append(reached * HASH_RANGE // total)
    return [HashSpan(begin, end) for begin, end in pairwise(edges)]


def treatments(campaign: Campaign) -> list[Treatment]:
    """Writes out what each arm may do.

    Args:
        campaign: The campaign.

    Returns:
        One treatment per arm without choices, and one per choice of the others, in the file's order.
    """
    found = []
    for position, arm in enumerate(campaign.arms):
        first_numbers: dict[tuple[str, str], int] = {}
        for number, choice in enumerate(arm.choices or [Choice()], start=1):
            channel, offer_code, variant_code = (getattr(choice, name) or getattr(arm, name) for name in CHOSEN_FIELDS)
            places = {
                name: ("arms", position, "choices", number - 1, name)
                if getattr(choice, name)
                else ("arms", position, name)
                for name in (*CHOSEN_FIELDS, "templates")
            }
            found.append(
                Treatment(
                    arm_code=arm.arm_code,
                    choice_number=number,
                    action_number=first_numbers.setdefault((channel, offer_code), number),
                    channel=channel,
                    offer_code=offer_code,
                    variant_code=variant_code,
                    templates={str(locale): path for locale, path in (choice.templates or arm.templates).items()},
                    places=places,
                )
            )
    return found


def campaign_schema() -> dict[str, Any]:
    """Returns the JSON schema of a campaign file, for editors and for docs/reference."""
    schema = Campaign.model_json_schema()
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    return schema


def schema_text() -> str:
    """Returns the JSON schema as it stands in docs/reference/campaign.schema.json."""
    return json.dumps(campaign_schema(), indent=2, ensure_ascii=False) + "\n"


def parse_campaign(file: str, text: str) -> tuple[Campaign | None, list[CampaignProblem]]:
    """Reads one campaign file.

    Args:
        file: Path relative to the campaigns folder, for messages.
        text: The file's text.

    Returns:
        The campaign, or None and every fault found.
    """
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
        values = yaml.safe_load(text)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else None
        return None, [CampaignProblem(file, line, None, f"not readable as YAML: {error.problem}")]
    except (yaml.YAMLError, ValueError) as error:
        return None, [CampaignProblem(file, None, None, f"not readable as YAML: {error}")]
    if root is None or not isinstance(values, dict):
        return None, [CampaignProblem(file, 1, None, "expected a mapping that begins with campaign_id")]
    problems = _repeated_keys(file, root, ())
    try:
        campaign = Campaign.model_validate(values, strict=True)
    except ValidationError as error:
        return None, problems + [_explain(file, root, fault) for fault in error.errors()]
    if file != f"{campaign.campaign_id}.yml":
        problems.append(
            CampaignProblem(
                file,
                line_of(root, ("campaign_id",)),
                "campaign_id",
                f"{campaign.campaign_id} must be the file's name: call the file {campaign.campaign_id}.yml",
            )
        )
    return (None, problems) if problems else (campaign, [])


def locate(text: str, path: Sequence[str | int]) -> int | None:
    """Returns the line of a field in a file's text, or of its nearest parent that stands there.

    Args:
        text: The campaign file's text, valid YAML.
        path: Keys and list positions from the root.
    """
    root = yaml.compose(text, Loader=yaml.SafeLoader)
    return line_of(root, path) if root is not None else None


def line_of(node: yaml.Node, path: Sequence[str | int]) -> int:
    """Returns the line of a field below a YAML node, or of its nearest parent that stands there.

    Args:
        node: Where to start.
        path: Keys and list positions from there.
    """
    line = node.start_mark.line + 1
    for part in path:
        if isinstance(node, yaml.MappingNode):
            found = [(key, value) for key, value in node.value if key.value == part]
            if not found:
                return line
            line = found[-1][0].start_mark.line + 1
            node = found[-1][1]
        elif isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
            node = node.value[part]
            line = node.start_mark.line + 1
        else:
            return line
    return line


def did_you_mean(name: str, known: Sequence[str]) -> str:
    """Says which known name was probably meant.

    Args:
        name: The unknown name.
        known: Names that would have been right.

    Returns:
        For example `did you mean offset_days?`, or the list of known names.
    """
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    return f"did you mean {close[0]}?" if close else f"known are {', '.join(known)}"


def _repeated_keys(file: str, node: yaml.Node, path: tuple[str, ...]) -> list[CampaignProblem]:
    """YAML silently keeps the last of two equal keys; here the first would be lost without a word."""
    problems: list[CampaignProblem] = []
    if isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, value in node.value:
            name = str(key.value)
            if name in seen:
                field = ".".join((*path, name))
                problems.append(CampaignProblem(file, key.start_mark.line + 1, field, "stands a second time"))
            seen.add(name)
            problems.extend(_repeated_keys(file, value, (*path, name)))
    elif isinstance(node, yaml.SequenceNode):
        for position, value in enumerate(node.value):
            problems.extend(_repeated_keys(file, value, (*path, str(position + 1))))
    return problems


def _explain(file: str, root: yaml.Node, fault: ErrorDetails) -> CampaignProblem:
    path = fault["loc"]
    path = tuple(part for part in path if part != "[key]")
    # A rule between fields has no place of its own; its type names the field to look at.
    if fault["type"] in _known_names(path):
        path = (*path, fault["type"])
    field = ".".join(str(part + 1) if isinstance(part, int) else part for part in path) or None
    if fault["type"] == "extra_forbidden":
        known = _known_names(path[:-1])
        message = f"no such key; {did_you_mean(str(path[-1]), known)}"
    elif fault["type"] == "missing":
        message = "is missing"
    else:
        message = fault["msg"]
    return CampaignProblem(file, line_of(root, path), field, message)


def _known_names(path: Sequence[str | int]) -> list[str]:
    model: type[BaseModel] = Campaign
    for part in path:
        if isinstance(part, str) and part in model.model_fields:
            inner = _inner_model(model.model_fields[part].annotation)
            if inner is not None:
                model = inner
    return list(model.model_fields)


def _inner_model(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    if get_origin(annotation) in (list, Union, types.UnionType):
        for argument in get_args(annotation):
            found = _inner_model(argument)
            if found is not None:
                return found
    return None
