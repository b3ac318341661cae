{#- All versions of a key are numbered, best first: Spark has no index by which to ask for a single key's. -#}
{% macro spark__visible_rows(table, key, columns) -%}
    {%- set names = key + columns + ['updated_at'] -%}
    (
        select {{ names | join(', ') }}
        from (
            select
                versions.*,
                row_number() over (
                    partition by {{ key | join(', ') }}
                    order by
                        {{ is_visible_version('versions') }} desc,
                        case when {{ is_visible_version('versions') }} then updated_at end desc nulls last,
                        updated_at asc,
                        files.file_path desc,
                        _record_number desc
                ) as version_number
            from (
                {%- for relation in [source('raw', table), source('raw', table ~ '_versions')] %}
                select {{ names | join(', ') }}, _file_id, _record_number
                from {{ relation }}
                {{- '\n                union all' if not loop.last }}
                {%- endfor %}
            ) as versions
            left join {{ source('control', 'files') }} as files
                on versions._file_id = files.file_id
        ) as numbered_rows
        where version_number = 1
    )
{%- endmacro %}
