{#- Evidence as JSON text. Members are written as `"name": value` and joined by whoever needs the document. -#}


{#- A member whose value is a number (null-safe: a missing number is null). -#}
{% macro json_number(name, value) -%}
    ('"{{ name }}": ' || coalesce({{ as_text(value) }}, 'null'))
{%- endmacro %}


{#- A member whose value is a date. -#}
{% macro json_date(name, value) -%}
    ('"{{ name }}": ' || coalesce('"' || {{ as_text(value) }} || '"', 'null'))
{%- endmacro %}


{#- A member whose value is a text, cut after 60 characters. -#}
{% macro json_text(name, value) -%}
    ('"{{ name }}": ' || coalesce({{ json_string(value) }}, 'null'))
{%- endmacro %}


{#-
    A list of texts, as an aggregate: at most five different ones, the smallest first, each cut after 60 characters, so
    that a document stays short whatever was delivered.
-#}
{% macro json_list(value) -%}
    ('[' || {{ adapter.dispatch('json_items', 'recall')(value) }} || ']')
{%- endmacro %}


{% macro postgres__json_items(value) -%}
    array_to_string((array_agg(distinct {{ json_string(value) }}))[1:5], ', ')
{%- endmacro %}


{#- A text as JSON, cut after 60 characters. -#}
{% macro json_string(value) -%}
    {{ adapter.dispatch('json_string', 'recall')(value) }}
{%- endmacro %}


{% macro postgres__json_string(value) -%}
    cast(to_json(left({{ value }}, 60)) as text)
{%- endmacro %}


{#- A member whose value is a list of texts, as an aggregate: see json_list. -#}
{% macro json_ids(name, value) -%}
    ('"{{ name }}": ' || {{ json_list(value) }})
{%- endmacro %}


{#- Texts of a group joined in an order, as an aggregate. -#}
{% macro joined_texts(value, order_by, separator) -%}
    {{ adapter.dispatch('joined_texts', 'recall')(value, order_by, separator) }}
{%- endmacro %}


{% macro postgres__joined_texts(value, order_by, separator) -%}
    string_agg({{ value }}, '{{ separator }}' order by {{ order_by }})
{%- endmacro %}
