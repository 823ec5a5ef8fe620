"""Interrupted uploads, naively: each is looked up at the API before it is submitted again."""

from sqlalchemy.orm import Session as Database

from claimbench.impl.brake import Brake
from claimbench.impl.claims import Claim
from claimbench.impl.errors import ApiError
from claimbench.impl.naive.queries import interrupted_uploads
from claimbench.impl.naive.submission import adopt, is_ours, submit_all
from claimbench.impl.naive.tools import Tools
from claimbench.impl.ports import Stage, StageReport
from claimbench.impl.schema import BatchRequest

STAGE = Stage.CREATE_BATCHES


def resume_interrupted(tools: Tools, brake: Brake, claim: Claim) -> StageReport:
    """Adopt what the API already has of an interrupted upload, or submit it again."""
    report = StageReport(STAGE)
    with tools.databases() as database:
        batches = interrupted_uploads(database, tools, claim.at)
        for batch in batches:
            batch.claimed_at, batch.claimed_by = claim.at, claim.by
        database.commit()
        for batch in batches:
            if is_ours(batch, database, claim):
                report = report.plus(_resume(batch, database, tools, brake, claim))
            database.commit()
    return report


def _resume(batch: BatchRequest, database: Database, tools: Tools, brake: Brake, claim: Claim) -> StageReport:
    size = len(batch.requests)
    held = StageReport(STAGE, claimed=size, failed=size)
    if brake.is_pulled:
        batch.claimed_at = None
        return held
    try:
        found = tools.api.find_batch(batch.key)
    except ApiError as error:
        brake.feel(error)
        batch.claimed_at = None
        return held
    if found is None:
        return submit_all([batch], database, tools, brake, claim)
    adopt(batch, found)
    return StageReport(STAGE, claimed=size, created=size)
