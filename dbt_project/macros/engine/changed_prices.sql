{#-
    The products of which a price row is new to tonight's build, or gone, and the first day that it can concern. A
    relation to select from.
-#}
{% macro changed_prices() -%}
    (
        select
            product_id,
            min(valid_from) as valid_from
        from {{ new_rows('product_prices', ['product_id', 'valid_from']) }} as new_prices
        group by product_id

        union all

        select
            product_id,
            cast('0001-01-01' as date) as valid_from
        from {{ source('control', 'row_changes') }}
        where
            load_id > {{ previous_load_id() }}
            and table_name = 'product_prices'
        group by product_id
    )
{%- endmacro %}
