"""Every record judged: what is good, what is set aside and where it stands, what refuses a whole file."""

from __future__ import annotations

import csv
import gzip
import io
import random
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from recall.domain.tables import find_table
from recall.ingest.expressions import Settings
from recall.ingest.landing import FileFault, LandingFile, digest_of
from recall.ingest.parsing import ParsedFile, Parser

NOW = datetime(2024, 6, 1, 12, tzinfo=UTC)
ORDERS = b"order_id,user_id,ordered_at,net_amount,status\n"
GOOD = b"o1,u1,2024-05-01,1,paid\n"

Parse = Callable[..., tuple[ParsedFile, list[list[str]]]]


@pytest.fixture
def parse(tmp_path: Path) -> Iterator[Parse]:
    """Parses the bytes of one file; returns the judgement and the good records as COPY would get them."""
    parsers = []
    csv.field_size_limit(2 << 20)

    def run(
        content: bytes,
        *,
        table: str = "orders",
        name: str = "a.csv",
        max_bad_rate: float = 1.0,
        promised_rows: int | None = None,
        business_time_zone: str = "UTC",
        source_time_zone: str = "UTC",
    ) -> tuple[ParsedFile, list[list[str]]]:
        location = tmp_path / name
        location.write_bytes(content)
        settings = Settings(business_time_zone, source_time_zone, "EUR", NOW, {"USD": date(2024, 1, 1)})
        specification = find_table(table)
        assert specification is not None
        scratch = tmp_path / f"scratch_{len(parsers)}"
        scratch.mkdir()
        parser = Parser(specification, settings, scratch)
        parsers.append(parser)
        kind = name.partition(".")[2]
        file = LandingFile(location, f"{table}/{name}", table, kind)
        parsed = parser.parse(file, digest_of(location), promised_rows=promised_rows, max_bad_rate=max_bad_rate)
        parser.find_contested([parsed])
        lines = b"".join(bytes(block) for _, block in parser.stream(parsed, "all", 1)).decode()
        return parsed, list(csv.reader(io.StringIO(lines)))

    yield run
    for parser in parsers:
        parser.close()


def faults(parsed: ParsedFile) -> list[tuple[int, str, str | None, str]]:
    """The records set aside: number, rule, column, raw line."""
    return [
        (entry.record.record_number, entry.rule.code, entry.rule.column, entry.record.raw_line)
        for entry in parsed.set_aside
    ]


@pytest.mark.parametrize(
    ("line", "rule", "column"),
    [
        (b",u1,2024-05-01,1,paid", "missing_value", "order_id"),
        (b"o2,,2024-05-01,1,paid", "missing_value", "user_id"),
        (b'o2,"",2024-05-01,1,paid', "missing_value", "user_id"),
        (b"o2,u1,,1,paid", "missing_value", "ordered_at"),
        (b"o2,u1,yesterday,1,paid", "not_an_instant", "ordered_at"),
        (b"o2,u1,1714521600,1,paid", "not_an_instant", "ordered_at"),
        (b"o2,u1,2024-02-30,1,paid", "not_an_instant", "ordered_at"),
        (b"o2,u1,05/01/2024,1,paid", "not_an_instant", "ordered_at"),
        (b"o2,u1,infinity,1,paid", "not_an_instant", "ordered_at"),
        (b"o2,u1,2024-06-01T12:00:01Z,1,paid", "future_instant", "ordered_at"),
        (b"o2,u1,2024-06-02,1,paid", "future_instant", "ordered_at"),
        (b'o2,u1,2024-05-01,"12,50",paid', "not_a_number", "net_amount"),
        (b"o2,u1,2024-05-01,NaN,paid", "not_a_number", "net_amount"),
        (b"o2,u1,2024-05-01,1e30,paid", "not_a_number", "net_amount"),
        (b"o2,u1,2024-05-01,-0.01,paid", "negative", "net_amount"),
        (b"o2,u1,2024-05-01,1,payed", "unknown_value", "status"),
        (b"o2,u1,2024-05-01,1,Paid", "unknown_value", "status"),
        (b"o2,u1,2024-05-01", "malformed_record", None),
        (b"o2,u1,2024-05-01,1,paid,1,2", "malformed_record", None),
        (b'o2,"u"1,2024-05-01,1,paid', "malformed_record", None),
        (b"o2,u\x001,2024-05-01,1,paid", "nul_byte", "user_id"),
    ],
)
def test_parse_bad_row_is_set_aside_with_its_rule_column_and_line(
    parse: Parse, line: bytes, rule: str, column: str | None
) -> None:
    parsed, good = parse(ORDERS + GOOD + line + b"\n" + GOOD)

    assert faults(parsed) == [(2, rule, column, line.decode().replace("\0", "␀"))]
    (entry,) = parsed.set_aside
    assert (entry.record.line_number, entry.record.byte_offset) == (3, len(ORDERS + GOOD))
    assert [row[-1] for row in good] == ["1", "3"]
    assert parsed.row_count == 3


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("2024-05-01T10:00:00Z", "2024-05-01 10:00:00+00"),
        ("2024-05-01T10:00:00+02:00", "2024-05-01 08:00:00+00"),
        ("2024-05-01 10:00:00-0530", "2024-05-01 15:30:00+00"),
        ("2024-05-01T10:00:00.123456Z", "2024-05-01 10:00:00.123456+00"),
        ("2024-05-01T10:00", "2024-05-01 14:00:00+00"),
        ("2024-05-01 10:00:00", "2024-05-01 14:00:00+00"),
        ("2024-05-01", "2024-04-30 15:00:00+00"),
        ("1970-01-01T00:00:00Z", "1970-01-01 00:00:00+00"),
        ("2024-02-29", "2024-02-28 15:00:00+00"),
    ],
)
def test_parse_instants_by_offset_source_zone_or_business_date(parse: Parse, text: str, instant: str) -> None:
    content = ORDERS + f"o1,u1,{text},1,paid\n".encode()
    # Tokyo is nine hours ahead, New York four behind in summer.
    _, good = parse(content, business_time_zone="Asia/Tokyo", source_time_zone="America/New_York")

    assert good[0][2] == instant


@pytest.mark.parametrize(("text", "stored"), [("true", "true"), ("TRUE", "true"), ("False", "false")])
def test_parse_booleans_in_any_case(parse: Parse, text: str, stored: str) -> None:
    content = f"user_id,channel,is_opted_in,changed_at\nu1,sms,{text},2024-05-01\n".encode()
    _, good = parse(content, table="consents")

    assert good[0][2] == stored


@pytest.mark.parametrize("text", ["yes", "1", "t"])
def test_parse_other_words_are_no_booleans(parse: Parse, text: str) -> None:
    content = f"user_id,channel,is_opted_in,changed_at\nu1,sms,{text},2024-05-01\n".encode()
    parsed, _ = parse(content, table="consents")

    assert faults(parsed)[0][1:3] == ("not_a_boolean", "is_opted_in")


@pytest.mark.parametrize("text", ["1.5", "99999999999", "one"])
def test_parse_broken_line_number_is_not_rounded(parse: Parse, text: str) -> None:
    content = f"order_id,line_number,product_id,quantity,net_amount\no1,{text},p1,0.5,1\n".encode()
    parsed, _ = parse(content, table="order_items")

    assert faults(parsed)[0][1:3] == ("not_a_whole_number", "line_number")


@pytest.mark.parametrize(
    ("kind", "score", "is_good"),
    [("rating", 5, True), ("rating", 0, False), ("nps", 0, True), ("nps", 11, False), ("survey", 77, True)],
)
def test_parse_score_range_follows_the_kind(parse: Parse, kind: str, score: int, is_good: bool) -> None:
    content = f"feedback_id,user_id,submitted_at,kind,score\nf1,u1,2024-05-01,{kind},{score}\n".encode()
    parsed, _ = parse(content, table="feedback")

    assert [entry.rule.code for entry in parsed.set_aside] == ([] if is_good else ["out_of_range"])


def test_parse_dates_of_birth_are_the_day_that_was_written(parse: Parse) -> None:
    content = b"user_id,birth_date\nu1,1980-02-29\nu2,1980-02-29T23:00:00-08:00\nu3,1981-02-29\n"
    parsed, good = parse(content, table="users")

    assert [row[4] for row in good] == ["1980-02-29", "1980-02-29"]
    assert faults(parsed) == [(3, "not_a_date", "birth_date", "u3,1981-02-29")]


def test_parse_business_dates_come_from_instants_too(parse: Parse) -> None:
    content = b"product_id,valid_from,list_price\np1,2024-05-01,1\np2,2024-05-01T03:30:00Z,1\n"
    _, good = parse(content, table="product_prices", business_time_zone="America/New_York")

    assert [row[1] for row in good] == ["2024-05-01", "2024-04-30"]


def test_parse_quotes_newlines_and_commas_inside_fields_survive(parse: Parse) -> None:
    words = 'line one\nline "two", and\r\nthree'
    field = '"' + words.replace('"', '""') + '"'
    content = f"feedback_id,user_id,submitted_at,kind,text\nf1,u1,2024-05-01,survey,{field}\nf2,u1,2024,survey,\n"
    parsed, good = parse(content.encode(), table="feedback")

    assert good[0][7] == words
    assert parsed.set_aside[0].record.line_number == 5


def test_parse_byte_order_mark_and_blank_lines_do_no_harm(parse: Parse) -> None:
    parsed, good = parse(b"\xef\xbb\xbf" + ORDERS + b"\n" + GOOD + b"\n\no2,u1,bad,1,\n" + GOOD + b"\n")

    assert parsed.row_count == 3
    assert faults(parsed) == [(2, "not_an_instant", "ordered_at", "o2,u1,bad,1,")]
    assert parsed.set_aside[0].record.line_number == 6
    assert [row[-1] for row in good] == ["1", "3"]


def test_parse_lines_of_mixed_ends_are_read_as_one_kind(parse: Parse) -> None:
    parsed, good = parse((ORDERS + GOOD).replace(b"\n", b"\r\n") + GOOD + GOOD.replace(b"\n", b"\r\n"))

    assert (parsed.row_count, len(good), parsed.set_aside) == (3, 3, ())


def test_parse_a_field_of_fifty_megabytes_is_set_aside_and_cut(parse: Parse) -> None:
    content = b'order_id,user_id,ordered_at,net_amount,note\no1,u1,2024-05-01,1,"' + b"x" * 50_000_000 + b'"\n'
    parsed, good = parse(content + b"o2,u1,2024-05-01,1,\n")

    ((number, rule, column, line),) = faults(parsed)
    assert (number, rule, column, len(line)) == (1, "record_too_long", None, 100_000)
    assert [row[-1] for row in good] == ["2"]


def test_parse_many_records_of_a_megabyte_get_the_memory_they_need(parse: Parse) -> None:
    words = b"x" * 1_000_000
    lines = b"".join(b"f%d,u1,2024-05-01,survey,%s\n" % (number, words) for number in range(100))
    parsed, good = parse(b"feedback_id,user_id,submitted_at,kind,text\n" + lines, table="feedback")

    assert (parsed.row_count, len(good), len(good[-1][7])) == (100, 100, 1_000_000)


def test_parse_random_files_every_record_is_found_again_where_it_stands(parse: Parse) -> None:
    source = random.Random(1)
    for _ in range(25):
        content = ORDERS
        expected_bad = []
        expected_good = []
        number = 0
        for _ in range(source.randrange(1, 60)):
            shape = source.choice(("good", "good", "quoted", "words", "few", "value", "many", "mark", "tail", "blank"))
            if shape == "blank":
                content += b"\n"
                continue
            number += 1
            record = {
                "good": b"o1,u1,2024-05-01,1,paid",
                "quoted": b'"o1","u,""1""",2024-05-01,1,paid',
                "words": b'o1,"u\n\n1",2024-05-01,1,paid',
                "mark": b'o1,u"1,2024-05-01,1,paid',
                "few": b'o1,"u\n1"',
                "tail": b'o1,"u\n"1,2024-05-01,1,paid',
                "value": b'"o\n""1",u1,2024-05-01,-1,paid',
                "many": b"o1,u1,2024-05-01,1,paid,6,7",
            }[shape]
            if shape in ("few", "value", "many", "tail"):
                expected_bad.append((number, len(content), record.decode()))
            else:
                expected_good.append(str(number))
            content += record + b"\n"
        parsed, good = parse(content)

        found = [
            (entry.record.record_number, entry.record.byte_offset, entry.record.raw_line) for entry in parsed.set_aside
        ]
        assert found == expected_bad
        assert [row[-1] for row in good] == expected_good
        assert parsed.row_count == number


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "expected a header row"),
        (b"order_id,user_id,order_at,net_amount\n", r"'ordered_at' \(the nearest column in the file is 'order_at'\)"),
        (b"Order_ID,user_id,ordered_at,net_amount\n", r"'order_id' \(the nearest column in the file is 'Order_ID'\)"),
        (b"order_id;user_id;ordered_at;net_amount\n", "separated by ';'; expected commas"),
        (b"order_id,user_id,ordered_at,net_amount,user_id\n", "'user_id' stands more than once"),
        (ORDERS + GOOD + b'o2,"u1,2024-05-01,1,paid\n' + GOOD, "line 3: a quotation mark is never closed"),
        (ORDERS + GOOD + b"o2,u1,2024", "truncated: line 3"),
        (ORDERS + GOOD + "o2,用户,2024-05-01,1,\n".encode("gbk"), "in line 3 is not UTF-8, but could be GBK"),
        (ORDERS + GOOD + b"o2,\xff,2024-05-01,1,\n", "byte 0xFF in line 3 is not UTF-8"),
        (ORDERS + "o2,用".encode()[:-1], "ends in the middle of a UTF-8 character"),
        ((ORDERS + GOOD).decode().encode("utf-16"), "UTF-16"),
    ],
)
def test_parse_fault_of_the_whole_file_names_column_or_line(parse: Parse, content: bytes, message: str) -> None:
    with pytest.raises(FileFault, match=message):
        parse(content)


def test_parse_truncated_archive_is_refused(parse: Parse) -> None:
    packed = gzip.compress(ORDERS + random.Random(1).randbytes(20_000).hex().encode())
    with pytest.raises(FileFault, match="truncated archive: it ends after"):
        parse(packed[: len(packed) // 2], name="a.csv.gz")
    with pytest.raises(FileFault, match="not readable as gzip"):
        parse(ORDERS + GOOD, name="a.csv.gz")


def test_parse_archive_that_grows_without_end_is_refused(parse: Parse, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("recall.ingest.landing.MAX_UNPACKED_BYTES", 1 << 20)
    with pytest.raises(FileFault, match="more than 200 times its size"):
        parse(gzip.compress(ORDERS + b"0" * (4 << 20)), name="a.csv.gz")


def test_parse_truncated_parquet_is_refused(parse: Parse, tmp_path: Path) -> None:
    pq.write_table(pa.table({"order_id": ["o1"] * 1000}), tmp_path / "whole")
    with pytest.raises(FileFault, match="not readable as Parquet"):
        parse((tmp_path / "whole").read_bytes()[:-10], name="a.parquet")


def test_parse_parquet_rows_are_set_aside_as_json(parse: Parse, tmp_path: Path) -> None:
    columns = {
        "user_id": ["u1", None, "u\x003"],
        "birth_date": pa.array([date(1980, 2, 29), None, None]),
        "registered_at": pa.array(["2024-05-01T00:00:00"] * 3).cast(pa.timestamp("us")),
        "updated_at": pa.array([datetime(2024, 5, 1, tzinfo=UTC)] * 3, pa.timestamp("us", "Europe/Berlin")),
    }
    pq.write_table(pa.table(columns), tmp_path / "whole")
    parsed, good = parse(
        (tmp_path / "whole").read_bytes(), table="users", name="a.parquet", source_time_zone="America/New_York"
    )

    assert [entry[:3] for entry in faults(parsed)] == [(2, "missing_value", "user_id"), (3, "nul_byte", "user_id")]
    assert faults(parsed)[0][3].startswith('{"user_id":null,"birth_date":null')
    assert (good[0][0], good[0][1], good[0][4]) == ("u1", "2024-05-01 04:00:00+00", "1980-02-29")


def test_parse_parquet_ids_as_floats_are_refused(parse: Parse, tmp_path: Path) -> None:
    pq.write_table(pa.table({"user_id": [7.0]}), tmp_path / "whole")
    with pytest.raises(FileFault, match="'user_id' holds floating point numbers"):
        parse((tmp_path / "whole").read_bytes(), table="users", name="a.parquet")


def test_parse_one_percent_of_bad_rows_loads_and_twenty_refuse_the_file(parse: Parse) -> None:
    bad = b"o9,u9,2024-05-01,-1,paid\n"
    parsed, _ = parse(ORDERS + GOOD * 99 + bad, max_bad_rate=0.05)
    assert len(parsed.set_aside) == 1

    with pytest.raises(FileFault) as caught:
        parse(ORDERS + GOOD * 40 + bad * 9 + b"cut\n", max_bad_rate=0.05)
    assert caught.value.message == (
        "10 of 50 rows are bad (20.0%, allowed are 5.0%): negative in column 'net_amount' 9 times;"
        " not the header's columns 1 times; the first is line 42"
    )


def test_parse_manifest_count_must_hold(parse: Parse) -> None:
    with pytest.raises(FileFault, match="manifest promises 3 rows, but it has 2"):
        parse(ORDERS + GOOD * 2, promised_rows=3)


def test_parse_equal_rows_hash_alike_whatever_their_order_of_columns_and_zone(parse: Parse) -> None:
    _, one = parse(b"user_id,registered_at,b,a\nu1,2024-05-01T10:00:00Z,2,1\n", table="users")
    _, two = parse(
        b"a,registered_at,c,b,user_id,tier\n1,2024-05-01 12:00:00,,2,u1,\n",
        table="users",
        source_time_zone="Europe/Berlin",
    )
    _, other = parse(b"user_id,registered_at,b,a\nu1,2024-05-01T10:00:00Z,1,2\n", table="users")
    hashes = [rows[0][-4] for rows in (one, two, other)]

    assert hashes[0] == hashes[1] != hashes[2]
