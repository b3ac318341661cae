-- One row per fit, line, layer and action (offer x channel): the lift that it brings, and what it costs.
{{ config(scope='fitted_date') }}

{{ rows_of_fits('fct_action_effects') }}
