"""The reasons for which a whole batch fails, with the messages of the API."""

from claimbench.loadgen.fake_openai.line_rules import LineProblem

ORGANIZATION = "org-claimbenchfakeopenai00000"

_TYPICAL = {
    "invalid_json_line": LineProblem(
        "invalid_json_line", "This line is not parseable as valid JSON.", None, 1
    ),
    "missing_required_parameter": LineProblem(
        "missing_required_parameter", "Missing required parameter: 'custom_id'.", "custom_id", 1
    ),
    "invalid_url": LineProblem(
        "invalid_url", "The URL provided for this request does not match the batch endpoint.", "url", 1
    ),
    "model_not_found": LineProblem(
        "model_not_found", "The provided model 'x' is not supported by the Batch API.", "body.model", 1
    ),
    "streaming_unsupported": LineProblem(
        "streaming_unsupported",
        "Chat Completions: Streaming is not supported in the Batch API.",
        "body.stream",
        1,
    ),
    "duplicate_custom_id": LineProblem(
        "duplicate_custom_id",
        "The custom_id 'x' for this request is a duplicate of another request. "
        "The custom_id parameter must be unique for each request in a batch.",
        "custom_id",
        2,
    ),
    "mismatched_model": LineProblem(
        "mismatched_model",
        "The model 'x' for this request does not match the rest of the batch. "
        "Each batch must contain requests for a single model.",
        "body.model",
        2,
    ),
    "too_many_tasks": LineProblem(
        "too_many_tasks", "The batch contains 50,001 requests, more than the limit of 50,000 requests."
    ),
}


def problem_of(code: str, file_id: str) -> LineProblem:
    """A typical problem with this code, for batches that are made to fail on purpose."""
    if code == "invalid_request":
        return cannot_find_file(file_id)
    if code == "token_limit_exceeded":
        return token_limit("gpt-4o-mini", 2_000_000)
    return _TYPICAL.get(code) or LineProblem(code, f"The batch failed with code '{code}'.")


def cannot_find_file(file_id: str) -> LineProblem:
    """A missing input file, which the API finds out only after the batch was created."""
    message = f"Cannot find file {file_id[:100]}, or organization {ORGANIZATION} does not have access to it."
    return LineProblem("invalid_request", message, "file_id")


def wrong_purpose(file_id: str, purpose: str) -> LineProblem:
    """An input file that was uploaded for something else."""
    message = f"File {file_id} was uploaded with purpose '{purpose}'; a batch needs purpose 'batch'."
    return LineProblem("invalid_request", message, "file_id")


def too_many_inputs(inputs: int, limit: int) -> LineProblem:
    """Too many texts to embed in one batch."""
    message = f"The batch contains {inputs:,} embedding inputs, more than the limit of {limit:,} inputs."
    return LineProblem("too_many_tasks", message)


def token_limit(model: str, limit: int) -> LineProblem:
    """Too many prompt tokens in the open batches of one model."""
    message = (
        f"Enqueued token limit reached for {model} in organization {ORGANIZATION}. Limit: {limit:,} enqueued "
        "tokens. Please try again once some in_progress batches have been completed."
    )
    return LineProblem("token_limit_exceeded", message)
