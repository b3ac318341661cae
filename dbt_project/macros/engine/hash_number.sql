{#-
    A whole number in [0, 4294967296) that follows from a text alone, spread evenly: the first eight digits of its
    SHA-256. The same on every engine and machine, so a draw never depends on where it was made.
-#}
{% macro hash_number(text) -%}
    {{ adapter.dispatch('hash_number', 'recall')(text) }}
{%- endmacro %}


{% macro postgres__hash_number(text) -%}
    cast(cast('x' || substr({{ hash_text(text) }}, 1, 8) as bit(32)) as bigint)
{%- endmacro %}
