"""What an exception of a provider means: try again, give up, or pause with one clear sentence. No key in any of it."""

from __future__ import annotations

import contextlib
import re
import time
from dataclasses import dataclass
from email.utils import parsedate_to_datetime

from loop.proposers.providers import key_of
from loop.proposers.replies import one_line
from loop.proposers.scrub import scrub

OWN_KEY = "AUTORESEARCH_API_KEY"  # for `api_base`: a provider's key is never sent to an address from program.md
NO_CREDIT = re.compile(
    r"insufficient.(quota|credit|fund|balance)|exceeded your current quota|credit balance|payment", re.I
)
NO_KEY = re.compile(r"missing.{0,40}(api.?key|credential)|api_key client option must be set|no api.?key", re.I)
NO_MODEL = re.compile(r"LLM Provider NOT provided|model.{0,80}(not found|does not exist|not exist)|unknown model", re.I)
TOO_LONG = re.compile(r"context.{0,10}(length|window)|too long|too many tokens", re.I)


@dataclass(frozen=True)
class Trouble:
    """What an exception of litellm means for the campaign."""

    sentence: str
    again: bool = False
    pause: bool = False
    refusal: bool = False
    retry_after_s: float | None = None


def diagnose(error: Exception, model: str, api_base: str | None) -> Trouble:
    """Return what an exception means; litellm's classes are known by their status and their words alone."""
    status, words = getattr(error, "status_code", None), words_of(error)
    after = _retry_after(error)
    variable = OWN_KEY if api_base else key_of(model) or "the provider's key"
    where = f" at {scrub(api_base)}" if api_base else ""
    if isinstance(error, TimeoutError) or status == 408:
        return Trouble(f"{model}{where} did not answer in time", again=True)
    if NO_KEY.search(words):
        return Trouble(f"{model} needs a key: set {variable} in the environment, then stop and start again", pause=True)
    if status in (401, 403):
        return Trouble(
            f"{model}{where} refused the key ({status}); check {variable}, then stop and start again", pause=True
        )
    if status == 402 or (NO_CREDIT.search(words) and after is None and "retry in" not in words):
        return Trouble(f"{model}: no credit left with the provider of {variable}; add some, then resume", pause=True)
    if status == 404 or NO_MODEL.search(words):
        return Trouble(f"{model}{where} is not a model there; check 'model:' in program.md ({words})", pause=True)
    if type(error).__name__ == "ContentPolicyViolationError":
        return Trouble(f"{model}: refused by a content filter", refusal=True)
    if status in (400, 413, 422):
        if TOO_LONG.search(words):
            return Trouble(f"{model} reads fewer tokens; lower 'prompt_tokens:' in program.md ({words})", pause=True)
        return Trouble(f"{model} refused the request ({status}): {words}")
    limited = " is rate limited" if status == 429 else f" failed ({words})"
    return Trouble(f"{model}{where}{limited}", again=True, retry_after_s=after)


def words_of(error: Exception) -> str:
    """Return the provider's own words on one line, without litellm's prefixes and without keys."""
    text = re.sub(r"^(?:litellm\.)?(?:\w+(?:Error|Exception|Timeout)\b:? ?(?:- )?)+", "", str(error))
    return scrub(one_line(text.partition("Traceback")[0], 160)) or type(error).__name__


def _retry_after(error: Exception) -> float | None:
    headers = getattr(error, "litellm_response_headers", None)
    headers = headers or getattr(getattr(error, "response", None), "headers", None) or {}
    value = headers.get("retry-after")
    if not value:
        return None
    try:
        return max(0.0, float(value))
    except ValueError:
        with contextlib.suppress(ValueError):
            return max(0.0, parsedate_to_datetime(value).timestamp() - time.time())
    return None
