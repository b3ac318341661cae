-- What each claimed message needs: its contact, its copy in the user's language, and what the copy may mention.
select
    sends.send_id,
    sends.fence,
    sends.audience_id,
    sends.idempotency_key,
    points.contact_value,
    dim_users.time_zone,
    coupons.coupon_code,
    entries.campaign_id,
    entries.step_number,
    entries.arm_code,
    entries.variant_code,
    entries.offer_code,
    entries.selected_date,
    entries.selected_date - entries.last_key_date as inactive_days,
    coalesce(lines.line_name, entries.line_id) as line_name,
    coalesce(templates.locale, campaigns.default_locale) as locale,
    templates.template_source,
    coupons.valid_from_date as coupon_from_date,
    coupons.valid_until_date as coupon_until_date,
    coupons.reward_amount as coupon_reward_amount,
    coupons.threshold_amount as coupon_threshold_amount
-- The planner sees how many they are, which it could not guess of the members of a file; that campaigns and versions
-- are alike in all of them it does not know, and would expect that hardly any is left after an inner join.
from unnest(%(send_ids)s::bigint []) as held (send_id)
inner join ledger.sends as sends on held.send_id = sends.send_id
inner join ledger.entries as entries on sends.audience_id = entries.audience_id
left join definitions.campaigns as campaigns
    on entries.campaign_id = campaigns.campaign_id and entries.campaign_version = campaigns.campaign_version
inner join pii.contact_points as points on sends.contact_id = points.contact_id
left join marts.dim_lines as lines on entries.line_id = lines.line_id
left join raw.users as users on entries.user_id = users.user_id
-- Quiet hours are looked at again where messages leave one by one.
left join marts.dim_users as dim_users on entries.user_id = dim_users.user_id and %(has_time_zones)s
left join ledger.coupons as coupons
    on
        entries.campaign_id = coupons.campaign_id
        and entries.person_id = coupons.person_id
        and entries.last_key_date = coupons.last_key_date
        and entries.offer_code = coupons.offer_code
left join lateral (
    select copies.locale, copies.template_source
    from definitions.campaign_choices as choices
    inner join definitions.campaign_templates as copies
        using (campaign_id, campaign_version, arm_code, choice_number)
    where
        choices.campaign_id = entries.campaign_id
        and choices.campaign_version = entries.campaign_version
        and choices.arm_code = entries.arm_code
        and choices.channel = entries.channel
        and choices.offer_code = entries.offer_code
        and choices.variant_code = entries.variant_code
        and copies.locale in (lower(left(users.locale, 2)), campaigns.default_locale)
    order by case when copies.locale = lower(left(users.locale, 2)) then 0 else 1 end
    limit 1
) as templates on true
where
    case
        when campaigns.campaign_id is not null
            -- Of a file, what its worker still holds: others may have settled a send since it was listed.
            then %(owner)s::text is null or (sends.state = 'claimed' and sends.lease_owner = %(owner)s)
    end
order by sends.idempotency_key
