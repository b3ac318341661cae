-- One row per fit and line: the limit that the data suggest beside the one in force.
{{ config(scope='fitted_date') }}

{{ rows_of_fits('fct_churn_limits') }}
