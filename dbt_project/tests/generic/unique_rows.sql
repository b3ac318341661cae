{#-
    Offences: values of the given columns that more than one row has. For models on the way; a delta needs no such test
    for the key of the table it becomes, whose own primary key refuses the rows when they are published.
-#}
{% test unique_rows(model, columns) %}

select
    {{ columns | join(',\n    ') }},
    count(*) as row_count
from {{ model }}
group by
    {{ columns | join(',\n    ') }}
having count(*) > 1

{% endtest %}
