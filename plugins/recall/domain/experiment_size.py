"""How many members a campaign needs for its effect on returns to be seen, and what a number of members can show.

The interval that the warehouse states later is Welch's, whose variances are not pooled; so neither are they here.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist


@dataclass(frozen=True)
class Plan:
    """What an experiment is planned with.

    Attributes:
        untouched_rate: Share 0..1 of the held out that returns within the window; above 0 and below 1.
        holdout_share: Share 0..1 of the members that is held out; above 0 and below 1.
        power: Chance 0..1 to see the lift, if it is there.
        level: Chance 0..1 to see one that is not: 1 minus the level of the interval, two-sided.
        min_event_count: Users with and without a return that each side needs before an effect is stated at all.
    """

    untouched_rate: float
    holdout_share: float
    power: float = 0.8
    level: float = 0.05
    min_event_count: int = 10

    @property
    def _z(self) -> float:
        """The two normal quantiles whose sum a lift must reach, in standard errors."""
        normal = NormalDist()
        return normal.inv_cdf(1 - self.level / 2) + normal.inv_cdf(self.power)

    def variance(self, lift: float) -> float:
        """Returns the variance of the lift times the number of members.

        Args:
            lift: Difference of the two return rates, -1..1.
        """
        touched = self.untouched_rate + lift
        return (
            touched * (1 - touched) / (1 - self.holdout_share)
            + self.untouched_rate * (1 - self.untouched_rate) / self.holdout_share
        )


def members_needed(plan: Plan, lift: float) -> int | None:
    """How many members, held out ones included, show a lift with the planned power.

    Args:
        plan: What the experiment is planned with.
        lift: Absolute lift of the return rate, not 0: 0.02 for 5 % that become 7 %.

    Returns:
        The number of members; None where the lift leads out of 0..1. It is never less than what makes an effect
        estimable: the expected returns, and those who stay away, of either side.

    Source:
        N = (z_{1-a/2} + z_power)^2 (pT qT / (1 - h) + pC qC / h) / d^2: the sample size for two proportions without
        pooling, with shares 1 - h and h of the members (Chow, Shao and Wang, Sample Size Calculations in Clinical
        Research, 2nd edition 2008, section 4.2.1).
    """
    touched = plan.untouched_rate + lift
    if not 0 < touched < 1 or lift == 0:
        return None
    seen = plan._z**2 * plan.variance(lift) / lift**2
    rarest_held_out = min(plan.untouched_rate, 1 - plan.untouched_rate) * plan.holdout_share
    rarest_treated = min(touched, 1 - touched) * (1 - plan.holdout_share)
    estimable = plan.min_event_count / min(rarest_held_out, rarest_treated)
    return math.ceil(max(seen, estimable))


def detectable_lift(plan: Plan, member_count: int) -> float | None:
    """The least positive lift that so many members show with the planned power.

    Args:
        plan: What the experiment is planned with.
        member_count: Members, held out ones included.

    Returns:
        The absolute lift of the return rate; None where so few members can show none, or too few returns or
        absences are expected among the held out for an effect to be stated.

    Source:
        `members_needed` solved for d: the greater root of (N (1 - h) / z^2 + 1) d^2 - (1 - 2 p) d - p q / h = 0, with
        p the untouched rate and q = 1 - p.
    """
    rate, share = plan.untouched_rate, plan.holdout_share
    if member_count * share * min(rate, 1 - rate) < plan.min_event_count:
        return None
    square = member_count * (1 - share) / plan._z**2 + 1
    linear = 1 - 2 * rate
    lift = (linear + math.sqrt(linear**2 + 4 * square * rate * (1 - rate) / share)) / (2 * square)
    return lift if rate + lift < 1 else None
