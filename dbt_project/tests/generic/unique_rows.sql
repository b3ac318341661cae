{#-
    Offences: values of the given columns that more than one row has. In a full rebuild, where the rows are about to get
    just that primary key, building it finds them, and looking through all of them before would cost as much again.
-#}
{% test unique_rows(model, columns) %}

select
    {{ columns | join(',\n    ') }},
    count(*) as row_count
from {{ model }}
where {{ 'false' if execute and is_full_rebuild() and becomes_primary_key(model, columns) else 'true' }}
group by
    {{ columns | join(',\n    ') }}
having count(*) > 1

{% endtest %}
