-- Entries whose peer tells of the message by its key: it has it, whatever a ledger that was restored, or a receipt that
-- waits to be collected, let us think. They are sent, and their receipts can be taken in.
with told as (
    select distinct on (idempotency_key)
        audience_id, campaign_id, step_number, channel, contact_id, last_key_date, selected_date, person_id, user_id,
        line_id, idempotency_key
    from asked
    where
        asked.reason_code is null
        and (
            exists (
                select from ledger.receipts
                where
                    receipts.send_id is null
                    and receipts.channel = asked.channel
                    and receipts.idempotency_key = asked.idempotency_key
            )
            or exists (select from raw.receipts as landed where landed.touch_id = asked.idempotency_key)
        )
    order by idempotency_key asc, audience_id asc
),

sent as (
    insert into ledger.sends (
        audience_id, campaign_id, step_number, channel, contact_id, last_key_date, selected_date, person_id, user_id,
        line_id, idempotency_key, state, settled_at
    )
    select
        audience_id,
        campaign_id,
        step_number,
        channel,
        contact_id,
        last_key_date,
        selected_date,
        person_id,
        user_id,
        line_id,
        idempotency_key,
        'sent',
        clock_timestamp()
    from told
    on conflict (campaign_id, step_number, channel, contact_id, last_key_date) do update set
        audience_id = excluded.audience_id,
        selected_date = excluded.selected_date,
        person_id = excluded.person_id,
        user_id = excluded.user_id,
        line_id = excluded.line_id,
        state = 'sent',
        is_retryable = false,
        reason_code = null,
        settled_at = excluded.settled_at
    where sends.is_retryable
    returning audience_id
),

noted as (
    update ledger.entries as entries
    set state = 'sent', reason_code = null, waits_until = null
    from sent
    where entries.audience_id = sent.audience_id
    returning entries.audience_id
),

passed as (
    update asked
    set reason_code = 'told'
    from noted
    where asked.audience_id = noted.audience_id
)

select audience_id from noted
