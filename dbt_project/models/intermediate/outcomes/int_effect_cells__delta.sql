-- One row per cell of persons and day of assignment on which one of them is followed tonight: yesterday's sums, less
-- what these persons had brought to them, plus what they bring tonight.
-- depends_on: {{ ref('int_entry_days__reopened') }}
-- depends_on: {{ ref('int_entries__reopened') }}
{{ config(materialized='table', post_hook='{{ analyze(this) }}') }}

{% if outcomes_begin() == 'rebuild' %}

    select
        {{ each_of(cell_keys()) }},
        assigned_date,
        {{ each_of(cell_sums()) }}
    from {{ ref('int_effect_cells__counted') }}
{% else %}

    with

    reopened_days as (

        select assigned_date
        from {{ ref('int_entry_days__reopened') }}

    ),

    served_persons as (

        select recalled_users.*
        from {{ yesterday('out_recalled_users') }} as recalled_users
        inner join {{ ref('int_entries__reopened') }} as reopened
            on
                recalled_users.campaign_id = reopened.campaign_id
                and recalled_users.person_id = reopened.person_id

    ),

    served_cells as (

        {{ cells_of_persons('served_persons') }}

    ),

    moves as (

        select
            {{ each_of(cell_keys()) }},
            assigned_date,
            {{ each_of(cell_sums()) }}
        from {{ ref('int_effect_cells__counted') }}

        union all

        select
            {{ each_of(cell_keys(), 'cells.$') }},
            cells.assigned_date,
            {{ each_of(cell_sums(), 'cells.$') }}
        from {{ yesterday('int_effect_cells') }} as cells
        inner join reopened_days
            on cells.assigned_date = reopened_days.assigned_date

        union all

        select
            {{ each_of(cell_keys()) }},
            assigned_date,
            {{ each_of(cell_sums(), '-$ as $') }}
        from served_cells

    ),

    cells as (

        select
            {{ each_of(cell_keys()) }},
            assigned_date,
            {{ each_of(cell_sums(), 'sum($) as $') }}
        from moves
        group by
            {{ each_of(cell_keys()) }},
            assigned_date
        having sum(user_count) <> 0

    )

    select
        {{ each_of(cell_keys()) }},
        assigned_date,
        {{ exact_sums(cell_sums()) }}
    from cells
{% endif %}
