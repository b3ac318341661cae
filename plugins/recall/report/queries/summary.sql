-- One row: the size of what is served.
select
    (select count(*) from marts.dim_users) as user_count,
    (select count(distinct user_id) from marts.fct_churn_flags) as customer_count,
    (select count(distinct user_id) from marts.fct_churn_flags where is_churned) as churned_customer_count,
    orders.order_count,
    orders.net_amount,
    orders.first_date,
    orders.last_date,
    (select count(*) from marts.fct_lapse_episodes) as episode_count,
    (select count(*) from marts.fct_lapse_episodes where is_open) as open_episode_count,
    members.treated_count,
    members.held_out_count,
    workspace.currency_code,
    workspace.business_time_zone
from control.workspace as workspace
cross join (
    select
        count(*) as order_count,
        coalesce(sum(net_amount), 0) as net_amount,
        min(ordered_date) as first_date,
        max(ordered_date) as last_date
    from marts.fct_orders
    where is_valid
) as orders
cross join (
    select
        coalesce(sum(case when is_global_holdout or is_campaign_holdout then 0 else 1 end), 0) as treated_count,
        coalesce(sum(case when is_global_holdout or is_campaign_holdout then 1 else 0 end), 0) as held_out_count
    from audiences.aud_recall_members
    where selected_date = %(selected_date)s
) as members
