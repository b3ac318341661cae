-- One row per episode that yesterday knew and of which tonight a band is another one, with the day up to which its
-- bands stand (null: none does).
{{ config(post_hook='{{ analyze(this) }}') }}

-- Of users who are not read again these are open ones: who came back before tonight has bands that have ended.
select
    standing_lines.user_id,
    standing_lines.line_id,
    standing_lines.last_key_date,
    continued_episodes.moved_from_date as stands_until_date
from {{ ref('int_customer_lines__standing') }} as standing_lines
left join {{ ref('int_episodes__continued') }} as continued_episodes
    on
        standing_lines.user_id = continued_episodes.user_id
        and standing_lines.line_id = continued_episodes.line_id
        and standing_lines.last_key_date = continued_episodes.last_key_date
where
    standing_lines.has_open_episode
    and (continued_episodes.user_id is null or continued_episodes.moved_from_date is not null)

union all

select
    episodes.user_id,
    episodes.line_id,
    episodes.last_key_date,
    cast(null as date) as stands_until_date
from {{ ref('int_users__reread') }} as reread_users
inner join {{ yesterday('fct_lapse_episodes') }} as episodes
    on reread_users.user_id = episodes.user_id
