-- Sends through which somebody who is erased is still in the channel's audience, not asked for in this run yet.
select
    sends.send_id,
    'erased' as reason_code
from ledger.erasures as erased
inner join ledger.persons as persons on erased.user_id = persons.user_id
inner join ledger.sends as sends on persons.person_id = sends.person_id and persons.user_id = sends.user_id
left join ledger.removals as known on sends.send_id = known.send_id
where
    sends.channel = %(channel)s
    and sends.state in ('sent', 'unknown')
    and (known.send_id is null or (known.state = 'waiting' and known.settled_at < %(run_started_at)s))
order by sends.send_id
limit %(row_limit)s
