{#-
    The days that bands of an episode spend in a layer. Visits count from the line's first visit on, of whomever; on the
    days before, their two dimensions are left out and the layer is that of the orders alone.

    Args:
        bands: Rows of int_layer_bands: the table, or a selection of it.
-#}
{% macro layer_spans(bands) -%}
select
    bands.user_id,
    bands.line_id,
    bands.episode_number,
    bands.last_key_date,
    greatest(bands.valid_from, line_visits.first_visit_date) as valid_from,
    bands.valid_to,
    bands.last_visit_date,
    bands.visit_count_7d_before_last_visit,
    bands.last_order_date,
    bands.order_count_30d_before_last_order,
    bands.days_since_last_visit_code,
    bands.visit_count_7d_before_last_visit_code,
    bands.days_since_last_order_code,
    bands.order_count_30d_before_last_order_code,
    bands.days_since_last_visit_score,
    bands.visit_count_7d_before_last_visit_score,
    bands.days_since_last_order_score,
    bands.order_count_30d_before_last_order_score,
    bands.layer_score,
    bands.layer_code
from {{ bands }} as bands
inner join {{ ref('int_line_visits') }} as line_visits
    on
        bands.line_id = line_visits.line_id
        and (bands.valid_to is null or line_visits.first_visit_date < bands.valid_to)

union all

select
    bands.user_id,
    bands.line_id,
    bands.episode_number,
    bands.last_key_date,
    bands.valid_from,
    least(bands.valid_to, line_visits.first_visit_date) as valid_to,
    cast(null as date) as last_visit_date,
    cast(null as integer) as visit_count_7d_before_last_visit,
    bands.last_order_date,
    bands.order_count_30d_before_last_order,
    cast(null as {{ dbt.type_string() }}) as days_since_last_visit_code,
    cast(null as {{ dbt.type_string() }}) as visit_count_7d_before_last_visit_code,
    bands.days_since_last_order_code,
    bands.order_count_30d_before_last_order_code,
    cast(null as {{ numeric_type() }}) as days_since_last_visit_score,
    cast(null as {{ numeric_type() }}) as visit_count_7d_before_last_visit_score,
    bands.days_since_last_order_score,
    bands.order_count_30d_before_last_order_score,
    bands.layer_score_without_visits as layer_score,
    bands.layer_code_without_visits as layer_code
from {{ bands }} as bands
left join {{ ref('int_line_visits') }} as line_visits
    on bands.line_id = line_visits.line_id
where
    line_visits.line_id is null
    or bands.valid_from < line_visits.first_visit_date
{%- endmacro %}


{#-
    The bands of some episodes, looked up one by one: the spans of everybody are read by no index.

    Args:
        episodes: Rows with user_id, line_id and last_key_date, each episode once.
-#}
{% macro bands_of_episodes(episodes) -%}
select bands.*
from {{ ref('int_layer_bands') }} as bands
inner join {{ episodes }} as wanted
    on
        bands.user_id = wanted.user_id
        and bands.line_id = wanted.line_id
        and bands.last_key_date = wanted.last_key_date
{%- endmacro %}


{#- Whether a day lies in a span from one date up to another, which is open where there is none: true in SQL. -#}
{% macro is_in_span(date, span) -%}
    ({{ span }}.valid_from <= {{ date }} and ({{ span }}.valid_to is null or {{ date }} < {{ span }}.valid_to))
{%- endmacro %}
