{#-
    The net promoter score: the share of promoters less that of detractors, in percentage points from -100 to 100. Who is
    which is part of the measure's name and not a workspace's choice.
    Source: F. F. Reichheld, The One Number You Need to Grow, Harvard Business Review, December 2003.
-#}


{% macro is_promoter(score) -%}
    {{ score }} >= 9
{%- endmacro %}


{% macro is_detractor(score) -%}
    {{ score }} <= 6
{%- endmacro %}


{% macro nps(promoter_count, detractor_count, answer_count) -%}
    round(
        cast(100 * ({{ promoter_count }} - {{ detractor_count }}) as {{ numeric_type() }}) / nullif({{ answer_count }}, 0), 2
    )
{%- endmacro %}
