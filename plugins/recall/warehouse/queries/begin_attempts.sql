-- Says that these messages are about to be handed over, if this worker still holds them and nobody pulled the switch.
update ledger.sends as sends
set
    attempt_count = sends.attempt_count + 1,
    attempted_at = clock_timestamp(),
    -- The peer counts from the first time that it saw the key.
    repeatable_until = coalesce(
        sends.repeatable_until, clock_timestamp() + nullif(%(remembers_keys_for)s::interval, interval '0')
    ),
    lease_expires_at = clock_timestamp() + %(lease)s
from unnest(%(send_ids)s::bigint [], %(fences)s::bigint []) as held (send_id, fence)
where
    sends.send_id = held.send_id
    and sends.fence = held.fence
    and sends.state = 'claimed'
    and sends.lease_owner = %(owner)s
    and sends.lease_expires_at > clock_timestamp()
    and not exists (
        select from ledger.kill_switches as switches
        where switches.is_stopped and switches.channel in ('*', sends.channel)
    )
returning sends.send_id
