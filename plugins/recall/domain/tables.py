"""The input tables: every column's type, rule and meaning, once.

Parsing, the tables in the database and their comments all follow from these rows.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum


class Kind(Enum):
    """What a column holds; the value is its PostgreSQL type."""

    ID = ("id", "text")
    TEXT = ("text", "text")
    CODE = ("code", "text")
    INSTANT = ("instant", "timestamptz")
    BUSINESS_DATE = ("business date", "date")
    CALENDAR_DATE = ("calendar date", "date")
    AMOUNT = ("amount", "numeric(18, 6)")
    QUANTITY = ("quantity", "numeric(18, 6)")
    INTEGER = ("integer", "integer")
    BOOLEAN = ("boolean", "boolean")

    @property
    def label(self) -> str:
        """The kind in a word or two, for messages and documents."""
        return self.value[0]

    @property
    def sql_type(self) -> str:
        """PostgreSQL type of the column."""
        return self.value[1]


@dataclass(frozen=True)
class Column:
    """One column of an input table.

    Attributes:
        name: The column's name, in files and in the database.
        kind: What it holds. Amounts and quantities are never negative, instants never in the future.
        description: What it means; becomes the column's comment.
        is_required: True if a file without the column is refused and a row without a value set aside.
        values: The closed list of codes; empty where any text may stand.
        default: Stored where a row says nothing.
        is_personal: True for free text that may name people: it lives in `pii`, keyed by the row's hash.
    """

    name: str
    kind: Kind
    description: str
    is_required: bool = False
    values: tuple[str, ...] = ()
    default: str | None = None
    is_personal: bool = False


@dataclass(frozen=True)
class Parent:
    """A row of another table without which a row waits as an orphan.

    Attributes:
        column: The column that names the parent; empty means that there is none to wait for.
        table: The parent's table.
        only_if_delivered: True if a row waits only where the parent's table was ever delivered.
    """

    column: str
    table: str
    only_if_delivered: bool = False


@dataclass(frozen=True)
class ScoreRange:
    """A number whose range depends on a code of the same row.

    Attributes:
        column: The number.
        code_column: The code that decides.
        ranges: Per code the least and greatest value allowed.
    """

    column: str
    code_column: str
    ranges: tuple[tuple[str, int, int], ...]


@dataclass(frozen=True)
class Table:
    """One input table.

    Attributes:
        name: Name of the folder below `landing/` and of the table.
        description: One row per what; becomes the table's comment.
        columns: All known columns, `updated_at` last.
        key: The columns that name a row; required, never empty.
        event_column: The instant or date of what happened, which gives the business date; None for tables that
            describe things.
        parents: Where rows may wait for another row.
        score_range: A number whose range depends on a code.
        currency_column: The code of the currency that the row's amounts are in.
        schema: `raw`, or `pii` for contacts.
        indexes: Column lists of the indexes beside the primary key.
    """

    name: str
    description: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    event_column: str | None = None
    parents: tuple[Parent, ...] = ()
    score_range: ScoreRange | None = None
    currency_column: str | None = None
    schema: str = "raw"
    indexes: tuple[tuple[str, ...], ...] = ()

    @property
    def column_names(self) -> tuple[str, ...]:
        """Names of all known columns, in order."""
        return tuple(column.name for column in self.columns)

    @property
    def required_names(self) -> tuple[str, ...]:
        """Names of the columns without which a file is refused."""
        return tuple(column.name for column in self.columns if column.is_required)

    @property
    def stored_columns(self) -> tuple[Column, ...]:
        """The columns of the table itself: all but personal words."""
        return tuple(column for column in self.columns if not column.is_personal)

    @property
    def personal_column(self) -> Column | None:
        """The column whose words live in `pii`, if there is one."""
        return next((column for column in self.columns if column.is_personal), None)

    @property
    def keeps_lines_apart(self) -> bool:
        """True if a raw line may hold personal data, so that it may stand in `pii` only."""
        return self.schema == "pii" or self.personal_column is not None

    def column(self, name: str) -> Column:
        """Returns a known column.

        Args:
            name: The column's name.

        Raises:
            KeyError: There is no such column.
        """
        for column in self.columns:
            if column.name == name:
                return column
        raise KeyError(name)

    def has(self, name: str) -> bool:
        """Returns whether the table has a column.

        Args:
            name: The column's name.
        """
        return name in self.column_names


def _id(name: str, description: str, *, required: bool = False) -> Column:
    return Column(name, Kind.ID, description, is_required=required)


def _text(name: str, description: str, *, required: bool = False) -> Column:
    return Column(name, Kind.TEXT, description, is_required=required)


def _code(name: str, description: str, *values: str, required: bool = False, default: str | None = None) -> Column:
    return Column(name, Kind.CODE, description, is_required=required, values=values, default=default)


def _instant(name: str, description: str, *, required: bool = False) -> Column:
    return Column(name, Kind.INSTANT, description, is_required=required)


def _amount(name: str, description: str, *, required: bool = False) -> Column:
    return Column(name, Kind.AMOUNT, description, is_required=required)


_USER = _id("user_id", "The source's own id of the user.", required=True)
_UPDATED = _instant("updated_at", "When the source last changed the row; decides between versions of a key.")
_OF_USER = Parent("user_id", "users", only_if_delivered=True)
_OF_ORDER = Parent("order_id", "orders")

TABLES: tuple[Table, ...] = (
    Table(
        "users",
        "One row per user.",
        (
            _USER,
            _instant("registered_at", "When the user registered."),
            _text("acquisition_channel", "Channel that won the user."),
            _text("gender", "Gender as the source writes it."),
            Column("birth_date", Kind.CALENDAR_DATE, "Date of birth, without a time zone."),
            _text("age_band", "Age band as the source writes it; used where there is no birth date."),
            _text("region", "Region as the source writes it."),
            _text("occupation", "Occupation as the source writes it."),
            _text("tier", "Membership tier as the source writes it."),
            _text("time_zone", "IANA zone of the user; quiet hours are counted in it."),
            _text("locale", "Language tag such as zh or en."),
            _id("merged_into", "The user_id that this user was merged into."),
            _UPDATED,
        ),
        key=("user_id",),
        indexes=(("merged_into",),),
    ),
    Table(
        "contacts",
        "One row per user: how the user can be reached. Lives in pii only.",
        (
            _USER,
            _text("phone", "Phone number as the source writes it."),
            _text("email", "E-mail address as the source writes it."),
            _text("wechat_openid", "OpenID of the user at the service account."),
            _text("postal_address", "Postal address in one line."),
            _UPDATED,
        ),
        key=("user_id",),
        parents=(_OF_USER,),
        schema="pii",
    ),
    Table(
        "products",
        "One row per product.",
        (
            _id("product_id", "The source's own id of the product.", required=True),
            _text("category", "Category; definitions/category_lines.csv maps it to a line.", required=True),
            _text("name", "Name of the product."),
            _text("brand", "Brand of the product."),
            _amount("list_price", "Current list price per unit, in the workspace's currency."),
            _amount("unit_cost", "Cost per unit, in the workspace's currency."),
            _instant("listed_at", "When the product was first on sale."),
            _UPDATED,
        ),
        key=("product_id",),
        indexes=(("category",),),
    ),
    Table(
        "product_prices",
        "One row per product and day from which a list price holds.",
        (
            _id("product_id", "The product.", required=True),
            Column("valid_from", Kind.BUSINESS_DATE, "First business date of the price.", is_required=True),
            _amount("list_price", "List price per unit, in the workspace's currency.", required=True),
            _UPDATED,
        ),
        key=("product_id", "valid_from"),
    ),
    Table(
        "orders",
        "One row per order.",
        (
            _id("order_id", "The source's own id of the order.", required=True),
            _id("user_id", "Who ordered.", required=True),
            _instant("ordered_at", "When it was ordered; its business date is the order's date.", required=True),
            _amount("net_amount", "What was paid, before refunds, in currency_code.", required=True),
            _code(
                "status",
                "State of the order; paid, completed and refunded are valid orders.",
                "pending",
                "paid",
                "completed",
                "refunded",
                "cancelled",
                default="completed",
            ),
            _text("sales_channel", "Where it was sold."),
            _text("currency_code", "ISO 4217 code of the row's amounts; empty means the workspace's currency."),
            _amount("gross_amount", "Amount before discounts, in currency_code."),
            _amount("discount_amount", "Discount inside the net amount, in currency_code."),
            _text("coupon_code", "Coupon that was used."),
            _UPDATED,
        ),
        key=("order_id",),
        event_column="ordered_at",
        parents=(_OF_USER,),
        currency_column="currency_code",
        indexes=(("user_id", "ordered_at"),),
    ),
    Table(
        "order_items",
        "One row per line of an order.",
        (
            _id("order_id", "The order.", required=True),
            Column("line_number", Kind.INTEGER, "Number of the line inside the order.", is_required=True),
            _id("product_id", "What was bought; an unknown product belongs to line all.", required=True),
            Column("quantity", Kind.QUANTITY, "Units bought.", is_required=True),
            _amount("net_amount", "What was paid for the line, in the order's currency.", required=True),
            _UPDATED,
        ),
        key=("order_id", "line_number"),
        parents=(_OF_ORDER,),
        indexes=(("product_id",),),
    ),
    Table(
        "refunds",
        "One row per refund.",
        (
            _id("refund_id", "The source's own id of the refund.", required=True),
            _id("order_id", "The refunded order.", required=True),
            _instant("refunded_at", "When it was refunded.", required=True),
            _amount("amount", "What was paid back, in the order's currency.", required=True),
            _text("reason_code", "Why, as the source writes it."),
            _UPDATED,
        ),
        key=("refund_id",),
        event_column="refunded_at",
        parents=(_OF_ORDER,),
        indexes=(("order_id",),),
    ),
    Table(
        "visits",
        "One row per action of a visit.",
        (
            _id("visit_id", "The source's own id of the row.", required=True),
            _USER,
            _instant("visited_at", "When it happened.", required=True),
            _text("action", "What the user did.", required=True),
            _text("object_type", "What it was done to, for example product or category."),
            _id("object_id", "Id of that object."),
            _text("channel", "Where the visit took place, for example app."),
            _id("session_id", "The session; a row without one is its own visit."),
            _UPDATED,
        ),
        key=("visit_id",),
        event_column="visited_at",
        parents=(_OF_USER,),
        indexes=(("user_id", "visited_at"),),
    ),
    Table(
        "feedback",
        "One row per complaint, rating, score or answer to a survey.",
        (
            _id("feedback_id", "The source's own id of the feedback.", required=True),
            _USER,
            _instant("submitted_at", "When it was given.", required=True),
            _code("kind", "What it is.", "complaint", "rating", "nps", "survey", required=True),
            _code(
                "topic",
                "What it is about.",
                "quality",
                "service",
                "delivery",
                "price",
                "content",
                "competitor",
                "other",
            ),
            Column("score", Kind.INTEGER, "Rating 1 to 5, or NPS 0 to 10."),
            _id("order_id", "The order it is about; feedback with an order follows the order."),
            Column("text", Kind.TEXT, "The user's own words; kept in pii.feedback_texts.", is_personal=True),
            _instant("answered_at", "When it was answered."),
            _UPDATED,
        ),
        key=("feedback_id",),
        event_column="submitted_at",
        parents=(_OF_USER, _OF_ORDER),
        score_range=ScoreRange("score", "kind", (("rating", 1, 5), ("nps", 0, 10))),
        indexes=(("user_id", "submitted_at"), ("order_id",)),
    ),
    Table(
        "consents",
        "One row per user, channel and moment at which the user said yes or no.",
        (
            _USER,
            _text("channel", "The channel that may or may not be used.", required=True),
            Column("is_opted_in", Kind.BOOLEAN, "True if the user agreed.", is_required=True),
            _instant("changed_at", "When the user said so.", required=True),
            _UPDATED,
        ),
        key=("user_id", "channel", "changed_at"),
        event_column="changed_at",
        parents=(_OF_USER,),
    ),
    Table(
        "touches",
        "One row per message of a campaign that was run elsewhere, controls included.",
        (
            _id("touch_id", "The source's own id of the touch.", required=True),
            _id("campaign_id", "The campaign.", required=True),
            _USER,
            _instant("touched_at", "When the user was touched, or would have been.", required=True),
            _text("arm_code", "Which treatment the user got.", required=True),
            Column("is_control", Kind.BOOLEAN, "True if the user was held out.", is_required=True),
            _text("channel", "The channel that carried it."),
            _amount("unit_cost", "Cost of the touch, in the workspace's currency."),
            _UPDATED,
        ),
        key=("touch_id",),
        event_column="touched_at",
        parents=(_OF_USER,),
        indexes=(("user_id", "touched_at"), ("campaign_id",)),
    ),
    Table(
        "receipts",
        "One row per thing that happened to a touch.",
        (
            _id("receipt_id", "The source's own id of the receipt.", required=True),
            _id("touch_id", "The touch.", required=True),
            _code(
                "event",
                "What happened.",
                "accepted",
                "delivered",
                "opened",
                "clicked",
                "answered",
                "unsubscribed",
                "bounced",
                "complained",
                "failed",
                required=True,
            ),
            _instant("occurred_at", "When it happened.", required=True),
            _UPDATED,
        ),
        key=("receipt_id",),
        event_column="occurred_at",
        indexes=(("touch_id",),),
    ),
    Table(
        "redemptions",
        "One row per reward that a user redeemed.",
        (
            _id("redemption_id", "The source's own id of the redemption.", required=True),
            _USER,
            _instant("redeemed_at", "When it was redeemed.", required=True),
            _id("campaign_id", "The campaign that gave the reward."),
            _text("coupon_code", "The coupon."),
            _id("order_id", "The order it was redeemed in."),
            _amount("reward_amount", "What the reward was worth, in the workspace's currency."),
            _UPDATED,
        ),
        key=("redemption_id",),
        event_column="redeemed_at",
        parents=(_OF_USER, _OF_ORDER),
        indexes=(("user_id", "redeemed_at"), ("order_id",)),
    ),
    Table(
        "acquisition_costs",
        "One row per day and channel: what winning new users cost.",
        (
            Column("cost_date", Kind.BUSINESS_DATE, "Business date of the cost.", is_required=True),
            _text("channel", "Acquisition channel.", required=True),
            _amount("cost_amount", "What was spent, in the workspace's currency.", required=True),
            Column("new_user_count", Kind.INTEGER, "How many users it won."),
            _UPDATED,
        ),
        key=("cost_date", "channel"),
        event_column="cost_date",
    ),
)

TABLE_NAMES: tuple[str, ...] = tuple(table.name for table in TABLES)

_BY_NAME = {table.name: table for table in TABLES}


def find_table(name: str) -> Table | None:
    """Returns the input table of a name, or None.

    Args:
        name: Name of the table, which is the name of its landing folder.
    """
    return _BY_NAME.get(name)


def nearest_name(name: str, known: Iterable[str]) -> str | None:
    """Returns the known name that looks most like a wrong one, or None if none is near.

    Args:
        name: The name that was not found.
        known: The names that there are; compared without regard to case.
    """
    folded = {other.casefold(): other for other in known}
    close = difflib.get_close_matches(name.casefold(), folded, n=1, cutoff=0.5)
    return folded[close[0]] if close else None
