{#- SHA-256 of a text as 64 lower-case hexadecimal digits: the same on every engine and machine. -#}
{% macro hash_text(text) -%}
    {{ adapter.dispatch('hash_text', 'recall')(text) }}
{%- endmacro %}


{% macro postgres__hash_text(text) -%}
    encode(sha256(convert_to({{ text }}, 'UTF8')), 'hex')
{%- endmacro %}
