{% macro spark__hash_text(text) -%}
    sha2({{ text }}, 256)
{%- endmacro %}


{% macro spark__hash_number(text) -%}
    cast(conv(substr({{ hash_text(text) }}, 1, 8), 16, 10) as bigint)
{%- endmacro %}
