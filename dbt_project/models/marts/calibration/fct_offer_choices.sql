-- One row per fit, churn reason and offer that a customer who left for it may get.
{{ config(scope='fitted_date') }}

{{ rows_of_fits('fct_offer_choices') }}
