-- Channels whose audiences still have somebody who is erased.
select sends.channel
from ledger.sends as sends
inner join ledger.erasures as erased on sends.user_id = erased.user_id
left join ledger.removals as known on sends.send_id = known.send_id
where
    sends.channel = 'media'
    and sends.state in ('sent', 'unknown')
    and coalesce(known.state, 'waiting') = 'waiting'
group by sends.channel
order by sends.channel
