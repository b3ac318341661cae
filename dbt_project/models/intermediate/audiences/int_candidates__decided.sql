-- One row per candidate: the first reason that keeps it out, in the order of the waterfall; none for a member.
{{ config(materialized='table') }}

select
    judged.candidate_number,
    coalesce(judged.reason_code, singled.reason_code, afforded.reason_code) as reason_code
from {{ ref('int_candidates__judged') }} as judged
left join {{ ref('int_candidates__singled') }} as singled
    on judged.candidate_number = singled.candidate_number
left join {{ ref('int_candidates__afforded') }} as afforded
    on judged.candidate_number = afforded.candidate_number
