"""Mutants that are right alone, and wrong beside others; and those that serve too many or too few."""

from datetime import timedelta

from claimbench.impl.optimized import OptimizedPipeline
from claimbench.impl.optimized.statements import is_status
from mutants.making import Mutant, limited, rewriting

_PENDING = "'PENDING_BATCHING'"
_DUE = "WHERE request.status = 'PENDING_BATCHING' AND session.company_id"


class ClaimsUnlocked(Mutant):
    """Reads the pending requests of a company without a lock before it claims them."""

    rewritten = rewriting({"FOR UPDATE OF ai_processing_request SKIP LOCKED": ""})


class ClaimsSetsUnlocked(Mutant):
    """Claims sets of requests without a lock on what it read."""

    made_of = OptimizedPipeline
    rewritten = rewriting({"FOR UPDATE OF request SKIP LOCKED": ""})


class ClaimsWhateverState(Mutant):
    """Claims what was planned, whatever state it has come to since."""

    made_of = OptimizedPipeline
    rewritten = rewriting({f"AND {is_status('request.status', _PENDING)}": ""})


class ResultsAppliedByTwo(Mutant):
    """Takes ended batches without a lock, and applies their results whatever state a request is in."""

    made_of = OptimizedPipeline
    rewritten = rewriting(
        {"FOR UPDATE SKIP LOCKED": "", f"AND {is_status('request.status', '%(expected)s')}": ""}
    )


class ServesTheSuspended(Mutant):
    """Keeps the active companies for good, so that a suspended one goes on being served from the cache."""

    made_of = OptimizedPipeline
    limits = limited(company_cache_ttl=timedelta(days=10_000))


class FirstHundredCompanies(Mutant):
    """Serves the first hundred companies only."""

    made_of = OptimizedPipeline
    rewritten = rewriting({"ORDER BY company.id": "ORDER BY company.id LIMIT 100"})


class FirstHundredSessions(Mutant):
    """Serves the first hundred sessions of a company only."""

    made_of = OptimizedPipeline
    rewritten = rewriting(
        {
            _DUE: "WHERE (SELECT count(*) FROM session AS other WHERE other.company_id = session.company_id "
            f"AND other.id < session.id) < 100 AND {_DUE.removeprefix('WHERE ')}"
        }
    )
