-- One row: the sizes that the demo prints, of what is served as of its last night.
select
    (select count(*) from marts.dim_users) as household_count,
    (select count(*) from marts.fct_orders) as order_count,
    (select count(*) from raw.order_items) as item_count,
    (select count(*) from staging.stg_landing__touches) as touch_count,
    (select count(distinct campaign_id) from staging.stg_landing__touches) as campaign_count,
    (select count(*) from staging.stg_landing__redemptions) as redemption_count,
    (select count(*) from quarantine.rows) as quarantined_count
