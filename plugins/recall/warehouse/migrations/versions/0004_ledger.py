"""Campaigns, contact points and the ledger: who was drawn into what, and what was sent to whom."""

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

CAMPAIGNS = (
    """
    create table definitions.campaigns (
        campaign_id text not null,
        campaign_version text not null,
        is_current boolean not null,
        description text not null,
        priority integer not null,
        holdout_share numeric not null check (holdout_share >= 0 and holdout_share < 1),
        holdout_hash_end bigint not null check (holdout_hash_end between 0 and 4294967296),
        outcome_window_days integer not null check (outcome_window_days >= 1),
        max_lapse_days integer not null check (max_lapse_days >= 0),
        cool_down_days integer not null check (cool_down_days >= 0),
        default_locale text not null,
        loaded_at timestamptz not null,
        primary key (campaign_id, campaign_version)
    );
    create unique index one_version_of_a_campaign_is_current on definitions.campaigns (campaign_id) where is_current;
    comment on table definitions.campaigns is
        'One row per campaign and frozen version: a version is a digest of the file and its templates.';
    """,
    """
    create table definitions.campaign_targets (
        campaign_id text not null,
        campaign_version text not null,
        target_type text not null check (target_type in ('line', 'layer', 'persona')),
        target_code text not null,
        primary key (campaign_id, campaign_version, target_type, target_code),
        foreign key (campaign_id, campaign_version) references definitions.campaigns
    );
    comment on table definitions.campaign_targets is
        'One row per line, layer or persona that a campaign aims at; a type without rows aims at everyone.';
    """,
    """
    create table definitions.campaign_steps (
        campaign_id text not null,
        campaign_version text not null,
        step_number integer not null,
        due_from_days integer not null check (due_from_days >= 0),
        due_until_days integer not null check (due_until_days > due_from_days),
        primary key (campaign_id, campaign_version, step_number),
        foreign key (campaign_id, campaign_version) references definitions.campaigns
    );
    comment on table definitions.campaign_steps is
        'One row per step: due on days since lapsed_date in [due_from_days, due_until_days).';
    """,
    """
    create table definitions.campaign_arms (
        campaign_id text not null,
        campaign_version text not null,
        arm_code text not null,
        channel text not null,
        offer_code text not null,
        variant_code text not null,
        weight integer not null check (weight >= 0),
        hash_begin bigint not null,
        hash_end bigint not null check (hash_end >= hash_begin),
        primary key (campaign_id, campaign_version, arm_code),
        foreign key (campaign_id, campaign_version) references definitions.campaigns
    );
    comment on table definitions.campaign_arms is
        'One row per arm: drawn by hashes in [hash_begin, hash_end) of 0 to 4294967296.';
    """,
    """
    create table definitions.campaign_templates (
        campaign_id text not null,
        campaign_version text not null,
        arm_code text not null,
        locale text not null,
        template_path text not null,
        template_source text not null,
        primary key (campaign_id, campaign_version, arm_code, locale),
        foreign key (campaign_id, campaign_version, arm_code) references definitions.campaign_arms
    );
    comment on table definitions.campaign_templates is
        'One row per arm and locale: the copy as it was when the version was frozen, which is what is sent.';
    """,
)

CONTACT_POINTS = (
    """
    create table pii.contact_keys (
        key_version integer primary key,
        fingerprint text not null,
        first_used_at timestamptz not null default clock_timestamp()
    );
    comment on table pii.contact_keys is
        'One row per key that came into use for contact hashes, told apart by a hash of it; the keys are not here.';

    create table pii.contact_points (
        contact_id text primary key,
        contact_code text not null check (contact_code in ('phone', 'email', 'wechat_openid', 'postal_address')),
        contact_value text not null,
        contact_hash text not null,
        key_version integer not null references pii.contact_keys,
        created_at timestamptz not null default clock_timestamp(),
        unique (contact_code, contact_hash, key_version)
    );
    comment on table pii.contact_points is
        'One row per phone, e-mail, openid or address: its random stable contact_id; the keyed hash only finds it.';

    create table pii.user_contact_points (
        user_id text not null,
        contact_code text not null,
        contact_id text not null references pii.contact_points,
        primary key (user_id, contact_code)
    );
    create index user_contact_points_contact on pii.user_contact_points (contact_id);
    comment on table pii.user_contact_points is
        'One row per user and kind of contact that the user has as of the last refresh; holds no contact itself.';

    create table pii.person_groups (
        user_id text primary key,
        group_id text not null
    );
    create index person_groups_group on pii.person_groups (group_id);
    comment on table pii.person_groups is
        'One row per user who shares a contact point, directly or through others; group_id is its smallest user_id.';

    create table pii.contact_refreshes (
        refresh_id bigint generated always as identity primary key,
        as_of_date date not null,
        load_id bigint not null,
        user_count bigint not null,
        unusable_count bigint not null,
        refreshed_at timestamptz not null default clock_timestamp()
    );
    comment on table pii.contact_refreshes is
        'One row per refresh of the contact points: how far it saw, users that changed, values that were unusable.';

    -- The loader refreshes the planner's statistics of what it fills, which only an owner may do.
    alter table pii.contact_points owner to recall_loader;
    alter table pii.user_contact_points owner to recall_loader;
    alter table pii.person_groups owner to recall_loader;
    grant select, insert on pii.contact_keys, pii.contact_refreshes to recall_loader;
    grant select on pii.user_contact_points, pii.person_groups to recall_transformer, recall_exporter;
    grant select on pii.contact_points to recall_exporter;
    """,
)

WHAT_AN_EXPORT_MAY_SEE = """
    grant select on raw.consents to recall_exporter;
    grant select (user_id, merged_into, locale) on raw.users to recall_exporter;
"""

LEDGER = (
    """
    create table ledger.persons (
        user_id text primary key,
        person_id text not null,
        first_assigned_at timestamptz not null
    );
    create index persons_person on ledger.persons (person_id);
    comment on table ledger.persons is
        'One row per user who was ever assigned, or shared a contact point with one then: never recomputed.';

    create table ledger.global_holdouts (
        person_id text primary key,
        is_global_holdout boolean not null,
        holdout_rate numeric not null,
        drawn_date date not null
    );
    comment on table ledger.global_holdouts is
        'One row per person who was ever assigned: the global holdout as first drawn, with the rate of that day.';

    create table ledger.assignments (
        campaign_id text not null,
        person_id text not null references ledger.global_holdouts,
        campaign_version text not null,
        arm_code text not null,
        variant_code text not null,
        is_global_holdout boolean not null,
        is_campaign_holdout boolean not null,
        is_held_out boolean not null generated always as (is_global_holdout or is_campaign_holdout) stored,
        assigned_date date not null,
        primary key (campaign_id, person_id),
        unique (campaign_id, person_id, is_held_out),
        check (not (is_global_holdout and is_campaign_holdout)),
        foreign key (campaign_id, campaign_version, arm_code) references definitions.campaign_arms
    );
    comment on table ledger.assignments is
        'One row per campaign and person: the arm drawn at first entry; of the held-out the one they would have had.';

    create view definitions.drawn_arms as
    select distinct campaign_id, campaign_version, arm_code from ledger.assignments;
    comment on view definitions.drawn_arms is
        'One row per arm that has persons: whoever loads a campaign must not change it, and sees no person.';
    """,
    """
    create table ledger.entries (
        audience_id text primary key,
        campaign_id text not null,
        step_number integer not null,
        selected_date date not null,
        person_id text not null,
        campaign_version text not null,
        user_id text not null,
        line_id text not null,
        episode_number integer not null,
        last_key_date date not null,
        contact_id text not null,
        channel text not null,
        arm_code text not null,
        variant_code text not null,
        offer_code text not null,
        is_held_out boolean not null,
        state text not null check (
            state in ('held_out', 'waiting', 'claimed', 'sent', 'failed', 'suppressed', 'unknown')
        ),
        reason_code text,
        registered_at timestamptz not null default clock_timestamp(),
        unique (campaign_id, step_number, selected_date, person_id),
        unique (audience_id, is_held_out),
        check (is_held_out = (state = 'held_out')),
        foreign key (campaign_id, person_id, is_held_out)
            references ledger.assignments (campaign_id, person_id, is_held_out)
    );
    create index entries_of_a_day on ledger.entries (selected_date, channel, state);
    create index entries_of_a_person on ledger.entries (person_id, campaign_id);
    comment on table ledger.entries is
        'One row per audience member that was registered for a step, held out ones included, and what became of it.';

    create table ledger.batches (
        batch_id text primary key,
        channel text not null,
        campaign_id text not null,
        step_number integer not null,
        selected_date date not null,
        member_count integer not null check (member_count >= 0),
        digest text not null,
        state text not null check (state in ('open', 'delivered', 'failed')),
        created_at timestamptz not null default clock_timestamp(),
        settled_at timestamptz
    );
    comment on table ledger.batches is
        'One row per file or vendor call: its members'' digest, so that doing it again gives the same file.';

    create table ledger.sends (
        send_id bigint generated always as identity primary key,
        campaign_id text not null,
        step_number integer not null,
        channel text not null,
        contact_id text not null,
        last_key_date date not null,
        audience_id text not null,
        is_held_out boolean not null default false check (not is_held_out),
        selected_date date not null,
        person_id text not null,
        user_id text not null,
        line_id text not null,
        idempotency_key text not null unique,
        state text not null check (state in ('claimed', 'sent', 'failed', 'suppressed', 'unknown')),
        is_retryable boolean not null default false,
        reason_code text,
        attempt_count integer not null default 0,
        batch_id text references ledger.batches,
        fence bigint not null default 1,
        lease_owner text,
        lease_expires_at timestamptz,
        attempted_at timestamptz,
        claimed_at timestamptz,
        settled_at timestamptz,
        unique (campaign_id, step_number, channel, contact_id, last_key_date),
        check ((state = 'claimed') = (lease_owner is not null)),
        check ((lease_owner is null) = (lease_expires_at is null)),
        check ((state = 'claimed') = (settled_at is null)),
        check (state in ('claimed', 'sent') or reason_code is not null),
        check (not is_retryable or state in ('failed', 'suppressed')),
        foreign key (audience_id, is_held_out) references ledger.entries (audience_id, is_held_out)
    );
    create index sends_of_a_person on ledger.sends (person_id, campaign_id, step_number);
    create index sends_of_a_contact on ledger.sends (contact_id, campaign_id, step_number);
    create index sends_of_a_user on ledger.sends (user_id);
    create index sends_of_an_entry on ledger.sends (audience_id);
    create index sends_under_way on ledger.sends (lease_expires_at) where state = 'claimed';
    comment on table ledger.sends is
        'One row per key, accepted once at most. claimed: a worker holds a lease; unknown: the peer may have it.';
    comment on column ledger.sends.is_held_out is
        'Always false: with the foreign key it makes a send to a held-out member impossible.';
    comment on column ledger.sends.fence is
        'Raised by every claim; a worker that lost its lease no longer matches and can neither send nor settle.';
    comment on column ledger.sends.attempted_at is
        'When this claim was about to be handed to the peer; null as long as the peer cannot have it.';
    """,
    """
    create function ledger.refuse_to_reopen_a_send() returns trigger language plpgsql as $$
    begin
        raise exception 'send % is % and is never sent again', old.send_id, old.state
            using errcode = 'integrity_constraint_violation';
    end
    $$;
    create trigger a_send_is_not_reopened before update on ledger.sends for each row
    when (
        (old.state = 'sent' and new.state <> 'sent')
        or (old.state = 'unknown' and new.state = 'suppressed')
        -- A file is replaced under its own name, so doing it again cannot reach anybody twice.
        or (old.state = 'unknown' and new.state = 'claimed' and old.batch_id is null)
        or (old.state = 'failed' and not old.is_retryable and new.state <> 'failed')
    )
    execute function ledger.refuse_to_reopen_a_send();
    """,
    """
    create function ledger.settle_unknown(unknown_send_id bigint, has_arrived boolean) returns text language sql as $$
        with settled as (
            update ledger.sends
            set
                state = case when has_arrived then 'sent' else 'failed' end,
                is_retryable = not has_arrived,
                reason_code = case when has_arrived then null else 'resend_requested' end,
                settled_at = clock_timestamp()
            where send_id = unknown_send_id and state = 'unknown'
            returning audience_id, state, reason_code
        )

        update ledger.entries
        set state = settled.state, reason_code = settled.reason_code
        from settled
        where entries.audience_id = settled.audience_id
        returning entries.state
    $$;
    comment on function ledger.settle_unknown is
        'A person says what became of an unknown send; one that did not arrive may be sent again. Returns its state.';
    """,
    """
    create table ledger.kill_switches (
        channel text primary key,
        is_stopped boolean not null,
        note text not null default '',
        changed_at timestamptz not null default clock_timestamp()
    );
    comment on table ledger.kill_switches is
        'One row per channel, or * for all: while is_stopped, nothing is claimed and nothing claimed is handed over.';
    """,
)


def upgrade() -> None:
    """Makes the tables; rights on pii are given here, those on definitions and ledger by their schemas."""
    for statement in (*CAMPAIGNS, *CONTACT_POINTS, *LEDGER, WHAT_AN_EXPORT_MAY_SEE):
        op.execute(statement)


def downgrade() -> None:
    """Removes campaigns, contact points and the ledger with all their rows: it cannot be recomputed."""
    op.execute("revoke select on raw.consents from recall_exporter")
    op.execute("revoke select (user_id, merged_into, locale) on raw.users from recall_exporter")
    op.execute("drop view definitions.drawn_arms")
    op.execute(
        "drop table ledger.kill_switches, ledger.sends, ledger.batches, ledger.entries, ledger.assignments,"
        " ledger.global_holdouts, ledger.persons"
    )
    op.execute("drop function ledger.refuse_to_reopen_a_send(), ledger.settle_unknown(bigint, boolean)")
    op.execute("drop table pii.contact_refreshes, pii.person_groups, pii.user_contact_points, pii.contact_points")
    op.execute(
        "drop table definitions.campaign_templates, definitions.campaign_arms, definitions.campaign_steps,"
        " definitions.campaign_targets, definitions.campaigns"
    )
