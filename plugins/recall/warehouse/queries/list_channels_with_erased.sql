-- Channels whose audiences still have somebody who is erased.
select sends.channel
from ledger.erasures as erased
inner join ledger.persons as persons on erased.user_id = persons.user_id
inner join ledger.sends as sends on persons.person_id = sends.person_id and persons.user_id = sends.user_id
left join ledger.removals as known on sends.send_id = known.send_id
where
    sends.channel = 'media'
    and sends.state in ('sent', 'unknown')
    and coalesce(known.state, 'waiting') = 'waiting'
group by sends.channel
order by sends.channel
