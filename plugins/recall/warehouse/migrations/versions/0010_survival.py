"""When a model of buyers may be fitted, and what was fitted."""

from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Makes the tables; who may read or write them follows from the schemas' default privileges."""
    op.execute(
        """
        create table definitions.survival_rules (
            model_code text not null check (model_code in ('mbg_nbd', 'bg_nbd')),
            min_buyer_count integer not null check (min_buyer_count >= 2),
            min_history_days integer not null check (min_history_days >= 1),
            max_silent_days integer not null check (max_silent_days >= 1),
            valid_from date primary key
        );
        comment on table definitions.survival_rules is
            'One row per date: which model of buyers is fitted, and what a line needs for it.';

        create table control.survival_fits (
            fitted_date date not null,
            line_id text not null,
            model_code text not null check (model_code in ('mbg_nbd', 'bg_nbd')),
            r double precision not null check (r > 0),
            alpha_days double precision not null check (alpha_days > 0),
            a double precision not null check (a > 0),
            b double precision not null check (b > 0),
            log_likelihood double precision not null,
            primary key (fitted_date, line_id)
        );
        comment on table control.survival_fits is
            'One row per fit and line: parameters of the model of buyers, time in days; no row where none were found.';

        create table control.survival_terms (
            fitted_date date not null,
            line_id text not null,
            repeat_order_count integer not null check (repeat_order_count >= 0),
            term_number integer not null check (term_number >= 0),
            coefficient double precision not null,
            primary key (fitted_date, line_id, repeat_order_count, term_number),
            foreign key (fitted_date, line_id) references control.survival_fits on delete cascade
        );
        comment on table control.survival_terms is
            'One row per fit, line, repeat orders and term: the series by which expected orders are summed.';
        """
    )


def downgrade() -> None:
    """Removes the tables; the next fit would make its rows again."""
    op.execute("drop table definitions.survival_rules, control.survival_terms, control.survival_fits")
