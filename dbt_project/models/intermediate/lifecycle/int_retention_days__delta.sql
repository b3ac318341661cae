-- One row per day after a cohort's day on which retention is looked at; the rows of int_retention_days.
{{ config(post_hook='{{ analyze(this) }}') }}

{{ retention_days_in_force() }}
