-- One row per episode of a changed user and range of days in which all four scores stand still, future days included.
-- Bands that end before anything moves stand, and the one after them ends there.
-- depends_on: {{ ref('int_episode_anchors__continued') }}, {{ ref('int_episodes__continued') }}
{{ config(post_hook='{{ analyze(this) }}') }}

{% set anchors_of_tonight = [ref('int_episode_anchors__dated')] %}
{% if not is_full_rebuild() %}
    {% do anchors_of_tonight.append(ref('int_episode_anchors__continued')) %}
{% endif %}

with

anchors as (

    {% for anchors in anchors_of_tonight %}
        select
            user_id,
            line_id,
            episode_number,
            last_key_date,
            valid_from,
            valid_to,
            last_visit_date,
            visit_count_7d_before_last_visit,
            -- Somebody who never visited is in the first bin of frequency.
            coalesce(visit_count_7d_before_last_visit, 0) as visit_count,
            last_order_date,
            order_count_30d_before_last_order as order_count
        from {{ anchors }}
        {{ 'union all' if not loop.last }}
    {% endfor %}

),

bins as (

    {{ layer_bins_in_force() }}

),

combinations as (

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
    from {{ ref('int_layer_combinations__scored') }}

),

-- The few counts that occur, each with its bin, so that anchors find theirs by equality.
visit_counts as (

    select visit_count
    from anchors
    group by visit_count

),

order_counts as (

    select order_count
    from anchors
    group by order_count

),

binned_visit_counts as (

    select
        visit_counts.visit_count,
        bins.layer_code
    from visit_counts
    inner join bins
        on
            bins.dimension_code = 'visit_count_7d_before_last_visit'
            and visit_counts.visit_count >= bins.lower_edge
            and (bins.upper_edge is null or visit_counts.visit_count < bins.upper_edge)

),

binned_order_counts as (

    select
        order_counts.order_count,
        bins.layer_code
    from order_counts
    inner join bins
        on
            bins.dimension_code = 'order_count_30d_before_last_order'
            and order_counts.order_count >= bins.lower_edge
            and (bins.upper_edge is null or order_counts.order_count < bins.upper_edge)

),

-- Days pass from bin to bin of recency; somebody who never visited is in the last one for good.
bands as (

    select
        anchors.user_id,
        anchors.line_id,
        anchors.episode_number,
        anchors.last_key_date,
        greatest(
            anchors.valid_from,
            {{ add_days('anchors.last_visit_date', 'combinations.visit_days_lower_edge') }},
            {{ add_days('anchors.last_order_date', 'combinations.order_days_lower_edge') }}
        ) as valid_from,
        least(
            anchors.valid_to,
            {{ add_days('anchors.last_visit_date', 'combinations.visit_days_upper_edge') }},
            {{ add_days('anchors.last_order_date', 'combinations.order_days_upper_edge') }}
        ) as valid_to,
        anchors.last_visit_date,
        anchors.visit_count_7d_before_last_visit,
        anchors.last_order_date,
        anchors.order_count as order_count_30d_before_last_order,
        combinations.days_since_last_visit_code,
        combinations.visit_count_7d_before_last_visit_code,
        combinations.days_since_last_order_code,
        combinations.order_count_30d_before_last_order_code,
        combinations.days_since_last_visit_score,
        combinations.visit_count_7d_before_last_visit_score,
        combinations.days_since_last_order_score,
        combinations.order_count_30d_before_last_order_score,
        combinations.layer_score,
        combinations.layer_code,
        combinations.layer_score_without_visits,
        combinations.layer_code_without_visits
    from anchors
    inner join binned_visit_counts
        on anchors.visit_count = binned_visit_counts.visit_count
    inner join binned_order_counts
        on anchors.order_count = binned_order_counts.order_count
    inner join combinations
        on
            binned_visit_counts.layer_code = combinations.visit_count_7d_before_last_visit_code
            and binned_order_counts.layer_code = combinations.order_count_30d_before_last_order_code
            and (anchors.last_visit_date is not null or combinations.visit_days_upper_edge is null)

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
from bands
where
    valid_to is null
    or valid_from < valid_to
{%- if not is_full_rebuild() %}

    union all

    select
        earlier_bands.user_id,
        earlier_bands.line_id,
        earlier_bands.episode_number,
        earlier_bands.last_key_date,
        earlier_bands.valid_from,
        continued_episodes.moved_from_date as valid_to,
        earlier_bands.last_visit_date,
        earlier_bands.visit_count_7d_before_last_visit,
        earlier_bands.last_order_date,
        earlier_bands.order_count_30d_before_last_order,
        earlier_bands.days_since_last_visit_code,
        earlier_bands.visit_count_7d_before_last_visit_code,
        earlier_bands.days_since_last_order_code,
        earlier_bands.order_count_30d_before_last_order_code,
        earlier_bands.days_since_last_visit_score,
        earlier_bands.visit_count_7d_before_last_visit_score,
        earlier_bands.days_since_last_order_score,
        earlier_bands.order_count_30d_before_last_order_score,
        earlier_bands.layer_score,
        earlier_bands.layer_code,
        earlier_bands.layer_score_without_visits,
        earlier_bands.layer_code_without_visits
    from {{ ref('int_episodes__continued') }} as continued_episodes
    inner join {{ yesterday('int_layer_bands') }} as earlier_bands
        on
            continued_episodes.user_id = earlier_bands.user_id
            and continued_episodes.line_id = earlier_bands.line_id
            and continued_episodes.last_key_date = earlier_bands.last_key_date
            and continued_episodes.moved_from_date > earlier_bands.valid_from
    where
        earlier_bands.valid_to is null
        or earlier_bands.valid_to > continued_episodes.moved_from_date
{%- endif %}
