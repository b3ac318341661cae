-- One row per episode of a changed user and range of days in which all four scores stand still, future days included.
{{ config(post_hook='{{ analyze(this) }}') }}

with

anchors as (

    select
        user_id,
        line_id,
        episode_number,
        last_key_date,
        valid_from,
        valid_to,
        last_visit_date,
        visit_count_7d_before_last_visit,
        last_order_date,
        order_count_30d_before_last_order
    from {{ ref('int_episode_anchors__dated') }}

),

bins as (

    {{ layer_bins_in_force() }}

),

layers as (

    {{ layers_in_force() }}

),

best_scores as (

    select
        dimension_code,
        max(score) as score
    from bins
    group by dimension_code

),

possible_scores as (

    select
        sum(score) as with_visits,
        sum(case when dimension_code in ('days_since_last_order', 'order_count_30d_before_last_order') then score end)
            as without_visits
    from best_scores

),

-- A user without any visit is in the last band of recency, for good, and in the first bin of frequency.
bands as (

    select
        anchors.user_id,
        anchors.line_id,
        anchors.episode_number,
        anchors.last_key_date,
        greatest(
            anchors.valid_from,
            {{ add_days('anchors.last_visit_date', 'visit_recency.lower_edge') }},
            {{ add_days('anchors.last_order_date', 'order_recency.lower_edge') }}
        ) as valid_from,
        least(
            anchors.valid_to,
            {{ add_days('anchors.last_visit_date', 'visit_recency.upper_edge') }},
            {{ add_days('anchors.last_order_date', 'order_recency.upper_edge') }}
        ) as valid_to,
        anchors.last_visit_date,
        anchors.visit_count_7d_before_last_visit,
        anchors.last_order_date,
        anchors.order_count_30d_before_last_order,
        visit_recency.layer_code as days_since_last_visit_code,
        visit_frequency.layer_code as visit_count_7d_before_last_visit_code,
        order_recency.layer_code as days_since_last_order_code,
        order_frequency.layer_code as order_count_30d_before_last_order_code,
        visit_recency.score as days_since_last_visit_score,
        visit_frequency.score as visit_count_7d_before_last_visit_score,
        order_recency.score as days_since_last_order_score,
        order_frequency.score as order_count_30d_before_last_order_score
    from anchors
    inner join bins as visit_recency
        on
            visit_recency.dimension_code = 'days_since_last_visit'
            and (anchors.last_visit_date is not null or visit_recency.upper_edge is null)
    inner join bins as order_recency
        on order_recency.dimension_code = 'days_since_last_order'
    inner join bins as visit_frequency
        on
            visit_frequency.dimension_code = 'visit_count_7d_before_last_visit'
            and coalesce(anchors.visit_count_7d_before_last_visit, 0) >= visit_frequency.lower_edge
            and (
                visit_frequency.upper_edge is null
                or coalesce(anchors.visit_count_7d_before_last_visit, 0) < visit_frequency.upper_edge
            )
    inner join bins as order_frequency
        on
            order_frequency.dimension_code = 'order_count_30d_before_last_order'
            and anchors.order_count_30d_before_last_order >= order_frequency.lower_edge
            and (
                order_frequency.upper_edge is null
                or anchors.order_count_30d_before_last_order < order_frequency.upper_edge
            )

),

scored_bands as (

    select
        bands.*,
        round(
            (
                bands.days_since_last_visit_score
                + bands.visit_count_7d_before_last_visit_score
                + bands.days_since_last_order_score
                + bands.order_count_30d_before_last_order_score
            ) / possible_scores.with_visits,
            6
        ) as layer_score,
        round(
            (bands.days_since_last_order_score + bands.order_count_30d_before_last_order_score)
            / possible_scores.without_visits,
            6
        ) as layer_score_without_visits
    from bands
    cross join possible_scores
    where
        bands.valid_to is null
        or bands.valid_from < bands.valid_to

),

final as (

    select
        scored_bands.user_id,
        scored_bands.line_id,
        scored_bands.episode_number,
        scored_bands.last_key_date,
        scored_bands.valid_from,
        scored_bands.valid_to,
        scored_bands.last_visit_date,
        scored_bands.visit_count_7d_before_last_visit,
        scored_bands.last_order_date,
        scored_bands.order_count_30d_before_last_order,
        scored_bands.days_since_last_visit_code,
        scored_bands.visit_count_7d_before_last_visit_code,
        scored_bands.days_since_last_order_code,
        scored_bands.order_count_30d_before_last_order_code,
        scored_bands.days_since_last_visit_score,
        scored_bands.visit_count_7d_before_last_visit_score,
        scored_bands.days_since_last_order_score,
        scored_bands.order_count_30d_before_last_order_score,
        scored_bands.layer_score,
        layers.layer_code,
        scored_bands.layer_score_without_visits,
        layers_without_visits.layer_code as layer_code_without_visits
    from scored_bands
    inner join layers
        on
            scored_bands.layer_score >= layers.lower_edge
            and (layers.upper_edge is null or scored_bands.layer_score < layers.upper_edge)
    inner join layers as layers_without_visits
        on
            scored_bands.layer_score_without_visits >= layers_without_visits.lower_edge
            and (
                layers_without_visits.upper_edge is null
                or scored_bands.layer_score_without_visits < layers_without_visits.upper_edge
            )

)

select
    user_id,
    line_id,
    episode_number,
    last_key_date,
    valid_from,
    valid_to,
    last_visit_date,
    visit_count_7d_before_last_visit,
    last_order_date,
    order_count_30d_before_last_order,
    days_since_last_visit_code,
    visit_count_7d_before_last_visit_code,
    days_since_last_order_code,
    order_count_30d_before_last_order_code,
    days_since_last_visit_score,
    visit_count_7d_before_last_visit_score,
    days_since_last_order_score,
    order_count_30d_before_last_order_score,
    layer_score,
    layer_code,
    layer_score_without_visits,
    layer_code_without_visits
from final
