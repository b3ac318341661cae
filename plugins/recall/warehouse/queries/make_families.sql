-- Everybody whose word or behaviour counts for an entry that is asked for.
create temporary table if not exists families (
    audience_id text not null,
    survivor_id text not null,
    user_id text not null,
    is_own boolean not null
) on commit delete rows
