-- What is different as soon as anything came in that could forbid a message: a load, a file of a load that is still
-- running, what receipts told (which is a load too), or a kill switch.
select
    (select max(load_id) from control.loads) as load_id,
    (select max(file_id) from control.files) as file_id,
    exists (
        select from ledger.kill_switches as switches
        where switches.is_stopped and switches.channel in ('*', %(channel)s)
    ) as is_stopped
