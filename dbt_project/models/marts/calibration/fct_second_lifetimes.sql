-- One row per fit and line: how many key days a lifetime after a return has until the next lapse.
{{ config(scope='fitted_date') }}

{{ rows_of_fits('fct_second_lifetimes') }}
