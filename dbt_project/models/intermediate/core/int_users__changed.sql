-- One row per user whose rows are replaced tonight, with the first of their days that changed.
-- depends_on: {{ ref('stg_landing__user_merges') }}, {{ ref('int_lines__delta') }},
-- {{ ref('int_rate_days__changed') }}
{{ config(post_hook='{{ analyze(this) }}') }}

{% if is_full_rebuild() %}
    {{ all_users() }}
{% else %}
    {{ changed_users() }}
{% endif %}
