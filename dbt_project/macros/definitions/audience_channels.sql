{# Channels in which somebody stays until taken back: audiences of advertising networks. A message is read once. #}
{% macro is_audience_channel(channel) -%}
    {{ channel }} = 'media'
{%- endmacro %}
