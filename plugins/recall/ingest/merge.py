"""Judged rows into the database: who stands in the table, who was superseded, who only repeats another.

Of one key the row with the greatest `updated_at` stands in the table (none counts as the smallest), then the one
whose file path sorts last, then the later record. Equal content is one version wherever it came from, and stands at
its last place. So the outcome does not depend on the order of arrival.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import LiteralString

import psycopg
from psycopg import sql

from recall.domain.tables import Table

REBUILD_INDEXES_FROM = 200_000
"""An empty table that gets at least so many rows gets its indexes after them."""

Chunks = Iterable[tuple[int, memoryview]]
"""Numbers of records and the lines that hold them."""


@dataclass(frozen=True)
class Arrival:
    """One file whose rows are to be merged.

    Attributes:
        file_id: Its number in control.files.
        row_count: Number of its records.
        quarantined_count: Number of those set aside.
        unique: Streams the records whose key stands once in the batch.
        contested: Streams the others, flagged.
        everything: Streams all good records, flagged.
    """

    file_id: int
    row_count: int
    quarantined_count: int
    unique: Callable[[], Chunks]
    contested: Callable[[], Chunks]
    everything: Callable[[], Chunks]


class Merger:
    """Merges batches of files into one table, each in the transaction of the caller.

    Args:
        connection: As loader, inside a transaction; the caller commits.
        table: The table.
        load_id: The load under way.
    """

    def __init__(self, connection: psycopg.Connection, table: Table, load_id: int) -> None:
        self.connection = connection
        self.table = table
        self.load_id = load_id
        stored = [column.name for column in table.stored_columns]
        self._columns = [*stored, "_extra", "_row_hash"]
        self._all_columns = [*table.column_names, "_extra", "_row_hash"]
        self._names: dict[str, sql.Composable] = {
            "target": sql.Identifier(table.schema, table.name),
            "versions": sql.Identifier(table.schema, f"{table.name}_versions"),
            "key": _joined(table.key),
            "same_key": sql.SQL(" and ").join(
                sql.SQL("{} = {}").format(sql.Identifier("a", name), sql.Identifier("b", name)) for name in table.key
            ),
            "a_key": _joined(table.key, "a"),
            "b_key": _joined(table.key, "b"),
            "columns": _joined(self._columns),
            "a_columns": _joined(self._columns, "a"),
            "load_id": sql.Literal(load_id),
            "table_name": sql.Literal(table.name),
            "change": sql.SQL(", ").join(self._change_columns()),
        }
        self._has_removed = False

    def merge(self, arrivals: Sequence[Arrival], *, replaced_ids: Sequence[int], contested_count: int) -> None:
        """Takes the rows of replaced files away and merges those of new ones.

        Args:
            arrivals: The new files, already in control.files with no counts.
            replaced_ids: Files whose path has new content now.
            contested_count: Number of new records whose key stands more than once among them.
        """
        self._prepare()
        if replaced_ids:
            self._remove(replaced_ids)
        good_count = sum(arrival.row_count - arrival.quarantined_count for arrival in arrivals)
        if not replaced_ids and self.table.personal_column is None and is_empty(self.connection, self.table):
            self._fill(arrivals, good_count - contested_count)
            self._copy_to_stage(arrival.contested() for arrival in arrivals)
            self._run("create temp table remaining on commit drop as select * from stage")
        else:
            self._copy_to_stage(arrival.everything() for arrival in arrivals)
            self._keep_words()
            self._insert_new_keys(arrivals, good_count - contested_count)
        self._set_repeats_aside()
        self._elect()
        self._note_removed()
        self._count(arrivals)

    def _run(self, statement: LiteralString, **names: sql.Composable) -> psycopg.Cursor:
        return self.connection.execute(sql.SQL(statement).format(**self._names, **names))

    def _number(self, statement: LiteralString) -> int:
        row = self._run(statement).fetchone()
        assert row is not None
        return int(row[0])

    def _change_columns(self) -> Iterator[sql.Composable]:
        """The values of a row `a` that stand in control.row_changes."""
        for name in ("user_id", "order_id", "product_id"):
            yield sql.Identifier("a", name) if self.table.has(name) else sql.SQL("null::text")
        event = self.table.event_column
        is_instant = event is not None and self.table.column(event).kind.sql_type == "timestamptz"
        yield sql.Identifier("a", event) if event and is_instant else sql.SQL("null::timestamptz")

    def _prepare(self) -> None:
        columns = [
            sql.SQL("{} {}").format(sql.Identifier(column.name), sql.SQL(column.kind.sql_type))
            for column in self.table.columns
        ]
        self._run(
            "create temp table stage ({typed}, _extra jsonb, _row_hash uuid, _file_id bigint, _is_contested boolean,"
            " _record_number bigint) on commit drop",
            typed=sql.SQL(", ").join(columns),
        )
        self._run("create temp table touched on commit drop as select {key} from {target} limit 0")
        self._run("alter table touched add primary key ({key})")
        self._run(
            "create temp table counts (file_id bigint, loaded bigint, repeated bigint, superseded bigint)"
            " on commit drop"
        )
        self._has_removed = False

    def _remove(self, replaced_ids: Sequence[int]) -> None:
        """Takes all rows of files away and notes which keys must be decided again."""
        self._has_removed = True
        names = {"replaced": sql.Literal(list(replaced_ids))}
        self._run(
            "create temp table removed on commit drop as"
            " with gone as (delete from {target} where _file_id = any ({replaced}) returning *) select * from gone",
            **names,
        )
        # A repeat that goes away can cost its content the last place, which matters where there is another version.
        self._run(
            "insert into touched select distinct {a_key} from {target} as a"
            " inner join {versions} as b on {same_key}"
            " where a._row_hash in (select row_hash from control.repeated_rows where file_id = any ({replaced}))"
            " on conflict do nothing",
            **names,
        )
        self._run("delete from control.repeated_rows where file_id = any ({replaced})", **names)
        self._run(
            "with gone as (delete from {versions} as a where a._file_id = any ({replaced}) returning a.*)"
            " insert into control.row_changes select {load_id}, {table_name}, {change} from gone as a",
            **names,
        )
        self._run("analyze removed")
        self._run(
            "insert into touched select {a_key} from removed as a"
            " where exists (select from {versions} as b where {same_key})"
            " or exists (select from control.repeated_rows where row_hash = a._row_hash)"
            " on conflict do nothing"
        )

    def _fill(self, arrivals: Sequence[Arrival], row_count: int) -> None:
        """Copies rows straight into an empty table; large numbers of them before its indexes."""
        indexes = self._drop_indexes() if row_count >= REBUILD_INDEXES_FROM else []
        for arrival in arrivals:
            loaded = self._copy(
                sql.SQL("{target} ({columns}, _file_id, _load_id, _record_number)").format(**self._names),
                arrival.unique(),
            )
            self._run(
                "insert into counts values ({file_id}, {loaded}, 0, 0)",
                file_id=sql.Literal(arrival.file_id),
                loaded=sql.Literal(loaded),
            )
        for statement in indexes:
            self.connection.execute(statement)

    def _drop_indexes(self) -> list[bytes]:
        """Drops the indexes of the empty table and returns the statements that build them again, the key's first."""
        statements: list[bytes] = []
        # The table is empty; what is copied into one truncated in the same transaction need not be logged as well.
        self._run("truncate {target}")
        rows = self.connection.execute(
            "select indexes.indexrelid::regclass::text, pg_get_indexdef(indexes.indexrelid), constraints.conname,"
            " pg_get_constraintdef(constraints.oid) from pg_index as indexes"
            " left join pg_constraint as constraints on constraints.conindid = indexes.indexrelid"
            " where indexes.indrelid = %s::regclass order by constraints.conname is null, 1",
            (f"{self.table.schema}.{self.table.name}",),
        ).fetchall()
        name = self._names["target"].as_string(self.connection)
        for index_name, index_definition, constraint_name, constraint_definition in rows:
            if constraint_name is None:
                self.connection.execute(f"drop index {index_name}".encode())
                statements.append(index_definition.encode())
            else:
                constraint = sql.Identifier(constraint_name).as_string(self.connection)
                self.connection.execute(f"alter table {name} drop constraint {constraint}".encode())
                statements.append(f"alter table {name} add constraint {constraint} {constraint_definition}".encode())
        return statements

    def _copy(self, into: sql.Composable, chunks: Chunks) -> int:
        copied = 0
        statement = sql.SQL("copy {} from stdin (format csv)").format(into)
        with self.connection.cursor() as cursor, cursor.copy(statement) as copy:
            for row_count, lines in chunks:
                copy.write(lines)
                copied += row_count
        return copied

    def _copy_to_stage(self, streams: Iterable[Chunks]) -> None:
        into = sql.SQL("stage ({}, _file_id, _is_contested, _record_number)").format(_joined(self._all_columns))
        for chunks in streams:
            self._copy(into, chunks)
        self._run("analyze stage")

    def _keep_words(self) -> None:
        """Stores personal words by the hash of their row, in the schema that is closed to most."""
        column = self.table.personal_column
        if column is None:
            return
        self._run(
            "insert into {texts} (_row_hash, {row_key}, user_id, {words})"
            " select distinct on (_row_hash) _row_hash, {row_key}, user_id, {words} from stage"
            " where {words} is not null on conflict do nothing",
            texts=sql.Identifier("pii", f"{self.table.name}_{column.name}s"),
            words=sql.Identifier(column.name),
            row_key=sql.Identifier(self.table.key[0]),
        )

    def _insert_new_keys(self, arrivals: Sequence[Arrival], uncontested_count: int) -> None:
        """Inserts the rows whose key is new; `remaining` are the rows that met another one."""
        if self._has_removed:
            # Content that comes back is no change, so it keeps the load that brought it first.
            inserted = self._run(
                "insert into {target} ({columns}, _file_id, _record_number, _load_id)"
                " select {a_columns}, a._file_id, a._record_number, coalesce(removed._load_id, {load_id})"
                " from stage as a left join removed on removed._row_hash = a._row_hash"
                " where not a._is_contested and not exists (select from touched as b where {same_key})"
                " order by {a_key} on conflict do nothing"
            ).rowcount
        else:
            # In the order of the key, so that its index is walked through and not jumped about in.
            inserted = self._run(
                "insert into {target} ({columns}, _file_id, _record_number, _load_id)"
                " select {columns}, _file_id, _record_number, {load_id} from stage"
                " where not _is_contested order by {key} on conflict do nothing"
            ).rowcount
        self._run("create temp table remaining on commit drop as select * from stage where _is_contested")
        if inserted < uncontested_count:
            self._run(
                "insert into remaining select a.* from stage as a where not a._is_contested and not exists"
                " (select from {target} as b where b._file_id = any ({file_ids})"
                " and b._file_id = a._file_id and b._record_number = a._record_number)",
                file_ids=sql.Literal([arrival.file_id for arrival in arrivals]),
            )
        self._run(
            "insert into counts select _file_id, sum(number), 0, 0 from ("
            " select _file_id, count(*) as number from stage group by _file_id"
            " union all select _file_id, -count(*) from remaining group by _file_id) as differences group by _file_id"
        )

    def _set_repeats_aside(self) -> None:
        """Files rows that equal the standing row of their key; they only strengthen it."""
        self._run("analyze remaining")
        self._run(
            "create temp table contenders on commit drop as"
            " select a.*, not a._is_contested and b._row_hash is not distinct from a._row_hash as is_repeat"
            " from remaining as a left join {target} as b on {same_key}"
        )
        self._run(
            "insert into control.repeated_rows"
            " select _row_hash, _file_id, _record_number from contenders where is_repeat order by _row_hash"
        )
        self._run(
            "insert into counts select _file_id, 0, count(*), 0 from contenders where is_repeat group by _file_id"
        )
        self._run(
            "insert into touched select distinct {key} from contenders where not is_repeat on conflict do nothing"
        )

    def _elect(self) -> None:
        """Decides every touched key among all places of all its versions, and moves rows accordingly."""
        if not self._number("select count(*) from touched"):
            return
        self._run("analyze touched")
        self._gather_claims()
        self._run(
            """
            create temp table verdicts on commit drop as
            with ranked as (
                select
                    claims.*,
                    first_value(_row_hash) over places as winner_hash,
                    row_number() over places as place
                from claims
                inner join control.files on files.file_id = claims._file_id
                window places as (
                    partition by {key}
                    order by updated_at desc nulls last, files.file_path collate "C" desc, _record_number desc
                )
            ),
            judged as (
                select *, bool_or(was = 'loaded' and _row_hash = winner_hash) over (partition by {key}) as has_standing
                from ranked
            )
            select
                *,
                case
                    when _row_hash <> winner_hash then 'superseded'
                    when was = 'loaded' or (place = 1 and has_standing is not true) then 'loaded'
                    else 'repeated'
                end as becomes
            from judged
            """
        )
        self._run("analyze verdicts")
        self._move()

    def _gather_claims(self) -> None:
        """Lists all places of all versions of the touched keys, and the content of each version."""
        removed_repeats: sql.Composable = sql.SQL("")
        removed_contents: sql.Composable = sql.SQL("")
        if self._has_removed:
            removed_repeats = sql.SQL(
                " union all select {a_key}, a._row_hash, a.updated_at, repeated.file_id, repeated.record_number,"
                " 'repeated' from removed as a inner join touched as b on {same_key}"
                " inner join control.repeated_rows as repeated on repeated.row_hash = a._row_hash"
            ).format(**self._names)
            removed_contents = sql.SQL(
                " union all select {a_columns}, a._load_id from removed as a inner join touched as b on {same_key}"
            ).format(**self._names)
        self._run(
            "create temp table claims on commit drop as"
            " select {a_key}, a._row_hash, a.updated_at, a._file_id, a._record_number, 'loaded' as was"
            " from {target} as a inner join touched as b on {same_key}"
            " union all select {a_key}, a._row_hash, a.updated_at, a._file_id, a._record_number, 'superseded'"
            " from {versions} as a inner join touched as b on {same_key}"
            " union all select {a_key}, a._row_hash, a.updated_at, repeated.file_id, repeated.record_number, 'repeated'"
            " from {target} as a inner join touched as b on {same_key}"
            " inner join control.repeated_rows as repeated on repeated.row_hash = a._row_hash"
            " union all select {a_key}, a._row_hash, a.updated_at, a._file_id, a._record_number, null"
            " from contenders as a inner join touched as b on {same_key} where not a.is_repeat"
            "{removed_repeats}",
            removed_repeats=removed_repeats,
        )
        self._run("analyze claims")
        self._run(
            "create temp table contents on commit drop as select distinct on (_row_hash) * from ("
            " select {a_columns}, null::bigint as kept_load_id from {target} as a inner join touched as b on {same_key}"
            " union all select {a_columns}, null from {versions} as a inner join touched as b on {same_key}"
            " union all select {a_columns}, null from contenders as a inner join touched as b on {same_key}"
            "{removed_contents}) as known order by _row_hash, kept_load_id",
            removed_contents=removed_contents,
        )
        self._run("analyze contents")

    def _move(self) -> None:
        """Brings table, versions, repeats and counts to what the verdicts say."""
        # What an old winner or a version that lost on arrival said must be looked at again by whoever builds on it.
        self._run(
            "insert into control.row_changes select distinct {load_id}, {table_name}, {change}"
            " from verdicts inner join contents as a on a._row_hash = verdicts._row_hash"
            " where becomes = 'superseded' and was is distinct from 'superseded'"
        )
        self._run(
            "delete from {target} as a using verdicts as b"
            " where {same_key} and b.was = 'loaded' and b.becomes <> 'loaded'"
        )
        self._run(
            "insert into {target} ({columns}, _file_id, _record_number, _load_id)"
            " select {a_columns}, verdicts._file_id, verdicts._record_number, coalesce(a.kept_load_id, {load_id})"
            " from verdicts inner join contents as a on a._row_hash = verdicts._row_hash"
            " where becomes = 'loaded' and was is distinct from 'loaded'"
        )
        self._run(
            "delete from {versions} as a using verdicts as b"
            " where b.was = 'superseded' and b.becomes <> 'superseded'"
            " and a._file_id = b._file_id and a._record_number = b._record_number"
        )
        self._run(
            "insert into {versions} ({columns}, _file_id, _record_number, _load_id)"
            " select {a_columns}, verdicts._file_id, verdicts._record_number, {load_id}"
            " from verdicts inner join contents as a on a._row_hash = verdicts._row_hash"
            " where becomes = 'superseded' and was is distinct from 'superseded'"
        )
        self._run(
            "delete from control.repeated_rows as a using verdicts as b"
            " where b.was = 'repeated' and b.becomes <> 'repeated' and a.row_hash = b._row_hash"
            " and a.file_id = b._file_id and a.record_number = b._record_number"
        )
        self._run(
            "insert into control.repeated_rows select _row_hash, _file_id, _record_number from verdicts"
            " where becomes = 'repeated' and was is distinct from 'repeated'"
        )
        self._run(
            "insert into counts select _file_id,"
            " count(*) filter (where becomes = 'loaded') - count(*) filter (where was = 'loaded'),"
            " count(*) filter (where becomes = 'repeated') - count(*) filter (where was = 'repeated'),"
            " count(*) filter (where becomes = 'superseded') - count(*) filter (where was = 'superseded')"
            " from verdicts group by _file_id"
        )

    def _note_removed(self) -> None:
        """Notes rows that went away with their file and did not come back with another."""
        if not self._has_removed:
            return
        self._run(
            "insert into control.row_changes select {load_id}, {table_name}, {change} from removed as a"
            " where not exists (select from {target} as b where {same_key} and b._row_hash = a._row_hash)"
        )
        column = self.table.personal_column
        if column is not None:
            self._run(
                "delete from {texts} as texts where not exists"
                " (select from {target} as a where a._row_hash = texts._row_hash)"
                " and not exists (select from {versions} as a where a._row_hash = texts._row_hash)",
                texts=sql.Identifier("pii", f"{self.table.name}_{column.name}s"),
            )

    def _count(self, arrivals: Sequence[Arrival]) -> None:
        """Settles every file's counts at once, so that they sum to its rows at every moment."""
        file_ids = [arrival.file_id for arrival in arrivals]
        self._run("insert into counts select unnest({file_ids}), 0, 0, 0", file_ids=sql.Literal(file_ids))
        self.connection.execute(
            """
            update control.files
            set
                row_count = files.row_count + coalesce(arrived.row_count, 0),
                quarantined_count = files.quarantined_count + coalesce(arrived.quarantined_count, 0),
                loaded_count = files.loaded_count + moved.loaded,
                repeated_count = files.repeated_count + moved.repeated,
                superseded_count = files.superseded_count + moved.superseded
            from (
                select
                    file_id,
                    sum(loaded)::bigint as loaded,
                    sum(repeated)::bigint as repeated,
                    sum(superseded)::bigint as superseded
                from counts
                group by file_id
            ) as moved
            left join unnest(%s::bigint[], %s::bigint[], %s::bigint[])
                as arrived (file_id, row_count, quarantined_count)
                on arrived.file_id = moved.file_id
            where files.file_id = moved.file_id
            """,
            (
                file_ids,
                [arrival.row_count for arrival in arrivals],
                [arrival.quarantined_count for arrival in arrivals],
            ),
        )


def is_empty(connection: psycopg.Connection, table: Table) -> bool:
    """Returns whether a table holds nothing, nor a version that lost: whether rows can be copied straight into it.

    Args:
        connection: As loader.
        table: The table.
    """
    row = connection.execute(
        sql.SQL("select not exists (select from {}) and not exists (select from {})").format(
            sql.Identifier(table.schema, table.name), sql.Identifier(table.schema, f"{table.name}_versions")
        )
    ).fetchone()
    assert row is not None
    return bool(row[0])


def _joined(names: Iterable[str], alias: str | None = None) -> sql.Composable:
    parts = [sql.Identifier(alias, name) if alias else sql.Identifier(name) for name in names]
    return sql.SQL(", ").join(parts)
