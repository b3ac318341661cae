{#-
    Whether to recall, and with what (docs/definitions.md): every action against doing nothing. Rewards are paid to all who
    come, also to those who would have come anyway (Kumar, Bhagwat and Zhang 2015).
-#}


{#- Names an action: an offer through a channel. -#}
{% macro action_code(offer_code, channel) -%}
    ({{ offer_code }} || ':' || {{ channel }})
{%- endmacro %}


{#- A lift measured with some treated users, drawn to what was expected as if that had been seen with prior_weight users. -#}
{% macro shrunk_lift(treated_count, lift_measured, lift_prior, prior_weight) -%}
    (
        ({{ treated_count }} * coalesce({{ lift_measured }}, 0) + {{ prior_weight }} * {{ lift_prior }})
        / ({{ treated_count }} + {{ prior_weight }})
    )
{%- endmacro %}


{#- What the next lifetime brings: the contribution of a key day, times the key days until the next lapse. -#}
{% macro second_lifetime_value(contribution_per_key_day, key_days_per_lifetime) -%}
    {{ plain_amount('round(' ~ contribution_per_key_day ~ ' * ' ~ key_days_per_lifetime ~ ', 6)') }}
{%- endmacro %}


{#- The chance to return within the outcome window if the action is taken. -#}
{% macro return_rate_touched(return_rate_untouched, lift) -%}
    least(greatest({{ return_rate_untouched }} + {{ lift }}, 0), 1)
{%- endmacro %}


{#- What an action brings more than doing nothing. -#}
{% macro expected_profit(value, reward_cost, touched_rate, untouched_rate, contact_cost) -%}
    {{ plain_amount(
        'round((' ~ value ~ ' - ' ~ reward_cost ~ ') * ' ~ touched_rate ~ ' - ' ~ value ~ ' * ' ~ untouched_rate ~ ' - '
        ~ contact_cost ~ ', 6)'
    ) }}
{%- endmacro %}


{#- What an action is expected to cost: its contact for sure, its reward if the user returns. -#}
{% macro expected_cost(reward_cost, touched_rate, contact_cost) -%}
    {{ plain_amount('round(' ~ contact_cost ~ ' + ' ~ reward_cost ~ ' * ' ~ touched_rate ~ ', 6)') }}
{%- endmacro %}


{#- Why an action whose expected profit is not above 0 is not worth it. -#}
{% macro why_not_worth(value, lost_customer_profit) -%}
    case
        when {{ value }} <= 0 then 'no_value'
        when {{ lost_customer_profit }} > 0 then 'loyal_anyway'
        else 'costs_exceed_value'
    end
{%- endmacro %}


{#- Whether a customer returns for rewards only. -#}
{% macro is_gaming(return_count, rewarded_return_count, gaming_returns) -%}
    ({{ return_count }} >= {{ gaming_returns }} and {{ rewarded_return_count }} = {{ return_count }})
{%- endmacro %}


{#- What a unit of money brings; null where an action costs nothing. Under a budget the greatest come first. -#}
{% macro profit_per_cost(profit, cost) -%}
    {{ plain_amount('round(' ~ profit ~ ' / nullif(' ~ cost ~ ', 0), 6)') }}
{%- endmacro %}


{#-
    The order in which a budget or a capacity is spent: by profit per cost, what costs nothing first, what nobody knows the
    profit of last. Equals follow a draw of their own, so that no name goes before another for good.

    Args:
        profit: Expected profit; null where it is not known.
        cost: Expected cost.
        draw: A number that follows from the person.
-#}
{% macro spending_order(profit, cost, draw) -%}
    case when {{ profit }} is null then 2 when {{ cost }} = 0 then 0 else 1 end,
    coalesce({{ profit_per_cost(profit, cost) }}, 0) desc,
    {{ draw }}
{%- endmacro %}


{#-
    The rows of the latest fit that the published day may read; none without one. A relation to select from. Its day is a
    value that a query looks up once.

    Args:
        fits: A table of fits, by `ref`.
-#}
{% macro rows_of_latest_fit(fits) -%}
    (
        select *
        from {{ fits }} as fits
        where
            fits.fitted_date = (
                select max(known_fits.fitted_date)
                from {{ ref('fct_second_lifetimes') }} as known_fits
                where
                    known_fits.fitted_date <= (
                        select published.as_of_date
                        from {{ source('control', 'published') }} as published
                    )
            )
    )
{%- endmacro %}
