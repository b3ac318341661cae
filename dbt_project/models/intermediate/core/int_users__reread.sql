-- One row per changed user all of whose days are read again: some of them are replaced, a line has a customer more, for
-- whom also earlier visits count, or what else they hang on is another one. Of all others days only come to those that
-- stand, and so does what these amount to.
-- depends_on: {{ ref('int_user_days__replaced') }}, {{ ref('int_first_orders__changed') }}
{{ config(post_hook='{{ analyze(this) }}') }}

select user_id
from {{ ref('int_users__changed') }}
where is_counted_anew
{%- if not is_full_rebuild() %}

    union

    select user_id
    from {{ ref('int_user_days__replaced') }}

    union

    select first_orders.user_id
    from {{ ref('int_first_orders__changed') }} as first_orders
    left join {{ yesterday('int_customer_lines') }} as customer_lines
        on
            first_orders.user_id = customer_lines.user_id
            and first_orders.line_id = customer_lines.line_id
    where customer_lines.user_id is null
{%- endif %}
