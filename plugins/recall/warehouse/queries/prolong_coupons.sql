-- A step that names a code again gives it the time that it would give a new one.
update ledger.coupons as coupons
set valid_until_date = entries.selected_date + terms.until_days
from ledger.entries as entries
inner join (
    select offer_code, max(until_days) as until_days
    from definitions.coupon_terms(%(selected_date)s - 1)
    group by offer_code
) as terms on entries.offer_code = terms.offer_code
where
    entries.selected_date = %(selected_date)s
    and not entries.is_held_out
    and coupons.campaign_id = entries.campaign_id
    and coupons.person_id = entries.person_id
    and coupons.last_key_date = entries.last_key_date
    and coupons.offer_code = entries.offer_code
    and coupons.valid_until_date < entries.selected_date + terms.until_days
