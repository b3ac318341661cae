-- One row per fit, line, layer (or all) and number of quiet days: who returned then, and the chance to return still.
{{ config(scope='fitted_date') }}

{{ rows_of_fits('fct_return_curves') }}
