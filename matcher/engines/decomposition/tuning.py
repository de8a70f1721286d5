"""Every number by which the work on a subproblem was tuned, with its reason.

They were found by trying some on generated networks and public instances.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Tuning:
    """How much of what is worth its time. Names end in ``_s`` for seconds."""

    # A round that narrows the gap by less than this share of it was in vain.
    worthwhile: float = 0.02
    # What grows by a factor each time grows no further after so many, however long a solve is.
    most_times: int = 50
    # A bound counts as within the gap a little before it is, so that rounding leaves it there.
    within: float = 0.99
    # A bound this close to the plan, relatively or below 1, is proof: solvers round their answers.
    rounding: float = 1e-6
    # A plan that breaks a row by more than this, relatively, is none.
    feasible: float = 1e-5
    # What ends with a proof is done first where it can be had.
    proof_weight: float = 4.0

    # Few selections contend if they are less than this share of all; they are given this long.
    few_contend: float = 0.3
    contention_s: float = 10.0

    # Fewest steps in which prices on knapsacks settle.
    fewest_steps: int = 200
    # A tree grows for so long at first, and then each time as long as all that went before: what is
    # thought of and fixed there helps the other kinds of work.
    first_growth_s: float = 2.0
    # A tree is worth its nodes where a node takes no longer than this.
    node_s: float = 1.5

    # A search cools within this time: so much, and so much an assignment, the more the more
    # assignments there are. The first takes a part of it, each one after that twice as long as the
    # one before.
    search_s: float = 1.0
    search_assignment_s: float = 1.2e-3
    search_doubles: int = 20_000
    first_search: float = 0.25
    # What is merged as a whole next gains little from a longer first search, in all and an
    # assignment.
    before_merge_s: float = 0.5
    before_merge_assignment_s: float = 4e-4
    # Where what prices think of is no plan, so much of a search's time is spent on making it one.
    repair: float = 0.1
    # A search begins from the facilities of which the prices' mean has this much.
    thought_of: float = 0.02
    # So many nodes of the tree are looked at before a search of single sources is taken further.
    looks: int = 4
    # A search of single sources shows soon whether a plan is to be had, and cools within that and
    # so much an assignment, the next one slower by a factor.
    glance_s: float = 0.2
    single_source_assignment_s: float = 1.5e-4
    slower: float = 1.15
    # Sets of facilities are searched with this weight where single sources are assigned, HiGHS does
    # not get to the end of a merge, or there are more assignments than this, and the relative gap
    # is above this: a narrower one is for proofs to close.
    wide_weight: float = 2.0
    many: int = 5_000
    wide: float = 0.01
    # Such a search takes so many times as long as others; with more selections than this, one
    # facility more or less is too little to search anew for.
    facilities_times: float = 3.0
    facilities_selections: int = 2_000

    # A merge of all selections is given this time; a cluster this long: then another one promises
    # more.
    whole_merge_s: float = 15.0
    cluster_merge_s: float = 8.0
    # A merge of nothing but what prices think of ends at this relative gap; others at this one, or
    # at that of the solve.
    rough_gap: float = 1e-3
    merge_gap: float = 1e-4
    # How much wider the next merge is after one that was solved in vain: it sees so many times the
    # assignments thought of, with those that cost least more if they are taken.
    wider: float = 1.4
    # After so many merges in vain there are no more.
    vain_merges: int = 4

    # Subproblems of at most so many assignments are left to the exact engine, at once or after a
    # first merge, if there is time.
    tiny: int = 300
    small: int = 2_000
    # It needs so long an assignment for more than the tree proves.
    exact_assignment_s: float = 7e-3


TUNING = Tuning()
