-- One row per fit, line, layer and number of quiet days: the chance to return if nobody does anything.
{{ config(scope='fitted_date') }}

{{ rows_of_fits('fct_untouched_returns') }}
