-- Nobody is reached at an erased contact any more, also none of those who share it.
delete from pii.user_contact_points as links
where
    links.user_id = any(%(user_ids)s)
    or links.contact_id in (
        select points.contact_id
        from pii.contact_points as points
        inner join unnest(%(contact_codes)s::text [], %(contact_values)s::text []) as erased (contact_code, contact_value)
            on points.contact_code = erased.contact_code and lower(points.contact_value) = lower(erased.contact_value)
    )
