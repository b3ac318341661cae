-- One row per layer of the served build: what dbt built and tested, and how long it took.
select
    results.layer,
    sum(case when results.resource_type = 'test' then 0 else 1 end) as model_count,
    sum(case when results.resource_type = 'test' then 1 else 0 end) as test_count,
    sum(case when results.resource_type = 'test' and results.status = 'pass' then 1 else 0 end) as passed_count,
    sum(results.seconds) as seconds
from control.node_results as results
inner join control.published as published
    on results.build_id = published.build_id
group by results.layer
order by min(results.finished_at)
