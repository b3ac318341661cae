-- One row per customer and line of a changed user whose days are not read again: where yesterday left the customer. All
-- of tonight's days come after its last ones, so that the episodes before its last key day stand.
{{ config(post_hook='{{ analyze(this) }}') }}

select
    customer_lines.user_id,
    customer_lines.line_id,
    customer_lines.first_order_date,
    customer_lines.last_order_date,
    customer_lines.last_visit_date,
    customer_lines.last_key_date,
    customer_lines.key_day_count,
    customer_lines.order_day_count,
    customer_lines.episode_count,
    customer_lines.episode_count - case when customer_lines.has_open_episode then 1 else 0 end as ended_episode_count,
    customer_lines.last_returned_date
from {{ ref('int_users__changed') }} as changed_users
inner join {{ yesterday('int_customer_lines') }} as customer_lines
    on changed_users.user_id = customer_lines.user_id
left join {{ ref('int_users__reread') }} as reread_users
    on changed_users.user_id = reread_users.user_id
where reread_users.user_id is null
