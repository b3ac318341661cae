-- One row per line and day up to D on which tonight's counts of personas or reasons may differ from yesterday's.
{{ config(post_hook='{{ analyze(this) }}') }}

with

ranges as (

    {{ moved_ranges('int_profile_moves', code='profile_code') }}

)

{{ days_of_ranges('ranges') }}
