-- Messages that may have reached a peer which still recognises their keys: they are claimed to be said once more.
update ledger.sends as sends
set
    state = 'claimed',
    reason_code = null,
    fence = sends.fence + 1,
    lease_owner = %(owner)s,
    lease_expires_at = clock_timestamp() + %(lease)s,
    claimed_at = clock_timestamp(),
    settled_at = null
where
    sends.send_id in (
        select candidates.send_id
        from ledger.entries as entries
        inner join ledger.sends as candidates on entries.audience_id = candidates.audience_id
        where
            entries.channel = %(channel)s
            and entries.is_unclear
            and candidates.state = 'unknown'
            and candidates.batch_id is null
            -- Not one whose key is forgotten while the call is under way.
            and candidates.repeatable_until > clock_timestamp() + %(lease)s
            and candidates.settled_at < %(run_started_at)s
        order by candidates.send_id
        limit %(row_limit)s
        for update of candidates skip locked
    )
returning sends.audience_id, sends.send_id, sends.fence
