-- Of each changed user the version in force on the as-of date: the latest one not after it, else the earliest; ties
-- go to the file whose path sorts last, then to the later record.
insert into contacts_as_of (user_id, phone, email, wechat_openid, postal_address)
select distinct on (user_id)
    user_id,
    phone,
    email,
    wechat_openid,
    postal_address
from (
    select
        versions.user_id,
        versions.phone,
        versions.email,
        versions.wechat_openid,
        versions.postal_address,
        versions.updated_at,
        versions._record_number,
        landed.file_path,
        coalesce(cast(versions.updated_at at time zone %(zone)s as date) > %(as_of_date)s, false) as is_later
    from (
        select user_id, phone, email, wechat_openid, postal_address, updated_at, _record_number, _file_id
        from pii.contacts
        union all
        select user_id, phone, email, wechat_openid, postal_address, updated_at, _record_number, _file_id
        from pii.contacts_versions
    ) as versions
    inner join changed_contacts using (user_id)
    left join control.files as landed on versions._file_id = landed.file_id
) as dated
order by
    user_id asc,
    is_later asc,
    case when not is_later then updated_at end desc nulls last,
    case when is_later then updated_at end asc,
    file_path collate "C" desc nulls last,
    _record_number desc
