-- One row per open episode and reason that speaks: why the customer may have lapsed, decided at the lapse, with
-- evidence.
{{ config(scope='profiled_episodes') }}

select
    user_id,
    line_id,
    episode_number,
    reason_code,
    score,
    is_primary,
    evidence,
    last_key_date,
    lapsed_date
from {{ ref('int_churn_reasons__delta') }}
