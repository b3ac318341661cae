-- Where a claim looks its entries up, so that no list of them travels: what is asked for, with the first reason why it
-- must not be sent. Empty again after each transaction.
create temporary table if not exists asked (
    audience_id text not null,
    campaign_id text not null,
    campaign_version text not null,
    step_number integer not null,
    selected_date date not null,
    channel text not null,
    contact_id text not null,
    person_id text not null,
    user_id text not null,
    line_id text not null,
    last_key_date date not null,
    time_zone text,
    idempotency_key text not null,
    reason_code text
) on commit delete rows
