-- One row per combination of the four dimensions' bins in force, with its scores and layers.
{{ config(post_hook='{{ analyze(this) }}') }}

with

bins as (

    {{ layer_bins_in_force() }}

),

layers as (

    {{ layers_in_force() }}

),

visit_recency_bins as (

    select
        layer_code,
        lower_edge,
        upper_edge,
        score
    from bins
    where dimension_code = 'days_since_last_visit'

),

visit_frequency_bins as (

    select
        layer_code,
        lower_edge,
        upper_edge,
        score
    from bins
    where dimension_code = 'visit_count_7d_before_last_visit'

),

order_recency_bins as (

    select
        layer_code,
        lower_edge,
        upper_edge,
        score
    from bins
    where dimension_code = 'days_since_last_order'

),

order_frequency_bins as (

    select
        layer_code,
        lower_edge,
        upper_edge,
        score
    from bins
    where dimension_code = 'order_count_30d_before_last_order'

),

possible_scores as (

    select
        max(visit_recency_bins.score) + max(visit_frequency_bins.score) as of_visits,
        max(order_recency_bins.score) + max(order_frequency_bins.score) as of_orders
    from visit_recency_bins
    cross join visit_frequency_bins
    cross join order_recency_bins
    cross join order_frequency_bins

),

scored_combinations as (

    select
        visit_recency_bins.layer_code as days_since_last_visit_code,
        visit_recency_bins.lower_edge as visit_days_lower_edge,
        visit_recency_bins.upper_edge as visit_days_upper_edge,
        visit_recency_bins.score as days_since_last_visit_score,
        visit_frequency_bins.layer_code as visit_count_7d_before_last_visit_code,
        visit_frequency_bins.score as visit_count_7d_before_last_visit_score,
        order_recency_bins.layer_code as days_since_last_order_code,
        order_recency_bins.lower_edge as order_days_lower_edge,
        order_recency_bins.upper_edge as order_days_upper_edge,
        order_recency_bins.score as days_since_last_order_score,
        order_frequency_bins.layer_code as order_count_30d_before_last_order_code,
        order_frequency_bins.score as order_count_30d_before_last_order_score,
        round(
            (
                visit_recency_bins.score
                + visit_frequency_bins.score
                + order_recency_bins.score
                + order_frequency_bins.score
            ) / (possible_scores.of_visits + possible_scores.of_orders),
            6
        ) as layer_score,
        round(
            (order_recency_bins.score + order_frequency_bins.score) / possible_scores.of_orders,
            6
        ) as layer_score_without_visits
    from visit_recency_bins
    cross join visit_frequency_bins
    cross join order_recency_bins
    cross join order_frequency_bins
    cross join possible_scores

),

final as (

    select
        scored_combinations.days_since_last_visit_code,
        scored_combinations.visit_days_lower_edge,
        scored_combinations.visit_days_upper_edge,
        scored_combinations.days_since_last_visit_score,
        scored_combinations.visit_count_7d_before_last_visit_code,
        scored_combinations.visit_count_7d_before_last_visit_score,
        scored_combinations.days_since_last_order_code,
        scored_combinations.order_days_lower_edge,
        scored_combinations.order_days_upper_edge,
        scored_combinations.days_since_last_order_score,
        scored_combinations.order_count_30d_before_last_order_code,
        scored_combinations.order_count_30d_before_last_order_score,
        scored_combinations.layer_score,
        layers.layer_code,
        scored_combinations.layer_score_without_visits,
        layers_without_visits.layer_code as layer_code_without_visits
    from scored_combinations
    inner join layers
        on
            scored_combinations.layer_score >= layers.lower_edge
            and (layers.upper_edge is null or scored_combinations.layer_score < layers.upper_edge)
    inner join layers as layers_without_visits
        on
            scored_combinations.layer_score_without_visits >= layers_without_visits.lower_edge
            and (
                layers_without_visits.upper_edge is null
                or scored_combinations.layer_score_without_visits < layers_without_visits.upper_edge
            )

)

select
    days_since_last_visit_code,
    visit_days_lower_edge,
    visit_days_upper_edge,
    days_since_last_visit_score,
    visit_count_7d_before_last_visit_code,
    visit_count_7d_before_last_visit_score,
    days_since_last_order_code,
    order_days_lower_edge,
    order_days_upper_edge,
    days_since_last_order_score,
    order_count_30d_before_last_order_code,
    order_count_30d_before_last_order_score,
    layer_score,
    layer_code,
    layer_score_without_visits,
    layer_code_without_visits
from final
