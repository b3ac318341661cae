"""What can be offered to a lapsed customer, what it is expected to bring, and how worth is judged."""

from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Makes the tables; who may read or replace them follows from the schema's default privileges."""
    op.execute(
        """
        create table definitions.offers (
            offer_code text not null,
            offer_name text not null,
            ladder_rank integer check (ladder_rank >= 1),
            is_reward boolean not null,
            min_layer_score numeric not null check (min_layer_score between 0 and 1),
            threshold_amount numeric check (threshold_amount > 0),
            reward_amount numeric not null check (reward_amount >= 0),
            reward_cost_amount numeric not null check (reward_cost_amount >= 0),
            contact_cost_amount numeric not null check (contact_cost_amount >= 0),
            valid_from date not null,
            primary key (valid_from, offer_code, min_layer_score)
        );
        comment on table definitions.offers is
            'One row per date, offer and layer score from which its amounts hold; empty ladder_rank: only for reasons.';

        create table definitions.reason_offers (
            reason_code text not null,
            offer_code text not null,
            valid_from date not null,
            primary key (valid_from, reason_code, offer_code)
        );
        comment on table definitions.reason_offers is
            'One row per date, churn reason and offer: where a reason is listed, its offers replace the ladder.';

        create table definitions.action_priors (
            offer_code text not null,
            channel text not null,
            layer_code text,
            prior_lift numeric not null check (prior_lift between -1 and 1),
            valid_from date not null,
            unique nulls not distinct (valid_from, offer_code, channel, layer_code)
        );
        comment on table definitions.action_priors is
            'One row per date, offer, channel and layer (null: every other one): the lift expected before measuring.';

        create table definitions.worth_rules (
            prior_weight numeric not null check (prior_weight > 0),
            min_control_count integer not null check (min_control_count >= 1),
            min_gap_count integer not null check (min_gap_count >= 1),
            gaming_returns integer not null check (gaming_returns >= 1),
            valid_from date primary key
        );
        comment on table definitions.worth_rules is 'One row per date: how much data each part of worth asks for.';
        """
    )


def downgrade() -> None:
    """Removes the tables with their rows; the workspace's files remain the source."""
    op.execute(
        "drop table definitions.worth_rules, definitions.action_priors, definitions.reason_offers, definitions.offers"
    )
