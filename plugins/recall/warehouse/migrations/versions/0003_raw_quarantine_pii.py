"""The tables that landing files are loaded into, what was set aside, and the ledger of files.

The tables of inputs follow from `recall.domain.tables`. A later migration that adds a column to a table there must
therefore say `add column if not exists`: on a new warehouse the column already stands here.
"""

from __future__ import annotations

from collections.abc import Iterator

from alembic import op

from recall.domain.tables import TABLES, Table

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

CONTROL_TABLES = """
    create table control.files (
        file_id bigint generated always as identity primary key,
        file_path text not null,
        table_name text not null,
        digest text not null,
        byte_count bigint not null,
        state text not null check (state in ('loaded', 'rejected', 'accepted', 'replaced')),
        load_id bigint not null references control.loads,
        row_count bigint not null default 0,
        loaded_count bigint not null default 0,
        quarantined_count bigint not null default 0,
        repeated_count bigint not null default 0,
        superseded_count bigint not null default 0,
        heard_date date,
        extra_columns text[] not null default '{}',
        error text,
        accepted_by text,
        accepted_at timestamptz,
        constraint rows_are_conserved check (
            state <> 'loaded'
            or row_count = loaded_count + quarantined_count + repeated_count + superseded_count
        )
    );
    create unique index one_loaded_content_per_path on control.files (file_path) where state = 'loaded';
    create unique index one_refused_content_per_path on control.files (file_path)
        where state in ('rejected', 'accepted');
    create index files_table on control.files (table_name, state);
    comment on table control.files is
        'One row per content that was ever found under a path of the landing folder, and where its rows are now.';
    comment on column control.files.file_path is 'Path below the landing folder, with forward slashes.';
    comment on column control.files.digest is 'SHA-256 of the file''s bytes, in hexadecimal.';
    comment on column control.files.state is
        'loaded: its rows count; rejected: blocks build and export; accepted: a person said to go on without it;'
        ' replaced: other content came under the path.';
    comment on column control.files.row_count is 'Records of the file.';
    comment on column control.files.loaded_count is 'Records that stand in the table.';
    comment on column control.files.quarantined_count is 'Records that were set aside in quarantine.rows.';
    comment on column control.files.repeated_count is 'Records equal to the row of their key that stands in the table.';
    comment on column control.files.superseded_count is 'Records of whose key another version stands in the table.';
    comment on column control.files.heard_date is
        'Business date that a file without dated rows speaks for: the date in its name, else that of its load.';
    comment on column control.files.error is 'Why the file was rejected.';

    -- Millions of rows come at once and the loader writes both sides, so a foreign key would only cost.
    create table control.repeated_rows (
        row_hash uuid not null,
        file_id bigint not null,
        record_number bigint not null,
        primary key (row_hash, file_id, record_number)
    );
    create index repeated_rows_file on control.repeated_rows (file_id);
    comment on table control.repeated_rows is
        'One row per record that equals the row of its key that stands in the table: it still counts as a place'
        ' of that content when the last place of equal versions decides, and takes over when its twin goes away.';

    create table control.row_changes (
        load_id bigint not null references control.loads,
        table_name text not null,
        user_id text,
        order_id text,
        product_id text,
        happened_at timestamptz
    );
    create index row_changes_load on control.row_changes using brin (load_id);
    comment on table control.row_changes is
        'One row per old or losing version that a load removed, replaced or filed away, with that version''s values:'
        ' whoever they name must be built again, although no current row of theirs is new.';
    comment on column control.row_changes.happened_at is 'When that version said it happened; null where undated.';

    create table control.accepted_silences (
        table_name text primary key,
        last_file_id bigint,
        accepted_by text not null,
        accepted_at timestamptz not null default clock_timestamp()
    );
    comment on table control.accepted_silences is
        'One row per source whose silence since its last file a person knows of; ends when another file comes.';
"""

QUARANTINE_TABLES = """
    create table quarantine.rows (
        replay_id uuid primary key,
        table_name text not null,
        file_id bigint not null references control.files,
        file_path text not null,
        record_number bigint not null,
        line_number bigint,
        byte_offset bigint,
        rule_code text not null,
        column_name text,
        raw_line text,
        load_id bigint not null references control.loads
    );
    create index rows_file on quarantine.rows (file_id);
    comment on table quarantine.rows is 'One row per record that was set aside, with the first rule that it broke.';
    comment on column quarantine.rows.replay_id is 'Names the record for a replay; the same for the same content.';
    comment on column quarantine.rows.record_number is 'Number of the record in its file, the first being 1.';
    comment on column quarantine.rows.line_number is 'Line where the record begins, the header''s being 1; CSV only.';
    comment on column quarantine.rows.byte_offset is 'Byte where the record begins, after decompression; CSV only.';
    comment on column quarantine.rows.raw_line is
        'The record as delivered, at most 100,000 characters (Parquet: as JSON). Null for tables with personal data:'
        ' those lines are in pii.quarantined_lines.';

    create table pii.quarantined_lines (
        replay_id uuid primary key references quarantine.rows on delete cascade,
        raw_line text not null
    );
    comment on table pii.quarantined_lines is 'One row per record set aside whose line may hold personal data.';
    grant select, insert, update, delete on pii.quarantined_lines to recall_loader;
"""

META_COMMENTS = {
    "_row_hash": "Hash of the row''s content; equal content has an equal hash in every file.",
    "_file_id": "The file that the row stands for, in control.files.",
    "_record_number": "Number of the record in that file, the first being 1.",
    "_load_id": "The load that brought this content.",
    "_extra": "Columns of the file that the table does not know, by name.",
}


def _create(table: Table, suffix: str = "") -> Iterator[str]:
    """The statements for a table of current rows, or with a suffix for the versions that lost."""
    name = f"{table.schema}.{table.name}{suffix}"
    lines = [
        f"{column.name} {column.kind.sql_type}{' not null' if column.is_required else ''}"
        for column in table.stored_columns
    ]
    lines += [
        "_row_hash uuid not null",
        "_file_id bigint not null",
        "_record_number bigint not null",
        "_load_id bigint not null",
        "_extra jsonb",
    ]
    key = ", ".join(table.key)
    lines.append("primary key (_file_id, _record_number)" if suffix else f"primary key ({key})")
    yield f"create table {name} ({', '.join(lines)})"
    about = "Versions that lost against the row of their key in the table without _versions. " if suffix else ""
    yield f"comment on table {name} is '{about}{_quoted(table.description)}'"
    for column in table.stored_columns:
        yield f"comment on column {name}.{column.name} is '{_quoted(column.description)}'"
    for column_name, text in META_COMMENTS.items():
        yield f"comment on column {name}.{column_name} is '{text}'"
    if suffix:
        yield f"create index {table.name}{suffix}_key on {name} ({key})"
        yield f"create index {table.name}{suffix}_load on {name} using brin (_load_id)"
        if table.has("user_id") and table.key[0] != "user_id":
            yield f"create index {table.name}{suffix}_user_id on {name} (user_id)"
    else:
        for columns in table.indexes:
            yield f"create index {table.name}_{'_'.join(columns)} on {name} ({', '.join(columns)})"
        yield f"create index {table.name}_load on {name} using brin (_load_id, _file_id) with (autosummarize = on)"
    if table.event_column:
        yield (
            f"create index {table.name}{suffix}_event on {name} using brin ({table.event_column})"
            " with (autosummarize = on)"
        )
    # A row that was loaded ahead of its night comes into sight by its updated_at, which no load tells.
    yield f"create index {table.name}{suffix}_updated on {name} using brin (updated_at) with (autosummarize = on)"
    # A first load builds the indexes after the rows, which only a table's owner may do.
    yield f"alter table {name} owner to recall_loader"


def _quoted(text: str) -> str:
    return text.replace("'", "''")


def _texts(table: Table) -> Iterator[str]:
    """The table in pii of a personal column."""
    column = table.personal_column
    if column is None:
        return
    name = f"pii.{table.name}_{column.name}s"
    yield (
        f"create table {name} (_row_hash uuid primary key, {table.key[0]} text not null, user_id text not null,"
        f" {column.name} text not null)"
    )
    yield f"create index {table.name}_{column.name}s_user on {name} (user_id)"
    yield f"comment on table {name} is 'One row per content of {table.name} that has words, by its hash.'"
    yield f"alter table {name} owner to recall_loader"


def _orphans() -> str:
    """The view of rows whose parent has not arrived yet."""
    parts = []
    for table in TABLES:
        row_key = ", ".join(f"'{column}', child.{column}" for column in table.key)
        for parent in table.parents:
            delivered = (
                "exists (select from control.files where files.table_name = 'users' and files.state = 'loaded')"
                if parent.only_if_delivered
                else "true"
            )
            parts.append(
                f"select '{table.name}' as table_name, jsonb_build_object({row_key}) as row_key,"
                f" '{parent.table}' as parent_table, child.{parent.column} as parent_id, child._load_id as load_id"
                f" from {table.schema}.{table.name} as child"
                f" where child.{parent.column} is not null and {delivered}"
                f" and not exists (select from raw.{parent.table} as parent"
                f" where parent.{parent.column} = child.{parent.column})"
            )
    return "create view quarantine.waiting_orphans as " + " union all ".join(parts)


def upgrade() -> None:
    """Makes the tables, as owned by the role that loads them."""
    # To hand a table to the loader one must be its member, and it must be allowed to build indexes there.
    op.execute("grant recall_loader to current_user")
    op.execute("grant create on schema raw, pii to recall_loader")
    op.execute(CONTROL_TABLES)
    op.execute(QUARANTINE_TABLES)
    for table in TABLES:
        for suffix in ("", "_versions"):
            for statement in _create(table, suffix):
                op.execute(statement)
        for statement in _texts(table):
            op.execute(statement)
    op.execute("grant select on pii.contacts to recall_exporter")
    op.execute(_orphans())
    op.execute(
        "comment on view quarantine.waiting_orphans is"
        " 'One row per loaded row whose user or order has not arrived yet; it leaves when the parent comes.'"
    )


def downgrade() -> None:
    """Removes the tables with their rows; the landing files remain the source."""
    op.execute("drop view quarantine.waiting_orphans")
    for table in TABLES:
        for suffix in ("_versions", ""):
            op.execute(f"drop table {table.schema}.{table.name}{suffix}")
        if table.personal_column is not None:
            op.execute(f"drop table pii.{table.name}_{table.personal_column.name}s")
    op.execute("drop table pii.quarantined_lines, quarantine.rows")
    op.execute("drop table control.accepted_silences, control.row_changes, control.repeated_rows, control.files")
    op.execute("revoke create on schema raw, pii from recall_loader")
