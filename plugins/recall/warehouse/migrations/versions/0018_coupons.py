"""Coupons: which code was given to whom, and what it is worth."""

from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

OFFERS = """
    alter table definitions.offers
        add column coupon_from_days integer not null default 0 check (coupon_from_days >= 0),
        add column coupon_until_days integer check (coupon_until_days >= coupon_from_days);
    comment on column definitions.offers.coupon_from_days is
        'Days after the selected date from which a coupon of the offer can be redeemed.';
    comment on column definitions.offers.coupon_until_days is
        'Days after the selected date on which it can be redeemed for the last time; null: the offer has no coupon.';

    create function definitions.coupon_terms(as_of_date date) returns table (
        offer_code text, layer_code text, from_days integer, until_days integer, reward_amount numeric,
        threshold_amount numeric
    ) language sql stable as $$
        with

        offers_in_force as (
            select offers.*
            from definitions.offers as offers
            where offers.valid_from = (
                select coalesce(max(dates.valid_from) filter (where dates.valid_from <= $1), min(dates.valid_from))
                from definitions.offers as dates
            )
        ),

        layers_in_force as (
            select layers.layer_code, layers.lower_edge
            from definitions.layers as layers
            where layers.valid_from = (
                select coalesce(max(dates.valid_from) filter (where dates.valid_from <= $1), min(dates.valid_from))
                from definitions.layers as dates
            )
            union all
            select '', 0
        )

        -- The row of the greatest score that the layer begins at or above; of layers below all rows the lowest one.
        select distinct on (offers_in_force.offer_code, layers_in_force.layer_code)
            offers_in_force.offer_code,
            layers_in_force.layer_code,
            offers_in_force.coupon_from_days,
            offers_in_force.coupon_until_days,
            offers_in_force.reward_amount,
            offers_in_force.threshold_amount
        from offers_in_force
        cross join layers_in_force
        where offers_in_force.coupon_until_days is not null
        order by
            offers_in_force.offer_code,
            layers_in_force.layer_code,
            case when offers_in_force.min_layer_score <= layers_in_force.lower_edge then 0 else 1 end,
            case when offers_in_force.min_layer_score <= layers_in_force.lower_edge
                then offers_in_force.min_layer_score end desc nulls last,
            offers_in_force.min_layer_score
    $$;
    comment on function definitions.coupon_terms is
        'What a coupon promises, per offer that has one and layer in force on a day; an empty layer is an unknown one.';
"""

# Codes are not guessed: they follow from a key that lies outside of the database, by HMAC-SHA-256 (RFC 2104) of what
# they are for. The caller hands in the key already combined with the two paddings. The check digit is that of the
# Luhn mod N algorithm for N = 32.
CODES = """
    create function ledger.coupon_code(inner_key bytea, outer_key bytea, what_for text) returns text
    language sql immutable parallel safe as $$
        select
            string_agg(substr('0123456789ABCDEFGHJKMNPQRSTVWXYZ', digit + 1, 1), '' order by place)
            || substr(
                '0123456789ABCDEFGHJKMNPQRSTVWXYZ',
                cast((32 - sum(case when place % 2 = 0 then digit * 2 / 32 + digit * 2 % 32 else digit end) % 32) % 32
                    as integer) + 1,
                1
            )
        from (
            select place, get_byte(digest, place) & 31 as digit
            from (select sha256(outer_key || sha256(inner_key || convert_to(what_for, 'UTF8')))) as hashed (digest)
            cross join generate_series(0, 10) as places (place)
        ) as digits
    $$;
    comment on function ledger.coupon_code is
        'A code of eleven letters and digits and a check digit: HMAC-SHA-256 of what it is for, read in base 32.';
"""

COUPONS = """
    create table ledger.coupons (
        coupon_code text primary key check (coupon_code ~ '^[0-9A-HJKMNP-TV-Z]{12}$'),
        campaign_id text not null,
        person_id text not null,
        last_key_date date not null,
        offer_code text not null,
        draw_number integer not null check (draw_number >= 0),
        audience_id text not null,
        is_held_out boolean not null default false check (not is_held_out),
        user_id text not null,
        line_id text not null,
        issued_date date not null,
        valid_from_date date not null,
        valid_until_date date not null,
        reward_amount numeric not null check (reward_amount >= 0),
        threshold_amount numeric check (threshold_amount > 0),
        created_at timestamptz not null default clock_timestamp(),
        unique (campaign_id, person_id, last_key_date, offer_code),
        check (valid_until_date >= valid_from_date and valid_from_date >= issued_date),
        foreign key (audience_id, is_held_out) references ledger.entries (audience_id, is_held_out)
    );
    create index coupons_of_a_user on ledger.coupons (user_id);
    comment on table ledger.coupons is
        'One row per coupon: the code of a campaign, person, lapse and offer, which no later step or night changes.';
    comment on column ledger.coupons.coupon_code is
        'As it is sent: eleven letters and digits without I, L, O and U, and a check digit. Whoever has it can redeem.';
    comment on column ledger.coupons.draw_number is
        '0, or the number of codes that were drawn before and belonged to another coupon already.';
    comment on column ledger.coupons.audience_id is 'The first entry that it was made for.';
    comment on column ledger.coupons.is_held_out is
        'Always false: with the foreign key it makes a coupon of a held-out member impossible.';
    comment on column ledger.coupons.issued_date is 'Selected date of the first entry.';
    comment on column ledger.coupons.valid_from_date is 'The first date on which it can be redeemed.';
    comment on column ledger.coupons.valid_until_date is
        'The last date on which it can be redeemed; a later step that names the code again moves it on.';
    comment on column ledger.coupons.reward_amount is 'What it takes off an order, in the workspace''s currency.';
    comment on column ledger.coupons.threshold_amount is
        'What the order must be worth at least, in the workspace''s currency; null for any order.';
"""


def upgrade() -> None:
    """Makes table and functions; rights on the table follow from the schema's default privileges."""
    for statement in (OFFERS, CODES, COUPONS):
        op.execute(statement)


def downgrade() -> None:
    """Removes them with all codes; a code that was sent can then no longer be told from any other text."""
    op.execute("drop table ledger.coupons")
    op.execute("drop function ledger.coupon_code(bytea, bytea, text), definitions.coupon_terms(date)")
    op.execute("alter table definitions.offers drop column coupon_from_days, drop column coupon_until_days")
