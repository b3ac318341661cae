-- The audience as it is now; an entry that nothing happened to yet follows it, any other stands.
insert into ledger.entries (
    audience_id, campaign_id, step_number, selected_date, person_id, campaign_version, user_id, line_id,
    episode_number, last_key_date, contact_id, channel, arm_code, variant_code, offer_code, expected_cost_amount,
    is_held_out, state
)
select
    audience_id,
    campaign_id,
    step_number,
    selected_date,
    person_id,
    campaign_version,
    user_id,
    line_id,
    episode_number,
    last_key_date,
    contact_id,
    channel,
    arm_code,
    variant_code,
    offer_code,
    expected_cost_amount,
    is_global_holdout or is_campaign_holdout,
    case when is_global_holdout or is_campaign_holdout then 'held_out' else 'waiting' end
from audiences.aud_recall_members
where selected_date = %(selected_date)s
on conflict (audience_id) do update set
    campaign_version = excluded.campaign_version,
    user_id = excluded.user_id,
    line_id = excluded.line_id,
    episode_number = excluded.episode_number,
    last_key_date = excluded.last_key_date,
    contact_id = excluded.contact_id,
    channel = excluded.channel,
    arm_code = excluded.arm_code,
    variant_code = excluded.variant_code,
    offer_code = excluded.offer_code,
    expected_cost_amount = excluded.expected_cost_amount,
    state = 'waiting',
    reason_code = null,
    waits_until = null
where
    entries.state = 'waiting'
    or (entries.state = 'suppressed' and entries.reason_code = 'left_audience')
