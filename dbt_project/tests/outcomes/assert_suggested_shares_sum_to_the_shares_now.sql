-- What is suggested for the arms of the same treatments is what they draw together now, to the sixth decimal of each.
select
    campaign_id,
    comparison_code
from {{ ref('int_arm_suggestions__delta') }}
group by
    campaign_id,
    comparison_code
having
    abs(sum(suggested_share) - sum(share_now)) > 0.000001 * count(*)
    or min(suggested_share) < 0
