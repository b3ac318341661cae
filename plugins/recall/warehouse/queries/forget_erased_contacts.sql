-- Erased contacts go, but for those that an advertising audience still has: it can be told only by the contact itself.
delete from pii.contact_points as points
using unnest(%(contact_codes)s::text [], %(contact_values)s::text []) as erased (contact_code, contact_value)
where
    points.contact_code = erased.contact_code
    and lower(points.contact_value) = lower(erased.contact_value)
    and not exists (
        select from ledger.sends as sends
        left join ledger.removals as removals on sends.send_id = removals.send_id
        where
            sends.contact_id = points.contact_id
            and sends.channel = 'media'
            and sends.state in ('claimed', 'sent', 'unknown')
            and coalesce(removals.state, 'waiting') = 'waiting'
    )
