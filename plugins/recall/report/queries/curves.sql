-- One row per line and number of quiet days, as far as the latest fit has enough gaps at risk: the share still quiet.
select
    curves.line_id,
    curves.quiet_days,
    curves.survival_rate,
    curves.return_rate,
    curves.fitted_date
from marts.fct_return_curves as curves
inner join marts.fct_churn_limits as limits
    on
        curves.fitted_date = limits.fitted_date
        and curves.line_id = limits.line_id
        and curves.quiet_days <= coalesce(limits.supported_days, limits.lapse_days_in_force)
where
    curves.layer_code = 'all'
    and curves.fitted_date = (
        select max(fits.fitted_date)
        from marts.fct_churn_limits as fits
        where fits.fitted_date <= %(as_of_date)s
    )
order by
    curves.line_id,
    curves.quiet_days
