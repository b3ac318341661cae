-- Entries of earlier days that still wait: whoever is still due stands in the newer audience, under the same key.
update ledger.entries
set state = 'suppressed', reason_code = 'overtaken', waits_until = null
where not is_over and state = 'waiting' and selected_date < %(selected_date)s
