"""Who said no by a receipt, also of a touch that was made elsewhere or of a name that several messages bear."""

from importlib import import_module

from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

FILES_OF_RECEIPTS = """
    alter table control.files add column is_of_receipts boolean not null default false;
    comment on column control.files.is_of_receipts is
        'Whether its rows are what receipts told of, and no delivery: the source of the table has not spoken by it.';
    update control.files set is_of_receipts = true where starts_with(file_path, 'consents/of_receipts_');
    create index receipts_of_a_key_without_a_send on ledger.receipts (idempotency_key) where send_id is null;
"""

REFUSALS = """
    create function ledger.refusals_told(after_load_id bigint)
    returns table (user_id text, channel text, changed_at timestamptz)
    language sql stable set search_path = pg_catalog, pg_temp as $$
        -- Nobody answers a message before it was sent or after it was told: a peer's clock may be wrong.
        select
            sends.user_id,
            sends.channel,
            least(
                greatest(receipts.occurred_at, coalesce(sends.attempted_at, receipts.occurred_at)),
                receipts.received_at
            ) as changed_at
        from ledger.receipts
        inner join ledger.sends
            on
                receipts.send_id = sends.send_id
                -- Of a name that several messages bear, each of them may be meant, and somebody said no.
                or (
                    receipts.send_id is null
                    and receipts.idempotency_key is null
                    and receipts.channel = sends.channel
                    and receipts.peer_reference = sends.peer_reference
                )
        where receipts.event in ('unsubscribed', 'complained') and not receipts.is_refusal_written
        union
        -- Touches that were made elsewhere; one without a channel may have come through any.
        select
            told.user_id,
            channels.channel,
            least(greatest(told.occurred_at, told.touched_at), told.loaded_at) as changed_at
        from (
            select
                touches.user_id, touches.channel, landed.occurred_at, touches.touched_at, loads.started_at as loaded_at
            from raw.receipts as landed
            inner join raw.touches as touches on landed.touch_id = touches.touch_id
            inner join control.loads as loads on landed._load_id = loads.load_id
            where landed.event in ('unsubscribed', 'complained') and landed._load_id > after_load_id
            union
            select
                touches.user_id, touches.channel, landed.occurred_at, touches.touched_at, loads.started_at as loaded_at
            from raw.touches as touches
            inner join raw.receipts as landed on touches.touch_id = landed.touch_id
            inner join control.loads as loads on landed._load_id = loads.load_id
            where landed.event in ('unsubscribed', 'complained') and touches._load_id > after_load_id
        ) as told
        inner join (select distinct listed.channel from definitions.channels as listed) as channels
            on told.channel is null or told.channel = channels.channel
        where told.user_id is not null
    $$;
    comment on function ledger.refusals_told is
        'Each no that a receipt tells and that is not written yet: of sends, and of touches made elsewhere of which the'
        ' receipt or the touch came with a load after the given one; null for none of these.';
    revoke execute on function ledger.refusals_told from public;

    create function ledger.write_refusals(after_load_id bigint) returns bigint
    language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
    declare
        new_load_id bigint;
        new_file_id bigint;
        new_count bigint;
    begin
        if not exists (select from ledger.refusals_told(after_load_id)) then
            return 0;
        end if;
        -- The lock of a load: two that write one key at once would both think that theirs is the only one.
        perform pg_advisory_xact_lock(5928218432235110401);
        insert into control.loads (state, finished_at) values ('done', clock_timestamp())
        returning load_id into new_load_id;
        insert into control.files (
            file_path, table_name, digest, byte_count, state, load_id, heard_date, is_of_receipts
        )
        values (
            format('consents/of_receipts_%s', new_load_id), 'consents', '', 0, 'loaded', new_load_id,
            cast(clock_timestamp() at time zone 'UTC' as date), true
        )
        returning file_id into new_file_id;

        -- A yes of the same instant would keep the no out.
        with placed as (
            select distinct
                refusals.user_id,
                refusals.channel,
                refusals.changed_at + case when said.user_id is null then interval '0' else interval '1 microsecond' end
                    as changed_at
            from ledger.refusals_told(after_load_id) as refusals
            left join raw.consents as said
                on
                    refusals.user_id = said.user_id
                    and refusals.channel = said.channel
                    and refusals.changed_at = said.changed_at
                    and said.is_opted_in
        )

        insert into raw.consents (
            user_id, channel, is_opted_in, changed_at, _row_hash, _file_id, _record_number, _load_id
        )
        select
            user_id,
            channel,
            false,
            changed_at,
            cast(md5(concat_ws('|', user_id, channel, 'false', changed_at)) as uuid),
            new_file_id,
            row_number() over (order by user_id, channel, changed_at),
            new_load_id
        from placed
        on conflict (user_id, channel, changed_at) do nothing;
        get diagnostics new_count = row_count;

        update control.files set row_count = new_count, loaded_count = new_count where file_id = new_file_id;
        delete from control.files where file_id = new_file_id and new_count = 0;
        update ledger.receipts set is_refusal_written = true
        where
            event in ('unsubscribed', 'complained')
            and not is_refusal_written
            and (
                send_id is not null
                or (
                    idempotency_key is null
                    and exists (
                        select from ledger.sends
                        where sends.channel = receipts.channel and sends.peer_reference = receipts.peer_reference
                    )
                )
            );
        return new_count;
    end
    $$;
    comment on function ledger.write_refusals is
        'Writes each no that receipts tell into raw.consents, as ledger.refusals_told finds them. Returns how many.';
    revoke execute on function ledger.write_refusals from public;
    grant execute on function ledger.write_refusals to recall_exporter;
"""


def upgrade() -> None:
    """Writes by another rule from now on, and at once what the old one had left out."""
    op.execute(FILES_OF_RECEIPTS)
    op.execute("drop function ledger.write_refusals()")
    op.execute(REFUSALS)
    op.execute("select ledger.write_refusals(0)")


def downgrade() -> None:
    """Goes back to the rule before; consents that were written stay."""
    op.execute("drop function ledger.write_refusals(bigint), ledger.refusals_told(bigint)")
    op.execute(import_module("recall.warehouse.migrations.versions.0013_receipts").WRITE_REFUSALS)
    op.execute("drop index ledger.receipts_of_a_key_without_a_send")
    op.execute("alter table control.files drop column is_of_receipts")
