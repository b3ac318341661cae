"""What an arm may choose among, what a campaign may cost, how often a person may be written to."""

from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

UPGRADE = (
    """
    alter table definitions.campaign_targets
        drop constraint campaign_targets_target_type_check,
        add constraint campaign_targets_target_type_check
            check (target_type in ('line', 'layer', 'persona', 'reason'));
    comment on table definitions.campaign_targets is
        'One row per line, layer, persona or reason that a campaign aims at; a type without rows aims at everyone.';
    """,
    """
    alter table definitions.campaigns
        add column night_budget_amount numeric check (night_budget_amount > 0),
        add column total_budget_amount numeric check (total_budget_amount > 0),
        add column recall_regardless boolean not null default false;
    comment on column definitions.campaigns.night_budget_amount is
        'Expected cost of what one night may select, in the workspace''s currency; null for no limit.';
    comment on column definitions.campaigns.total_budget_amount is
        'Expected cost of all that the campaign may select and send, in the workspace''s currency; null for no limit.';
    comment on column definitions.campaigns.recall_regardless is
        'Whether it recalls also where doing nothing is expected to bring more.';
    """,
    """
    create table definitions.campaign_choices (
        campaign_id text not null,
        campaign_version text not null,
        arm_code text not null,
        choice_number integer not null check (choice_number >= 1),
        action_number integer not null check (action_number between 1 and choice_number),
        channel text not null,
        offer_code text not null,
        variant_code text not null,
        primary key (campaign_id, campaign_version, arm_code, choice_number),
        unique (campaign_id, campaign_version, arm_code, channel, offer_code, variant_code),
        foreign key (campaign_id, campaign_version, arm_code) references definitions.campaign_arms
    );
    comment on table definitions.campaign_choices is
        'One row per treatment that an arm may take for a person: one of a fixed arm, several where something is best.';
    comment on column definitions.campaign_choices.action_number is
        'The first choice_number with the same offer and channel: choices of one action differ in the copy alone.';
    insert into definitions.campaign_choices
    select campaign_id, campaign_version, arm_code, 1, 1, channel, offer_code, variant_code
    from definitions.campaign_arms;
    comment on table definitions.campaign_arms is
        'One row per arm: drawn by hashes in [hash_begin, hash_end) of 0 to 4294967296; best is told by its choices.';
    """,
    """
    alter table definitions.campaign_templates
        add column choice_number integer not null default 1,
        drop constraint campaign_templates_pkey,
        add primary key (campaign_id, campaign_version, arm_code, choice_number, locale),
        add foreign key (campaign_id, campaign_version, arm_code, choice_number)
            references definitions.campaign_choices;
    comment on table definitions.campaign_templates is
        'One row per choice of an arm and locale: the copy as it was when the version was frozen, and as it is sent.';
    """,
    """
    create table definitions.campaign_caps (
        campaign_id text not null,
        campaign_version text not null,
        channel text,
        window_days integer not null check (window_days >= 1),
        max_count integer not null check (max_count >= 1),
        unique nulls not distinct (campaign_id, campaign_version, channel, window_days),
        foreign key (campaign_id, campaign_version) references definitions.campaigns
    );
    comment on table definitions.campaign_caps is
        'One row per cap of a campaign, as in contact_caps: messages of all campaigns count.';

    create table definitions.contact_caps (
        channel text,
        window_days integer not null check (window_days >= 1),
        max_count integer not null check (max_count >= 1),
        valid_from date not null,
        unique nulls not distinct (valid_from, channel, window_days)
    );
    comment on table definitions.contact_caps is
        'One row per date, channel (null: all together) and window: how many messages a person may get within it.';
    """,
    """
    alter table ledger.entries add column expected_cost_amount numeric check (expected_cost_amount >= 0);
    comment on column ledger.entries.expected_cost_amount is
        'What the message and its reward were expected to cost when it was selected, in the workspace''s currency.';
    """,
)


def upgrade() -> None:
    """Makes the tables; arms of versions that were frozen before are their only choice."""
    for statement in UPGRADE:
        op.execute(statement)


def downgrade() -> None:
    """Removes them with their rows; versions with arms of several choices must not be there."""
    op.execute("alter table ledger.entries drop column expected_cost_amount")
    op.execute(
        "alter table definitions.campaign_targets drop constraint campaign_targets_target_type_check,"
        " add constraint campaign_targets_target_type_check check (target_type in ('line', 'layer', 'persona'))"
    )
    op.execute("drop table definitions.contact_caps, definitions.campaign_caps")
    op.execute(
        "alter table definitions.campaign_templates"
        " drop constraint campaign_templates_pkey, drop column choice_number cascade,"
        " add primary key (campaign_id, campaign_version, arm_code, locale)"
    )
    op.execute("drop table definitions.campaign_choices")
    op.execute(
        "alter table definitions.campaigns"
        " drop column night_budget_amount, drop column total_budget_amount, drop column recall_regardless"
    )
