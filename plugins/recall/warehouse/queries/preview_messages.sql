-- As compose_messages, for members that nothing was claimed of: what an export would deliver as of now. Codes of coupons
-- are made when members are registered, and shown nowhere before.
select
    0 as send_id,
    0 as fence,
    members.audience_id,
    ledger.idempotency_key(
        members.campaign_id, members.step_number, members.channel, members.contact_id, members.last_key_date
    ) as idempotency_key,
    points.contact_value,
    null as time_zone,
    case when terms.offer_code is not null then %(sample_code)s end as coupon_code,
    members.campaign_id,
    members.step_number,
    members.arm_code,
    members.variant_code,
    members.offer_code,
    members.selected_date,
    members.selected_date - members.last_key_date as inactive_days,
    coalesce(lines.line_name, members.line_id) as line_name,
    coalesce(templates.locale, campaigns.default_locale) as locale,
    templates.template_source,
    members.selected_date + terms.from_days as coupon_from_date,
    members.selected_date + terms.until_days as coupon_until_date,
    terms.reward_amount as coupon_reward_amount,
    terms.threshold_amount as coupon_threshold_amount
from audiences.aud_recall_members as members
inner join definitions.campaigns as campaigns
    on members.campaign_id = campaigns.campaign_id and members.campaign_version = campaigns.campaign_version
inner join pii.contact_points as points on members.contact_id = points.contact_id
left join marts.dim_lines as lines on members.line_id = lines.line_id
left join raw.users as users on members.user_id = users.user_id
-- By the index, member by member; without "offset" the layers of all users may be read for each of them.
left join lateral (
    select recall_layers.layer_code
    from marts.fct_recall_layers as recall_layers
    where
        recall_layers.user_id = members.user_id
        and recall_layers.line_id = members.line_id
        and recall_layers.last_key_date = members.last_key_date
    offset 0
) as layers on true
left join definitions.coupon_terms(%(selected_date)s - 1) as terms
    on members.offer_code = terms.offer_code and coalesce(layers.layer_code, '') = terms.layer_code
left join lateral (
    select copies.locale, copies.template_source
    from definitions.campaign_choices as choices
    inner join definitions.campaign_templates as copies
        using (campaign_id, campaign_version, arm_code, choice_number)
    where
        choices.campaign_id = members.campaign_id
        and choices.campaign_version = members.campaign_version
        and choices.arm_code = members.arm_code
        and choices.channel = members.channel
        and choices.offer_code = members.offer_code
        and choices.variant_code = members.variant_code
        and copies.locale in (lower(left(users.locale, 2)), campaigns.default_locale)
    order by case when copies.locale = lower(left(users.locale, 2)) then 0 else 1 end
    limit 1
) as templates on true
where
    members.selected_date = %(selected_date)s
    and members.channel = %(channel)s
    and not members.is_global_holdout
    and not members.is_campaign_holdout
    and not exists (
        select from ledger.sends as sends
        where
            sends.campaign_id = members.campaign_id
            and sends.step_number = members.step_number
            and sends.channel = members.channel
            and sends.contact_id = members.contact_id
            and sends.last_key_date = members.last_key_date
            and not sends.is_retryable
    )
order by idempotency_key
limit %(row_limit)s
