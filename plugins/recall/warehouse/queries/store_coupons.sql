-- A coupon for each member of the day whose offer has one and who has none yet for this campaign, lapse and offer.
-- Returns how many got none because the code drawn belongs to another coupon: they draw again, with the next number.
with

wanted as (
    select distinct on (entries.campaign_id, entries.person_id, entries.last_key_date, entries.offer_code)
        entries.campaign_id,
        entries.person_id,
        entries.last_key_date,
        entries.offer_code,
        entries.audience_id,
        entries.user_id,
        entries.line_id,
        entries.selected_date,
        terms.from_days,
        terms.until_days,
        terms.reward_amount,
        terms.threshold_amount
    from ledger.entries as entries
    -- By the index, member by member; without "offset" the layers of all users may be read for each of them.
    left join lateral (
        select recall_layers.layer_code
        from marts.fct_recall_layers as recall_layers
        where
            recall_layers.user_id = entries.user_id
            and recall_layers.line_id = entries.line_id
            and recall_layers.last_key_date = entries.last_key_date
        offset 0
    ) as layers on true
    inner join definitions.coupon_terms(%(selected_date)s - 1) as terms
        on entries.offer_code = terms.offer_code and coalesce(layers.layer_code, '') = terms.layer_code
    left join ledger.coupons as known
        on
            entries.campaign_id = known.campaign_id
            and entries.person_id = known.person_id
            and entries.last_key_date = known.last_key_date
            and entries.offer_code = known.offer_code
    where
        entries.selected_date = %(selected_date)s
        and not entries.is_held_out
        and known.coupon_code is null
    order by
        entries.campaign_id asc, entries.person_id asc, entries.last_key_date asc, entries.offer_code asc,
        entries.step_number asc
),

-- HMAC-SHA-256 of what the code is for; a column by itself, so that it is computed once.
hashed as materialized (
    select
        wanted.*,
        sha256(
            %(outer_key)s::bytea || sha256(
                %(inner_key)s::bytea || convert_to(
                    concat_ws(
                        '|', wanted.campaign_id, wanted.person_id, wanted.last_key_date, wanted.offer_code,
                        %(draw_number)s::integer
                    ),
                    'UTF8'
                )
            )
        ) as digest
    from wanted
),

stored as (
    insert into ledger.coupons (
        coupon_code, campaign_id, person_id, last_key_date, offer_code, draw_number, audience_id, user_id, line_id,
        issued_date, valid_from_date, valid_until_date, reward_amount, threshold_amount
    )
    select
        ledger.coupon_code(digest),
        campaign_id,
        person_id,
        last_key_date,
        offer_code,
        %(draw_number)s,
        audience_id,
        user_id,
        line_id,
        selected_date,
        selected_date + from_days,
        selected_date + until_days,
        reward_amount,
        threshold_amount
    from hashed
    order by campaign_id, person_id, last_key_date, offer_code
    on conflict (coupon_code) do nothing
    returning coupon_code
)

select (select count(*) from wanted) - (select count(*) from stored)
