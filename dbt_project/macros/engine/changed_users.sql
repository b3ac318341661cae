{#-
    The users of a full rebuild: everybody who is known or did anything; all of their days are new.
-#}
{% macro all_users() %}
    with

    user_merges as (

        select
            user_id,
            merged_into
        from {{ ref('stg_landing__user_merges') }}

    ),

    seen_users as (

        select user_id
        from {{ source('raw', 'users') }}

        {#- Where users were delivered nobody else is known, and their rows wait: history need not be looked through. #}
        {%- if not users_are_delivered() %}
        {%- for table in ['orders', 'visits', 'feedback'] %}
        {%- for relation in [source('raw', table), source('raw', table ~ '_versions')] %}

        union

        select user_id
        from {{ relation }}
        group by user_id
        {%- endfor %}
        {%- endfor %}
        {%- endif %}

    )

    select
        coalesce(user_merges.merged_into, seen_users.user_id) as user_id,
        cast('0001-01-01' as date) as replace_from_date,
        true as is_counted_anew
    from seen_users
    left join user_merges
        on seen_users.user_id = user_merges.user_id
    group by coalesce(user_merges.merged_into, seen_users.user_id)
{% endmacro %}


{#-
    The users of a delta night, and the first of their days that changed: null where only a timer fell due or the
    user's own row changed, so that no day did. Who is counted anew has another row of the own or other rewards, of which
    also days hang that did not change.

    Every change reaches the days of the row as it was and as it is: a load writes down the values of each version that
    it removed or filed away (control.row_changes), and the other versions of a key are looked up.
-#}
{% macro changed_users() %}
    {%- set ever = "cast('0001-01-01' as date)" -%}
    with

    user_merges as (

        select
            user_id,
            merged_into
        from {{ ref('stg_landing__user_merges') }}

    ),

    removed_rows as (

        select
            table_name,
            user_id,
            order_id,
            product_id,
            happened_at
        from {{ source('control', 'row_changes') }}
        where load_id > {{ previous_load_id() }}

    ),

    changed_products as (

        select product_id
        from {{ new_rows('products', ['product_id']) }} as products

        union

        select product_id
        from removed_rows
        where table_name = 'products'

    ),

    changed_user_rows as (

        select
            user_id,
            merged_into
        from {{ new_rows('users', ['user_id', 'merged_into'], 'registered_at') }} as users

        union

        select
            removed_rows.user_id,
            users.merged_into
        from removed_rows
        left join {{ source('raw', 'users') }} as users
            on removed_rows.user_id = users.user_id
        where removed_rows.table_name = 'users'

    ),

    {# A user who was unknown, is unknown now, or is merged: rows that waited count, or the other way round. #}
    moved_users as (

        select changed_user_rows.user_id
        from changed_user_rows
        left join {{ source('raw', 'users') }} as users
            on changed_user_rows.user_id = users.user_id
        left join {{ yesterday('dim_users') }} as listed_users
            on changed_user_rows.user_id = listed_users.user_id and listed_users.is_listed
        where
            changed_user_rows.merged_into is not null
            or users.user_id is null
            or listed_users.user_id is null

        union

        select users.merged_into as user_id
        from {{ source('raw', 'users') }} as users
        inner join changed_user_rows
            on users.user_id = changed_user_rows.user_id
        where users.merged_into is not null

        union

        select users.merged_into as user_id
        from {{ source('raw', 'users_versions') }} as users
        inner join changed_user_rows
            on users.user_id = changed_user_rows.user_id
        where users.merged_into is not null

    ),

    changed_orders as (

        select order_id
        from {{ new_rows('orders', ['order_id'], 'ordered_at') }} as orders

        union

        select order_id
        from {{ new_rows('order_items', ['order_id']) }} as order_items

        union

        select order_id
        from {{ new_rows('refunds', ['order_id'], 'refunded_at') }} as refunds

        union

        select order_id
        from removed_rows
        where table_name in ('orders', 'order_items', 'refunds')

        union

        select order_items.order_id
        from {{ source('raw', 'order_items') }} as order_items
        inner join changed_products
            on order_items.product_id = changed_products.product_id

        union

        select order_items.order_id
        from {{ source('raw', 'order_items_versions') }} as order_items
        inner join changed_products
            on order_items.product_id = changed_products.product_id

        union

        {# Orders of days on which their currency has another rate now. #}
        {%- for relation in [source('raw', 'orders'), source('raw', 'orders_versions')] %}
        select orders.order_id
        from {{ relation }} as orders
        inner join {{ ref('int_rate_days__changed') }} as rate_days
            on
                orders.currency_code = rate_days.currency_code
                and {{ business_date('orders.ordered_at') }} >= rate_days.from_date
                and (rate_days.to_date is null or {{ business_date('orders.ordered_at') }} < rate_days.to_date)

        union
        {%- endfor %}

        {# Feedback of others may hang on the orders of a user who was not known. #}
        select orders.order_id
        from {{ source('raw', 'orders') }} as orders
        inner join moved_users
            on orders.user_id = moved_users.user_id

        union

        select orders.order_id
        from {{ source('raw', 'orders_versions') }} as orders
        inner join moved_users
            on orders.user_id = moved_users.user_id

    ),

    changed_visits as (

        select
            visit_id,
            user_id,
            visited_at
        from {{ new_rows('visits', ['visit_id', 'user_id', 'visited_at'], 'visited_at') }} as visits

    ),

    changed_feedback as (

        select
            feedback_id,
            user_id,
            submitted_at
        from {{ new_rows('feedback', ['feedback_id', 'user_id', 'submitted_at'], 'submitted_at') }} as feedback

    ),

    {# Rewards move no day; their users' returns are looked at again, also when the order comes that they waited for. #}
    changed_redemptions as (

        select
            redemption_id,
            user_id
        from {{ new_rows('redemptions', ['redemption_id', 'user_id'], 'redeemed_at') }} as redemptions

    ),

    reward_users as (

        select user_id
        from changed_redemptions

        union

        select redemptions.user_id
        from {{ source('raw', 'redemptions_versions') }} as redemptions
        inner join changed_redemptions
            on redemptions.redemption_id = changed_redemptions.redemption_id

        union

        select redemptions.user_id
        from {{ source('raw', 'redemptions') }} as redemptions
        inner join changed_orders
            on redemptions.order_id = changed_orders.order_id

        union

        select redemptions.user_id
        from {{ source('raw', 'redemptions_versions') }} as redemptions
        inner join changed_orders
            on redemptions.order_id = changed_orders.order_id

        union

        select user_id
        from removed_rows
        where table_name = 'redemptions'

    ),

    {# What was done, by whom, when: the versions before and after. #}
    changed_instants as (

        select
            orders.user_id,
            orders.ordered_at as happened_at
        from {{ source('raw', 'orders') }} as orders
        inner join changed_orders
            on orders.order_id = changed_orders.order_id

        union all

        select
            orders.user_id,
            orders.ordered_at as happened_at
        from {{ source('raw', 'orders_versions') }} as orders
        inner join changed_orders
            on orders.order_id = changed_orders.order_id

        union all

        select
            feedback.user_id,
            feedback.submitted_at as happened_at
        from {{ source('raw', 'feedback') }} as feedback
        inner join changed_orders
            on feedback.order_id = changed_orders.order_id

        union all

        select
            feedback.user_id,
            feedback.submitted_at as happened_at
        from {{ source('raw', 'feedback_versions') }} as feedback
        inner join changed_orders
            on feedback.order_id = changed_orders.order_id

        union all

        select
            user_id,
            visited_at as happened_at
        from changed_visits

        union all

        select
            visits.user_id,
            visits.visited_at as happened_at
        from {{ source('raw', 'visits_versions') }} as visits
        inner join changed_visits
            on visits.visit_id = changed_visits.visit_id

        union all

        select
            visits.user_id,
            visits.visited_at as happened_at
        from {{ source('raw', 'visits') }} as visits
        inner join changed_products
            on visits.object_id = changed_products.product_id
        where visits.object_type = 'product'

        union all

        select
            user_id,
            submitted_at as happened_at
        from changed_feedback

        union all

        select
            feedback.user_id,
            feedback.submitted_at as happened_at
        from {{ source('raw', 'feedback_versions') }} as feedback
        inner join changed_feedback
            on feedback.feedback_id = changed_feedback.feedback_id

        union all

        select
            user_id,
            happened_at
        from removed_rows
        where table_name in ('orders', 'visits', 'feedback')

    ),

    due_users as (

        select customer_lines.user_id
        from {{ yesterday('int_customer_lines') }} as customer_lines
        inner join {{ ref('int_lines__delta') }} as lines
            on customer_lines.line_id = lines.line_id
        where
            not customer_lines.has_open_episode
            and customer_lines.last_key_date
            > {{ add_days(previous_as_of_date(), '- lines.lapse_days') }}
            and customer_lines.last_key_date <= {{ add_days(as_of_date(), '- lines.lapse_days') }}

    ),

    changes as (

        select
            user_id,
            {{ business_date('happened_at') }} as replace_from_date,
            false as is_counted_anew
        from changed_instants
        where {{ business_date('happened_at') }} <= {{ as_of_date() }}

        union all

        {# An order that is gone altogether is still in yesterday's mart. #}
        select
            orders.user_id,
            orders.ordered_date as replace_from_date,
            false as is_counted_anew
        from {{ yesterday('fct_orders') }} as orders
        inner join changed_orders
            on orders.order_id = changed_orders.order_id

        union all

        select
            user_id,
            {{ ever }} as replace_from_date,
            true as is_counted_anew
        from moved_users

        union all

        select
            user_id,
            cast(null as date) as replace_from_date,
            true as is_counted_anew
        from changed_user_rows

        union all

        select
            user_id,
            cast(null as date) as replace_from_date,
            true as is_counted_anew
        from reward_users

        union all

        select
            user_id,
            cast(null as date) as replace_from_date,
            false as is_counted_anew
        from due_users

        {%- if users_were_first_delivered() %}

        union all

        {# Until now every user counted as known. #}
        select
            user_id,
            {{ ever }} as replace_from_date,
            true as is_counted_anew
        from {{ yesterday('dim_users') }} as users
        {%- endif %}

    ),

    {# A merged user is changed as well: the rows under its own id go. #}
    final as (

        select
            changes.user_id,
            changes.replace_from_date,
            changes.is_counted_anew
        from changes
        left join user_merges
            on changes.user_id = user_merges.user_id
        where
            user_merges.user_id is null
            or changes.replace_from_date = {{ ever }}

        union all

        select
            user_merges.merged_into as user_id,
            changes.replace_from_date,
            changes.is_counted_anew
        from changes
        inner join user_merges
            on changes.user_id = user_merges.user_id

    )

    select
        user_id,
        min(replace_from_date) as replace_from_date,
        (max(case when is_counted_anew then 1 else 0 end) = 1) as is_counted_anew
    from final
    group by user_id
{% endmacro %}


{#- Whether the first users table arrived since the build before: true or false in Jinja. -#}
{% macro users_were_first_delivered() %}
    {% if not execute %}
        {{ return(false) }}
    {% endif %}
    {% set query %}
        select coalesce(min(load_id) > {{ previous_load_id() }}, false) as is_first
        from {{ control_schema() }}.files
        where table_name = 'users' and state in ('loaded', 'replaced')
    {% endset %}
    {{ return(run_query(query).rows[0]['is_first']) }}
{% endmacro %}
