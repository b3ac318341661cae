{#-
    Whether a due episode is in a state that its campaign aims at: true in SQL. The model has due_episodes and targets.

    Args:
        target_type: layer, persona or reason.
        states: A relation of user_id, line_id, last_key_date and the state's code.
        code: The column of the code.
        when: A further condition on the state; without it any row counts.
-#}
{% macro is_in_target(target_type, states, code, when='true') -%}
    exists (
        select 1
        from {{ states }}
        inner join targets
            on
                targets.campaign_id = due_episodes.campaign_id
                and targets.campaign_version = due_episodes.campaign_version
                and targets.target_type = '{{ target_type }}'
                and targets.target_code = {{ states }}.{{ code }}
        where
            {{ states }}.user_id = due_episodes.user_id
            and {{ states }}.line_id = due_episodes.line_id
            and {{ states }}.last_key_date = due_episodes.last_key_date
            and {{ when }}
    )
{%- endmacro %}
