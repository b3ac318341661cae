{#-
    The end of the hashes [0, end) that draw a person into the global holdout: the workspace's share of all hashes.
    It concerns persons drawn from now on; who was drawn once keeps the draw.
-#}
{% macro global_holdout_hash_end() -%}
    cast(floor({{ night()['global_holdout_rate'] }} * 4294967296) as bigint)
{%- endmacro %}


{#- The day for which a night selects: the one after the as-of date. -#}
{% macro selected_date() -%}
    {{ add_days(as_of_date(), 1) }}
{%- endmacro %}


{#- Names one selection of a person for a step; the same night again gives the same name. -#}
{% macro audience_id(campaign_id, step_number, person_id) -%}
    substr({{ hash_text(
        campaign_id ~ " || ':' || " ~ as_text(step_number) ~ " || ':' || " ~ as_text(selected_date()) ~ " || ':' || "
        ~ person_id
    ) }}, 1, 32)
{%- endmacro %}


{#- Whether a send uses up its step: what was suppressed, or surely did not arrive and may be tried again, does not. -#}
{% macro counts_as_sent(sends) -%}
    (
        {{ sends }}.state in ('claimed', 'sent', 'unknown')
        or ({{ sends }}.state = 'failed' and not {{ sends }}.is_retryable)
    )
{%- endmacro %}
