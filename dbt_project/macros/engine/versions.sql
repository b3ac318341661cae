{#-
    The rows of an input table as the as-of date sees them: of each key the version with the greatest updated_at whose
    business date is not after D; if there is none, the earliest; in ties the last place (file path, then record).
    A relation to select from, with the raw table's columns.

    raw.<table> holds the version that wins in the end and raw.<table>_versions those that lost, so nearly every row
    comes from the first branch; the second one finds older versions where the winner is dated after D. Both branches
    can be entered by the index on any column, which is why neither ranks a whole table.

    Args:
        table: Name of the input table.
        key: Its key columns.
        columns: The columns to read besides the key and updated_at.
-#}
{% macro visible_rows(table, key, columns) -%}
    {{ adapter.dispatch('visible_rows', 'recall')(table, key, columns) }}
{%- endmacro %}


{% macro postgres__visible_rows(table, key, columns) -%}
    {%- set current = source('raw', table) -%}
    {%- set versions = source('raw', table ~ '_versions') -%}
    {%- set names = key + columns -%}
    (
        select
        {%- for name in names %}
            current_rows.{{ name }},
        {%- endfor %}
            current_rows.updated_at
        from {{ current }} as current_rows
        where
            {{ is_visible_version('current_rows') }}
            or not exists (
                select 1
                from {{ versions }} as older_rows
                where
                    {{ same_key('older_rows', 'current_rows', key) }}
                    and (
                        {{ is_visible_version('older_rows') }}
                        or older_rows.updated_at < current_rows.updated_at
                    )
            )
        union all
        select
        {%- for name in names %}
            older_rows.{{ name }},
        {%- endfor %}
            older_rows.updated_at
        from {{ versions }} as older_rows
        inner join {{ current }} as current_rows
            on {{ same_key('older_rows', 'current_rows', key) }}
        where
            not {{ is_visible_version('current_rows') }}
            and ({{ is_visible_version('older_rows') }} or older_rows.updated_at < current_rows.updated_at)
            and not exists (
                select 1
                from {{ versions }} as other_rows
                where
                    {{ same_key('other_rows', 'older_rows', key) }}
                    and {{ version_rank('other_rows') }} > {{ version_rank('older_rows') }}
            )
    )
{%- endmacro %}


{#- Whether D may see a version of a row. -#}
{% macro is_visible_version(alias) -%}
    ({{ alias }}.updated_at is null or {{ business_date(alias ~ '.updated_at') }} <= {{ as_of_date() }})
{%- endmacro %}


{#- What the versions of a key are compared by: visible ones by the latest, the others by the earliest. -#}
{% macro version_rank(alias) -%}
    (
        {{ is_visible_version(alias) }},
        case
            when {{ is_visible_version(alias) }}
                then coalesce(extract(epoch from {{ alias }}.updated_at), '-infinity')
            else -extract(epoch from {{ alias }}.updated_at)
        end,
        (select files.file_path from {{ source('control', 'files') }} as files where files.file_id = {{ alias }}._file_id)
        collate "C",
        {{ alias }}._record_number
    )
{%- endmacro %}


{#- Equality of two rows' keys. -#}
{% macro same_key(left, right, key) -%}
    {%- for column in key -%}
        {{ left }}.{{ column }} = {{ right }}.{{ column }}{{ ' and ' if not loop.last }}
    {%- endfor -%}
{%- endmacro %}


{#-
    Whether a row's user is known: always, until a users table was delivered; from then on only if it lists the user.
    The rows of others wait.
-#}
{% macro is_known_user(user_id) -%}
    {%- if users_are_delivered() -%}
        exists (select 1 from {{ source('raw', 'users') }} as known_users where known_users.user_id = {{ user_id }})
    {%- else -%}
        true
    {%- endif -%}
{%- endmacro %}


{#- Whether a users table was delivered, so that it says who is known: true or false in Jinja. -#}
{% macro users_are_delivered() %}
    {% set delivered = "select 1 from " ~ control_schema() ~ ".files where table_name = 'users' and state = 'loaded' limit 1" %}
    {{ return(execute and run_query(delivered).rows | length > 0) }}
{% endmacro %}
