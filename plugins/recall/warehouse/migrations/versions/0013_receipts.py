"""What peers tell of messages, and the consents that follow from it."""

from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

RECEIPTS = """
    create table ledger.receipts (
        channel text not null,
        receipt_id text not null,
        event text not null check (
            event in (
                'accepted', 'delivered', 'opened', 'clicked', 'answered', 'unsubscribed', 'bounced', 'complained',
                'failed'
            )
        ),
        occurred_at timestamptz not null,
        idempotency_key text,
        peer_reference text,
        send_id bigint references ledger.sends,
        is_refusal_written boolean not null default false,
        received_at timestamptz not null default clock_timestamp(),
        primary key (channel, receipt_id),
        check (idempotency_key is not null or peer_reference is not null),
        check (not is_refusal_written or event in ('unsubscribed', 'complained'))
    );
    create index receipts_of_a_send on ledger.receipts (send_id) where send_id is not null;
    create index receipts_without_a_send on ledger.receipts (channel) where send_id is null;
    create index refusals_to_be_written on ledger.receipts (send_id)
        where event in ('unsubscribed', 'complained') and not is_refusal_written;
    comment on table ledger.receipts is
        'One row per thing that happened to a message of ours, as its peer tells, however often it is told.';
    comment on column ledger.receipts.receipt_id is 'The peer''s name of the event: the same whenever it is told.';
    comment on column ledger.receipts.occurred_at is 'When it happened, by the peer''s clock.';
    comment on column ledger.receipts.idempotency_key is 'The send''s key, where the peer passes it on.';
    comment on column ledger.receipts.peer_reference is 'The peer''s own name of the message, where it does not.';
    comment on column ledger.receipts.send_id is 'The send; null as long as the ledger knows none of that name.';
    comment on column ledger.receipts.is_refusal_written is
        'Whether raw.consents has the no that an unsubscription or a complaint is.';
    comment on column ledger.receipts.received_at is 'When it was first told to us.';

    create table ledger.receipt_collections (
        collection_id bigint generated always as identity primary key,
        source_code text not null,
        load_id bigint,
        told_count bigint not null,
        new_count bigint not null,
        settled_count bigint not null,
        refusal_count bigint not null,
        collected_at timestamptz not null default clock_timestamp()
    );
    create index receipt_collections_source on ledger.receipt_collections (source_code, collection_id);
    comment on table ledger.receipt_collections is
        'One row per collection that brought something: a channel''s, or landing for delivered files.';
    comment on column ledger.receipt_collections.load_id is 'Of landing: the last load that was looked at.';
"""

# Whoever unsubscribes must not be written to by an export that is under way, so the no is written in the transaction of
# its receipt. It stands in raw.consents like any other: models, gates and claims read no other place.
WRITE_REFUSALS = """
    create function ledger.write_refusals() returns bigint
    language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
    declare
        new_load_id bigint;
        new_file_id bigint;
        new_count bigint;
    begin
        if not exists (
            select from ledger.receipts
            where event in ('unsubscribed', 'complained') and not is_refusal_written and send_id is not null
        ) then
            return 0;
        end if;
        -- The lock of a load: two that write one key at once would both think that theirs is the only one.
        perform pg_advisory_xact_lock(5928218432235110401);
        insert into control.loads (state, finished_at) values ('done', clock_timestamp())
        returning load_id into new_load_id;
        insert into control.files (file_path, table_name, digest, byte_count, state, load_id, heard_date)
        values (
            format('consents/of_receipts_%s', new_load_id), 'consents', '', 0, 'loaded', new_load_id,
            cast(clock_timestamp() at time zone 'UTC' as date)
        )
        returning file_id into new_file_id;

        with refusals as (
            select distinct
                sends.user_id,
                sends.channel,
                -- Nobody answers a message before it was sent or after it was told: a peer's clock may be wrong.
                least(
                    greatest(receipts.occurred_at, coalesce(sends.attempted_at, receipts.occurred_at)),
                    receipts.received_at
                ) as changed_at
            from ledger.receipts
            inner join ledger.sends on receipts.send_id = sends.send_id
            where receipts.event in ('unsubscribed', 'complained') and not receipts.is_refusal_written
        ),

        -- A yes of the same instant would keep the no out.
        placed as (
            select distinct
                refusals.user_id,
                refusals.channel,
                refusals.changed_at + case when said.user_id is null then interval '0' else interval '1 microsecond' end
                    as changed_at
            from refusals
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
        -- An empty file would say that the source of consents had spoken.
        delete from control.files where file_id = new_file_id and new_count = 0;
        update ledger.receipts set is_refusal_written = true
        where event in ('unsubscribed', 'complained') and not is_refusal_written and send_id is not null;
        return new_count;
    end
    $$;
    comment on function ledger.write_refusals is
        'Writes the no of every unsubscription and complaint whose send is known into raw.consents. Returns how many.';
    revoke execute on function ledger.write_refusals from public;
    grant execute on function ledger.write_refusals to recall_exporter;
"""


def upgrade() -> None:
    """Makes tables and function; rights on the tables follow from the schema's default privileges."""
    op.execute(RECEIPTS)
    op.execute(WRITE_REFUSALS)
    op.execute("grant select on raw.receipts to recall_exporter")


def downgrade() -> None:
    """Removes them; consents that were written stay."""
    op.execute("revoke select on raw.receipts from recall_exporter")
    op.execute("drop function ledger.write_refusals()")
    op.execute("drop table ledger.receipt_collections, ledger.receipts")
