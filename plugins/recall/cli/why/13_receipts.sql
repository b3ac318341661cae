-- needs ledger.receipts
select
    sends.send_id,
    receipts.channel,
    receipts.event,
    receipts.occurred_at,
    receipts.received_at
from ledger.sends
inner join ledger.receipts on sends.send_id = receipts.send_id
where sends.person_id = (select persons.person_id from ledger.persons where persons.user_id = %(user_id)s)
order by receipts.occurred_at desc, receipts.receipt_id
limit 20
