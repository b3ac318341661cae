-- What became of a file that this worker is done with. While another one holds messages of it, it stays open.
update ledger.batches
set state = %(state)s, member_count = %(member_count)s, settled_at = clock_timestamp()
where
    batch_id = %(batch_id)s
    and not exists (select from ledger.sends where sends.batch_id = batches.batch_id and sends.state = 'claimed')
