"""A send costs less: fewer indexes to keep, and held-out members are refused for a whole statement at once."""

from alembic import op

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None

# The day is written by a mask: a session with another DateStyle must not make another key of the same send.
IDEMPOTENCY_KEY = """
    create function ledger.idempotency_key(
        campaign_id text, step_number integer, channel text, contact_id text, last_key_date date
    ) returns text language sql stable parallel safe as $$
        select left(
            encode(
                sha256(
                    convert_to(
                        concat_ws(
                            '|',
                            campaign_id,
                            step_number,
                            channel,
                            contact_id,
                            to_char(last_key_date::timestamp, 'YYYY-MM-DD')
                        ),
                        'UTF8'
                    )
                ),
                'hex'
            ),
            32
        )
    $$;
    comment on function ledger.idempotency_key is
        'Names a send to its peer: the first 128 bits of SHA-256 of its key, in hexadecimal.';
"""

# A foreign key that is enforced row by row takes as long as two indexes. The declaration stays: a restore fills entries
# first, and whoever reads the schema finds the way.
HOLDOUT = """
    alter table ledger.sends drop constraint sends_audience_id_is_held_out_fkey, drop constraint sends_batch_id_fkey;
    alter table ledger.coupons drop constraint coupons_audience_id_is_held_out_fkey;
    alter table ledger.entries drop constraint entries_audience_id_is_held_out_key;
    alter table ledger.sends
        add constraint sends_of_entries foreign key (audience_id) references ledger.entries not enforced,
        add constraint sends_of_batches foreign key (batch_id) references ledger.batches not enforced;
    alter table ledger.coupons
        add constraint coupons_of_entries foreign key (audience_id) references ledger.entries not enforced;

    create function ledger.refuse_held_out() returns trigger language plpgsql as $$
    declare
        is_refused boolean;
    begin
        if tg_level = 'ROW' then
            is_refused := not exists (
                select from ledger.entries where audience_id = new.audience_id and not is_held_out
            );
        else
            select exists (
                select from added
                left join ledger.entries on added.audience_id = entries.audience_id
                where entries.is_held_out is distinct from false
            ) into is_refused;
        end if;
        if is_refused then
            raise exception '% of a member that is held out or not registered', tg_table_name
                using errcode = 'foreign_key_violation';
        end if;
        return null;
    end
    $$;
    comment on function ledger.refuse_held_out is
        'Refuses rows whose entry is held out or missing: those that a statement adds, or one that changes its entry.';
    create trigger held_out_members_are_refused after insert on ledger.sends
        referencing new table as added for each statement execute function ledger.refuse_held_out();
    create trigger held_out_members_are_refused_later after update of audience_id on ledger.sends
        for each row when (old.audience_id <> new.audience_id) execute function ledger.refuse_held_out();
    create trigger held_out_members_are_refused after insert on ledger.coupons
        referencing new table as added for each statement execute function ledger.refuse_held_out();
    create trigger held_out_members_are_refused_later after update of audience_id on ledger.coupons
        for each row when (old.audience_id <> new.audience_id) execute function ledger.refuse_held_out();

    create function ledger.refuse_to_redraw() returns trigger language plpgsql as $$
    begin
        raise exception 'entry % keeps its draw and stays', old.audience_id
            using errcode = 'integrity_constraint_violation';
    end
    $$;
    create trigger an_entry_keeps_its_draw after update of is_held_out, audience_id on ledger.entries for each row
        when (old.is_held_out <> new.is_held_out or old.audience_id <> new.audience_id)
        execute function ledger.refuse_to_redraw();
    create trigger an_entry_stays before delete on ledger.entries for each row
        execute function ledger.refuse_to_redraw();
    comment on column ledger.sends.is_held_out is
        'Always false: with ledger.refuse_held_out it makes a send to a held-out member impossible.';
    comment on column ledger.coupons.is_held_out is
        'Always false: with ledger.refuse_held_out it makes a coupon of a held-out member impossible.';
"""

INDEXES = """
    alter table ledger.sends
        drop constraint sends_campaign_id_step_number_channel_contact_id_last_key_d_key,
        add constraint one_send_per_key unique (contact_id, campaign_id, step_number, channel, last_key_date);
    drop index ledger.sends_of_a_contact, ledger.sends_of_a_user;
    alter table ledger.entries
        drop constraint entries_campaign_id_step_number_selected_date_person_id_key,
        add constraint one_entry_per_step_and_day unique (person_id, campaign_id, step_number, selected_date);
    drop index ledger.entries_of_a_person, ledger.entries_of_a_day;
    create index entries_of_a_day on ledger.entries (selected_date, channel);
"""


def upgrade() -> None:
    """Changes no row: keys are what they were."""
    for statement in (IDEMPOTENCY_KEY, HOLDOUT, INDEXES):
        op.execute(statement)


def downgrade() -> None:
    """Brings the indexes and the foreign keys back."""
    op.execute(
        """
        drop index ledger.entries_of_a_day;
        create index entries_of_a_day on ledger.entries (selected_date, channel, state);
        create index entries_of_a_person on ledger.entries (person_id, campaign_id);
        alter table ledger.entries
            drop constraint one_entry_per_step_and_day,
            add unique (campaign_id, step_number, selected_date, person_id),
            add unique (audience_id, is_held_out);
        create index sends_of_a_user on ledger.sends (user_id);
        create index sends_of_a_contact on ledger.sends (contact_id, campaign_id, step_number);
        alter table ledger.sends
            drop constraint one_send_per_key,
            add unique (campaign_id, step_number, channel, contact_id, last_key_date);
        drop trigger an_entry_stays on ledger.entries;
        drop trigger an_entry_keeps_its_draw on ledger.entries;
        drop trigger held_out_members_are_refused on ledger.sends;
        drop trigger held_out_members_are_refused_later on ledger.sends;
        drop trigger held_out_members_are_refused on ledger.coupons;
        drop trigger held_out_members_are_refused_later on ledger.coupons;
        drop function ledger.refuse_to_redraw(), ledger.refuse_held_out();
        alter table ledger.coupons
            drop constraint coupons_of_entries,
            add foreign key (audience_id, is_held_out) references ledger.entries (audience_id, is_held_out);
        alter table ledger.sends
            drop constraint sends_of_entries,
            drop constraint sends_of_batches,
            add foreign key (audience_id, is_held_out) references ledger.entries (audience_id, is_held_out),
            add foreign key (batch_id) references ledger.batches;
        drop function ledger.idempotency_key(text, integer, text, text, date);
        """
    )
